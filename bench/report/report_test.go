package report_test

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/amendhq/amend/bench/report"
)

func section() *report.Section {
	s := &report.Section{Name: "write", Title: "Writing", Text: "As described.", Plots: []report.Plot{{
		Title: "Wall & CPU", X: "files", Y: "ms",
		Series: []report.Series{{Name: "amend", Points: []report.Point{{100, 10}, {50_000, 11}}}},
	}}}
	s.Add("edit", "10 ms", "≤ 25 ms", true)
	s.Add("clone", "900 ms", "≤ 25 ms", false)
	s.Note("files", "100")
	return s
}

func TestMarkdown(t *testing.T) {
	s := section()
	got := s.Markdown("performance")
	for _, want := range []string{
		"| edit | 10 ms | ≤ 25 ms | met |", "| clone | 900 ms | ≤ 25 ms | **missed** |", "| files | 100 |  |  |",
		"![Wall & CPU](performance/write-1.svg)",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if missed := s.Missed(); len(missed) != 1 || missed[0].What != "clone" {
		t.Errorf("missed: %v", missed)
	}
}

func TestPlotIsXML(t *testing.T) {
	for _, p := range []report.Plot{section().Plots[0], {Title: "nothing"}} {
		d := xml.NewDecoder(strings.NewReader(p.SVG()))
		for {
			if _, err := d.Token(); err != nil {
				if err.Error() != "EOF" {
					t.Errorf("%s: %v", p.Title, err)
				}
				break
			}
		}
	}
}

func TestWriteKeepsWhatIsNotMeasured(t *testing.T) {
	file := filepath.Join(t.TempDir(), "performance.md")
	if err := os.WriteFile(file, []byte("# Old\n\n## Writing\n\nold figures\n\n## Other\n\nfigures of another run\n\n## Notes\n\nBy hand.\n\n## More by hand\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := report.Write(file, "# New\n", "## Notes", []*report.Section{section()}); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	want := "# New\n\n" + section().Markdown("performance") + "\n## Other\n\nfigures of another run\n\n## Notes\n\nBy hand.\n\n## More by hand\n"
	if text != want {
		t.Errorf("the document is\n%s\nwant\n%s", text, want)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(file), "performance", "write-1.svg")); err != nil {
		t.Error(err)
	}
}
