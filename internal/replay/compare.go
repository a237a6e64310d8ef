package replay

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/message"
)

// An Outcome is what one policy makes of an event.
type Outcome struct {
	Reason   amend.Reason `json:"reason"`
	Playbook string       `json:"playbook,omitempty"`
	Action   string       `json:"action,omitempty"`
	Mode     amend.Mode   `json:"mode,omitempty"`
	Workload string       `json:"workload,omitempty"`
	// Edits is what would be written, each as "path:line old → new".
	Edits  []string `json:"edits,omitempty"`
	Detail string   `json:"detail,omitempty"`
}

// A Difference is an event of which two policies make different things.
type Difference struct {
	Event  string    `json:"event"`
	At     time.Time `json:"at"`
	Alert  string    `json:"alert"` // its name: text of a stranger
	Before Outcome   `json:"before"`
	After  Outcome   `json:"after"`
}

// A Report compares what two policies make of the same events.
type Report struct {
	Events      int                  `json:"events"`
	Before      map[amend.Reason]int `json:"before"` // decisions by reason
	After       map[amend.Reason]int `json:"after"`
	Differences []Difference         `json:"differences"` // in the order of the events
}

// Compare holds two lists of decisions about the same events against each other.
// Details that say the same with other times are no difference.
func Compare(before, after []amend.Decision) Report {
	r := Report{Events: len(before), Before: map[amend.Reason]int{}, After: map[amend.Reason]int{}, Differences: []Difference{}}
	for i, b := range before {
		a := after[i]
		r.Before[b.Reason]++
		r.After[a.Reason]++
		was, is := outcome(b), outcome(a)
		if was.Reason == is.Reason && was.Playbook == is.Playbook && was.Action == is.Action && was.Mode == is.Mode &&
			was.Workload == is.Workload && slices.Equal(was.Edits, is.Edits) {
			continue
		}
		r.Differences = append(r.Differences, Difference{Event: b.EventID, At: b.ReceivedAt, Alert: b.Alert, Before: was, After: is})
	}
	return r
}

func outcome(d amend.Decision) Outcome {
	o := Outcome{Reason: d.Reason, Playbook: d.Playbook, Action: d.Action, Mode: d.Mode, Detail: d.Detail}
	if d.Workload.Name != "" {
		o.Workload = d.Workload.String()
	}
	if d.Plan != nil {
		for _, e := range d.Plan.Edits {
			o.Edits = append(o.Edits, fmt.Sprintf("%s:%d %s → %s", e.Target.Path, e.Target.Line, cmp.Or(e.Old, "(not set)"), e.New))
		}
	}
	return o
}

// Reasons lists the reasons that either policy gave, changes first.
func (r Report) Reasons() []amend.Reason {
	all := maps.Clone(r.Before)
	maps.Copy(all, r.After)
	first := func(reason amend.Reason) int {
		return slices.Index([]amend.Reason{amend.ReasonSuggested, amend.ReasonAct}, reason)
	}
	return slices.SortedFunc(maps.Keys(all), func(a, b amend.Reason) int {
		return cmp.Or(cmp.Compare(first(b), first(a)), cmp.Compare(a, b))
	})
}

// String tells an outcome in a few words.
func (o Outcome) String() string {
	s := string(o.Reason)
	if o.Playbook != "" {
		s += ": " + o.Playbook + " (" + o.Action + ", " + string(o.Mode) + ")"
	}
	if len(o.Edits) > 0 {
		s += ", " + strings.Join(o.Edits, "; ")
	}
	return s
}

// marker is the first line of Markdown, by which a comment is found again.
const marker = "<!-- amend simulate --replay -->"

// maxRows bounds the table of a comment; the JSON has all of them.
const maxRows = 50

// Markdown tells the report in a comment on the change of a policy. Everything
// that comes from alerts or from the repository is inert in it.
func (r Report) Markdown() string {
	const limit = 300
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n### What this policy makes of %d recorded events\n\n| decision | before | after |\n|---|---:|---:|\n", marker, r.Events)
	for _, reason := range r.Reasons() {
		fmt.Fprintf(&b, "| %s | %d | %d |\n", message.Inert(string(reason), limit), r.Before[reason], r.After[reason])
	}
	if len(r.Differences) == 0 {
		return b.String() + "\nEvery event is decided as before.\n"
	}
	fmt.Fprintf(&b, "\n%d of them are decided otherwise:\n\n| when | alert | before | after |\n|---|---|---|---|\n", len(r.Differences))
	for _, d := range r.Differences[:min(maxRows, len(r.Differences))] {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", d.At.UTC().Format(time.RFC3339), message.Inert(d.Alert, limit),
			message.Inert(d.Before.String(), limit), message.Inert(d.After.String(), limit))
	}
	if more := len(r.Differences) - maxRows; more > 0 {
		fmt.Fprintf(&b, "\nand %d more.\n", more)
	}
	b.WriteString("\nNothing was changed. Pull requests stay open in this replay, and no change is taken back.\n")
	return b.String()
}
