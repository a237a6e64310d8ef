// Package report writes what was measured as Markdown with SVG plots.
package report

import (
	"fmt"
	"os"
	"path/filepath"
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
	fmt.Fprintf(&b, "## %s\n\n%s\n\n| measured | value | aim | |\n|---|---|---|---|\n", s.Title, strings.TrimSpace(s.Text))
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
// What stands in the document from the line keep on is written by people and
// stays.
func Write(file, preamble, keep string, sections []*Section) error {
	folder := strings.TrimSuffix(file, filepath.Ext(file))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString(preamble)
	for _, s := range sections {
		b.WriteString("\n" + s.Markdown(filepath.Base(folder)))
		for i, p := range s.Plots {
			if err := os.WriteFile(filepath.Join(folder, s.plotFile(i)), []byte(p.SVG()), 0o644); err != nil {
				return err
			}
		}
	}
	if old, err := os.ReadFile(file); err == nil {
		if i := strings.Index(string(old), "\n"+keep+"\n"); i >= 0 {
			b.Write(old[i:])
		}
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}
