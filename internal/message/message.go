// Package message writes the text that a change carries: the commit message,
// the pull request, and the trailers by which Git is the ledger.
//
// All of it derives from one amend.Plan, and the same plan gives the same
// bytes. Alert text passes Plain, Inert or Fence on its way in, so it can
// notify nobody, link nowhere, close nothing and fake no trailer.
package message

import (
	"fmt"
	"strings"
	"time"

	"github.com/amendhq/amend"
)

const (
	subjectRunes = 72    // what Git hosts show of a subject
	nameBytes    = 256   // a name or a value in a sentence or a table
	textBytes    = 4096  // a free text of the alert
	bodyBytes    = 56000 // below the 65,536 characters that GitHub takes, with room for updates
	maxEdits     = 20    // listed edits; the diff has all of them
)

// Commit returns the commit message of p: what is changed, why, on which
// evidence, and the trailers as its last paragraph. ParseTrailers reads them
// back exactly if p has an edit and its playbook and action are named in the
// alphabet of incidents.
func Commit(p amend.Plan) string {
	var b strings.Builder
	b.WriteString(subject(p) + "\n\n")
	for _, f := range facts(p) {
		fmt.Fprintf(&b, "%s: %s\n", f.label, Plain(f.text, textBytes))
	}
	b.WriteString("\nWhat:\n")
	rows, more := rows(p.Edits)
	for _, r := range rows {
		fmt.Fprintf(&b, "- %s %s %s → %s (%s)\n", Plain(r.object, nameBytes), Plain(r.field, nameBytes),
			Plain(r.before, nameBytes), Plain(r.after, nameBytes), Plain(r.place, nameBytes))
	}
	if more > 0 {
		fmt.Fprintf(&b, "- and %d more\n", more)
	}
	return b.String() + "\n" + trailersOf(p).String()
}

// subject is the first line: action, workload and alert, in plain text.
func subject(p amend.Plan) string {
	w := p.Request.Workload
	name := w.Name
	if w.Namespace != "" {
		name = w.Namespace + "/" + w.Name
	}
	s := p.Request.Action + " " + w.Kind + " " + name
	if alert := p.Request.Event.Alert.Name(); alert != "" {
		s += ": " + alert
	}
	return firstLine(s)
}

// firstLine makes of s what a host shows as a commit's subject in full.
func firstLine(s string) string {
	runes := []rune(Plain(s, textBytes))
	if len(runes) > subjectRunes {
		runes = append(runes[:subjectRunes-1], []rune(ellipsis)...)
	}
	return string(runes)
}

// A fact is one thing that a reader should know, under the name it is shown by.
type fact struct{ label, text string }

// facts lists what a reader needs to judge the change, without what nobody said.
func facts(p amend.Plan) []fact {
	a := p.Request.Event.Alert
	all := []fact{
		{"Why", "alert " + a.Name()},
		{"Summary", a.Annotations["summary"]},
		{"Description", a.Annotations["description"]},
		{"Value", a.Annotations["value"]},
		{"Since", stamp(a.StartsAt)},
		{"Evidence", a.GeneratorURL},
		{"Takes back", p.Cause},
	}
	known := all[:0]
	for _, f := range all {
		if strings.TrimSpace(f.text) != "" {
			known = append(known, f)
		}
	}
	return known
}

// A row is one edit as people read it.
type row struct{ object, field, place, before, after string }

// rows returns the first edits and how many there are beyond them.
func rows(edits []amend.Edit) (shown []row, more int) {
	more = max(0, len(edits)-maxEdits)
	for _, e := range edits[:len(edits)-more] {
		r := row{
			object: e.Object.String(),
			field:  e.Field,
			place:  fmt.Sprintf("%s:%d", e.Target.Path, e.Target.Line),
			before: value(e.Old),
			after:  value(e.New),
		}
		if e.Added {
			r.before = "(not set)"
		}
		shown = append(shown, r)
	}
	return shown, more
}

func value(s string) string {
	if s == "" {
		return "(empty)"
	}
	return s
}

// stamp writes a time for people and machines, and nothing for no time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
