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

// A Row is one cell of a benchmark. The same thing at another size has the same
// What up to " at ", and what stands behind a value in brackets is beside the aim.
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
	if met, missed := s.verdicts(); met+missed > 0 {
		fmt.Fprintf(&b, "\n%s\n", count(met, missed))
	}
	for i, p := range s.Plots {
		fmt.Fprintf(&b, "\n![%s](%s/%s)\n", p.Title, plots, s.plotFile(i))
	}
	return b.String()
}

// verdicts counts the rows that reach their aim and those that miss it.
func (s *Section) verdicts() (met, missed int) {
	for _, r := range s.Rows {
		switch r.Verdict {
		case Met:
			met++
		case Missed:
			missed++
		}
	}
	return met, missed
}

func (s *Section) plotFile(i int) string { return fmt.Sprintf("%s-%d.svg", s.Name, i+1) }

// A Document is what Write has written.
type Document struct {
	sections []string // in Markdown, without the Summary
	kept     string   // what people have written
}

// Read reads a document, whose part from the line keep on is written by people. One
// that does not exist is empty.
func Read(file, keep string) (Document, error) {
	data, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Document{}, err
	}
	var d Document
	text := string(data)
	if i := strings.Index(text, "\n"+keep+"\n"); i >= 0 {
		text, d.kept = text[:i+1], text[i+1:]
	}
	for _, part := range strings.Split("\n"+text, "\n## ")[1:] {
		part = "## " + strings.TrimRight(part, "\n") + "\n"
		if title(part) != summaryTitle {
			d.sections = append(d.sections, part)
		}
	}
	return d, nil
}

// Write writes the document and, in a folder of its name beside it, the plots.
// Sections that the document has and this run has not stay as they are. So does
// what stands from the line keep on. Before all sections stands their Summary.
func Write(file, preamble, keep string, sections []*Section) error {
	folder := strings.TrimSuffix(file, filepath.Ext(file))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	d, err := Read(file, keep)
	if err != nil {
		return err
	}
	for _, s := range sections {
		text := s.Markdown(filepath.Base(folder))
		if i := slices.IndexFunc(d.sections, func(old string) bool { return title(old) == s.Title }); i >= 0 {
			d.sections[i] = text
		} else {
			d.sections = append(d.sections, text)
		}
		for i, p := range s.Plots {
			if err := os.WriteFile(filepath.Join(folder, s.plotFile(i)), []byte(p.SVG()), 0o644); err != nil {
				return err
			}
		}
	}
	parts := slices.Concat([]string{preamble, d.Summary()}, d.sections)
	if d.kept != "" {
		parts = append(parts, d.kept)
	}
	return os.WriteFile(file, []byte(strings.Join(parts, "\n")), 0o644)
}

// title is that of a section in Markdown.
func title(section string) string {
	first, _, _ := strings.Cut(section, "\n")
	return strings.TrimPrefix(first, "## ")
}
