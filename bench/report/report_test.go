package report_test

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
		"![Wall & CPU](performance/write-1.svg)", "\nAims: 1 met, 1 missed.\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// written returns the document of a section, with what people have written.
func written(t *testing.T, s *report.Section, notes string) report.Document {
	t.Helper()
	file := filepath.Join(t.TempDir(), "performance.md")
	if err := os.WriteFile(file, []byte("\n## Notes\n\n"+notes), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 { // what the first has written is no section of the second
		if err := report.Write(file, "# New\n", "## Notes", []*report.Section{s}); err != nil {
			t.Fatal(err)
		}
	}
	d, err := report.Read(file, "## Notes")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSummary(t *testing.T) {
	s := &report.Section{Title: "Writing", Run: "Measured on 2026-03-02 in 1m30s, on 2 cores."}
	s.Add("edit at 100 files", "10 ms (n=5)", "≤ 25 ms", true)
	s.Note("memory at 100 files", "3 MB")
	s.Add("edit at 1000 files", "30 ms (n=5)", "≤ 25 ms", false)
	s.Add("than clone at 100 files", "3× (2–4)", "≥ 2×", true)
	s.Add("than clone at 1000 files", "30× (20–40)", "≥ 20×", true)
	s.Add("lost", "1 of 5 commits", "none", false)
	want := `## All aims

Aims: 3 met, 2 missed. The sections below took 1m30s.

| what | aim | measured | |
|---|---|---|---|
| **Writing** | | | |
| edit at 100 files / 1000 files | ≤ 25 ms | 10 ms / **30 ms** | **missed** 1 of 2 |
| than clone at 100 files / 1000 files | ≥ 2× / ≥ 20× | 3× / 30× | met |
| lost | none | **1 of 5 commits** | **missed** |
`
	if diff := cmp.Diff(want, written(t, s, "").Summary()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestUnexplained(t *testing.T) {
	s := &report.Section{Title: "Writing"}
	for _, what := range []string{"edit at 100 files", "edit at 1000 files", "growth", "lost commits"} {
		s.Add(what, "1", "0", false)
	}
	s.Add("fine", "0", "0", true)
	d := written(t, s, "Of growth: **edit** costs, and **lost\ncommits** are lost.\n")
	if diff := cmp.Diff([]string{"Writing: growth"}, d.Unexplained()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
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
	d, err := report.Read(file, "## Notes")
	if err != nil {
		t.Fatal(err)
	}
	want := "# New\n\n" + d.Summary() + "\n" + section().Markdown("performance") + "\n## Other\n\nfigures of another run\n\n## Notes\n\nBy hand.\n\n## More by hand\n"
	if text != want {
		t.Errorf("the document is\n%s\nwant\n%s", text, want)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(file), "performance", "write-1.svg")); err != nil {
		t.Error(err)
	}
}
