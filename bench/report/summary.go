package report

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// summaryTitle is that of the section that Write puts before the others.
const summaryTitle = "All aims"

// An aim is what is asked of one thing, with its values at all sizes.
type aim struct {
	what         string
	at           []string // the sizes, "" for the only one
	wanted, got  []string
	missed       int
	wantedDiffer bool
}

// aims reads the aims of a section out of its table, as Markdown wrote it. What
// stands before the last " at " is the same thing at several sizes, and what
// stands in brackets behind a value is not what the aim is about.
func aims(section string) []aim {
	var all []aim
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 6 {
			continue
		}
		for i, c := range cells {
			cells[i] = strings.TrimSpace(c)
		}
		verdict := Verdict(cells[4])
		if verdict != Met && verdict != Missed {
			continue
		}
		what, at := cells[1], ""
		if i := strings.LastIndex(what, " at "); i >= 0 {
			what, at = what[:i], what[i+len(" at "):]
		}
		i := slices.IndexFunc(all, func(a aim) bool { return a.what == what })
		if i < 0 {
			i = len(all)
			all = append(all, aim{what: what})
		}
		all[i].add(at, cells[2], cells[3], verdict)
	}
	return all
}

// add takes one row in.
func (a *aim) add(at, measured, wanted string, verdict Verdict) {
	value, _, _ := strings.Cut(measured, " (")
	if verdict == Missed {
		a.missed++
		value = "**" + value + "**"
	}
	a.wantedDiffer = a.wantedDiffer || len(a.wanted) > 0 && a.wanted[0] != wanted
	a.at, a.wanted, a.got = append(a.at, at), append(a.wanted, wanted), append(a.got, value)
}

// row is the line of the summary.
func (a aim) row() string {
	what, wanted, verdict := a.what, a.wanted[0], string(Met)
	if at := strings.Join(a.at, " / "); at != "" {
		what += " at " + at
	}
	if a.wantedDiffer {
		wanted = strings.Join(a.wanted, " / ")
	}
	if a.missed > 0 {
		verdict = string(Missed)
	}
	if a.missed > 0 && a.missed < len(a.got) {
		verdict += fmt.Sprintf(" %d of %d", a.missed, len(a.got))
	}
	return fmt.Sprintf("| %s | %s | %s | %s |\n", what, wanted, strings.Join(a.got, " / "), verdict)
}

// tookPattern is how long a section says it took.
var tookPattern = regexp.MustCompile(`(?m)^Measured on \S+ in (\S+), on `)

// Summary returns a section that lists every aim of the others, with one line for
// the same thing at all sizes.
func (d Document) Summary() string {
	var table strings.Builder
	met, missed := 0, 0
	var took time.Duration
	for _, section := range d.sections {
		all := aims(section)
		if len(all) > 0 {
			fmt.Fprintf(&table, "| **%s** | | | |\n", title(section))
		}
		for _, a := range all {
			missed += a.missed
			met += len(a.got) - a.missed
			table.WriteString(a.row())
		}
		if m := tookPattern.FindStringSubmatch(section); m != nil {
			if t, err := time.ParseDuration(m[1]); err == nil {
				took += t
			}
		}
	}
	return fmt.Sprintf("## %s\n\n%s The sections below took %v.\n\n| what | aim | measured | |\n|---|---|---|---|\n%s",
		summaryTitle, count(met, missed), took, table.String())
}

// count says how many values reach their aim.
func count(met, missed int) string { return fmt.Sprintf("Aims: %d met, %d missed.", met, missed) }

// Unexplained returns what misses its aim and is not named in bold in what people
// have written.
func (d Document) Unexplained() []string {
	kept := strings.Join(strings.Fields(d.kept), " ") // whatever its lines
	var left []string
	for _, section := range d.sections {
		for _, a := range aims(section) {
			if a.missed > 0 && !strings.Contains(kept, "**"+a.what+"**") {
				left = append(left, title(section)+": "+a.what)
			}
		}
	}
	return left
}
