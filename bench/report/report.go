// Package report writes what was measured as Markdown with SVG plots.
package report

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Verdict says whether a measured value reaches its aim.
type Verdict string

// The verdicts. A cell without an aim has none.
const (
	None   Verdict = ""
	Met    Verdict = "met"
	Missed Verdict = "**missed**"
)

// Judge returns the verdict on a condition.
func Judge(met bool) Verdict {
	if met {
		return Met
	}
	return Missed
}

// A Row is one cell of a benchmark.
type Row struct {
	What, Measured, Aim string
	Verdict             Verdict
}

// A Section is one benchmark.
type Section struct {
	Name  string // of its plots' files
	Title string
	Text  string // how it was measured, in Markdown
	Run   string // when and on what
	Rows  []Row
	Plots []Plot
}

// Add appends a row with an aim.
func (s *Section) Add(what, measured, aim string, met bool) {
	s.Rows = append(s.Rows, Row{what, measured, aim, Judge(met)})
}

// Note appends a row without an aim.
func (s *Section) Note(what, measured string) {
	s.Rows = append(s.Rows, Row{What: what, Measured: measured})
}

// Markdown returns the table of the section, with its plots as files in the
// folder plots.
func (s *Section) Markdown(plots string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n\n", s.Title, strings.TrimSpace(s.Text))
	if s.Run != "" {
		fmt.Fprintf(&b, "%s\n\n", s.Run)
	}
	b.WriteString("| measured | value | aim | |\n|---|---|---|---|\n")
	for _, r := range s.Rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.What, r.Measured, r.Aim, r.Verdict)
	}
	for i, p := range s.Plots {
		fmt.Fprintf(&b, "\n![%s](%s/%s)\n", p.Title, plots, s.plotFile(i))
	}
	return b.String()
}

// Missed returns the rows whose aim is missed.
func (s *Section) Missed() []Row {
	var rows []Row
	for _, r := range s.Rows {
		if r.Verdict == Missed {
			rows = append(rows, r)
		}
	}
	return rows
}

func (s *Section) plotFile(i int) string { return fmt.Sprintf("%s-%d.svg", s.Name, i+1) }

// Write writes the document and, in a folder of its name beside it, the plots.
// Sections that the document has and this run has not stay as they are. So does
// what stands from the line keep on: it is written by people.
func Write(file, preamble, keep string, sections []*Section) error {
	folder := strings.TrimSuffix(file, filepath.Ext(file))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parts, kept := split(string(old), keep)
	for _, s := range sections {
		text := s.Markdown(filepath.Base(folder))
		same := func(part string) bool { return strings.HasPrefix(part, "## "+s.Title+"\n") }
		if i := slices.IndexFunc(parts, same); i >= 0 {
			parts[i] = text
		} else {
			parts = append(parts, text)
		}
		for i, p := range s.Plots {
			if err := os.WriteFile(filepath.Join(folder, s.plotFile(i)), []byte(p.SVG()), 0o644); err != nil {
				return err
			}
		}
	}
	parts = append([]string{preamble}, parts...)
	if kept != "" {
		parts = append(parts, kept)
	}
	return os.WriteFile(file, []byte(strings.Join(parts, "\n")), 0o644)
}

// split cuts a document into its sections, without what stands before the
// first, and what people have written.
func split(document, keep string) (sections []string, kept string) {
	if i := strings.Index(document, "\n"+keep+"\n"); i >= 0 {
		document, kept = document[:i+1], document[i+1:]
	}
	parts := strings.Split("\n"+document, "\n## ")
	for _, part := range parts[1:] {
		sections = append(sections, "## "+strings.TrimRight(part, "\n")+"\n")
	}
	return sections, kept
}
