package report

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/message"
)

// The bounds of the Markdown in bytes: GitHub takes 65,536 characters in the body
// of a pull request, and a reader much less.
const (
	bodyBytes  = 60000
	lineBytes  = 400  // one entry, finding or reason
	nameBytes  = 160  // one name or cell
	modelBytes = 4000 // the text of a model
	logBytes   = 6000 // the end of one log
	maxLogs    = 8
	maxListed  = 20 // resources
	maxThought = 4  // hypotheses, and reasons of each
	maxOffered = 8  // suggestions, and parts that are missing
)

// Markdown returns the whole report, at most 60,000 bytes long. All foreign text
// in it is inert (see package message): it links nowhere, shows no image and
// notifies nobody.
func (r Report) Markdown() string {
	e := r.Evidence
	about := cmp.Or(e.Event.Alert.Name(), "a workload")
	if e.Workload.Name != "" {
		about += " on " + e.Workload.String()
	}
	var b strings.Builder
	b.WriteString("## Investigation of " + inert(about) + "\n")
	if !e.At.IsZero() {
		b.WriteString("\nEvidence of " + stamp(e.At) + ".\n")
	}
	b.WriteString(r.timeline() + list("Key findings", r.Findings, "Nothing stands out.") + resources(e) + r.hypotheses() + r.suggested())
	b.WriteString(plots(e.Series))
	unread := unread(e.Unread)
	b.WriteString(logs(e.Logs, bodyBytes-b.Len()-len(unread)))
	return b.String() + unread
}

func (r Report) timeline() string {
	lines := make([]string, 0, len(r.Timeline))
	for _, t := range r.Timeline {
		lines = append(lines, stamp(t.At)+": "+t.Text)
	}
	return list("Timeline", lines, "Nothing with a time is known.")
}

func (r Report) hypotheses() string {
	var b strings.Builder
	b.WriteString("\n### Hypothesis\n\n")
	ruled, model := 0, ""
	for _, h := range r.Hypotheses {
		if h.Model {
			model = "- A model reads the evidence like this: " + message.Inert(h.Text, modelBytes) + "\n"
			continue
		}
		if ruled++; ruled > maxThought {
			continue
		}
		fmt.Fprintf(&b, "- %s Confidence: %s.\n", inert(h.Text), name(string(h.Confidence)))
		for _, why := range h.Because[:min(len(h.Because), maxThought)] {
			b.WriteString("  - " + inert(why) + "\n")
		}
	}
	if ruled == 0 {
		b.WriteString("- No rule recognises a cause in this evidence.\n")
	}
	return b.String() + model
}

func (r Report) suggested() string {
	var b strings.Builder
	b.WriteString("\n### Suggestions\n\n")
	if len(r.Suggestions) == 0 {
		return b.String() + "The policy allows amend no action here. A person has to look.\n"
	}
	fits := false
	for _, s := range r.Suggestions[:min(len(r.Suggestions), maxOffered)] {
		fmt.Fprintf(&b, "- **%s**", name(s.Action))
		if s.Summary != "" {
			b.WriteString(": " + inert(s.Summary))
		}
		if s.Summary == "" {
			b.WriteByte('.')
		}
		if s.Playbook != "" {
			fmt.Fprintf(&b, " Playbook %s, mode %s.", name(s.Playbook), name(string(s.Mode)))
		}
		if s.Fits {
			b.WriteString(" It answers the hypothesis.")
			fits = true
		}
		b.WriteByte('\n')
	}
	if !fits && len(r.Hypotheses) > 0 {
		b.WriteString("\nThe policy allows these, and none of them answers the hypothesis.\n")
	}
	return b.String()
}

// list writes a section of sentences.
func list(title string, lines []string, none string) string {
	var b strings.Builder
	b.WriteString("\n### " + title + "\n\n")
	for _, l := range lines {
		b.WriteString("- " + inert(l) + "\n")
	}
	if len(lines) == 0 {
		b.WriteString(none + "\n")
	}
	return b.String()
}

// resources is a table of the objects that have a part in the trouble.
func resources(e amend.Evidence) string {
	type row struct{ object, state string }
	var rows []row
	add := func(object, format string, args ...any) {
		rows = append(rows, row{object, fmt.Sprintf(format, args...)})
	}
	if e.Workload.Name != "" {
		add(e.Workload.String(), "%s", cmp.Or(container(e.Workload.Container), "the workload"))
	}
	if s := e.Scaler; s != nil {
		add("HorizontalPodAutoscaler/"+e.Workload.Namespace+"/"+s.Name, "%d of %d to %d replicas", s.Current, s.Min, s.Max)
	}
	for _, c := range e.Claims {
		add("PersistentVolumeClaim/"+e.Workload.Namespace+"/"+c.Name, "%s", c.Capacity)
	}
	if r, ok := first(e.Rollouts); ok {
		add(r.Name, "revision %d of %s", r.Revision, stamp(r.At))
	}
	for _, p := range e.Pods {
		add("Pod/"+e.Workload.Namespace+"/"+p.Name, "%s%s", joined(p.Phase, p.Reason), readiness(p))
	}
	if len(rows) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n### Related resources\n\n| Resource | State |\n|---|---|\n")
	for _, r := range rows[:min(len(rows), maxListed)] {
		fmt.Fprintf(&b, "| %s | %s |\n", name(r.object), name(r.state))
	}
	if more := len(rows) - maxListed; more > 0 {
		fmt.Fprintf(&b, "\nand %d more.\n", more)
	}
	return b.String()
}

func container(c string) string {
	if c == "" {
		return ""
	}
	return "container " + c
}

func readiness(p amend.Pod) string {
	if p.Ready {
		return ", ready"
	}
	return ", not ready"
}

// plots draws the series as text: a pull request shows no SVG.
func plots(series []amend.Series) string {
	var b strings.Builder
	for i, s := range drawn(series) {
		if i == 0 {
			b.WriteString(message.Plain(s.Expr, lineBytes) + "\n\n")
		}
		a := axesOf([]amend.Series{s})
		fmt.Fprintf(&b, "%s\n%s  from %s to %s, %s to %s\n", message.Plain(label(s), nameBytes), spark(s.Points),
			number(a.low), number(a.high), a.from.UTC().Format(time.TimeOnly), a.to.UTC().Format(time.TimeOnly))
	}
	if b.Len() == 0 {
		return ""
	}
	return "\n### Metrics\n\n" + message.Fence(b.String(), "")
}

// logs shows the ends of logs in at most limit bytes.
func logs(all []amend.Log, limit int) string {
	var b strings.Builder
	for _, l := range all[:min(len(all), maxLogs)] {
		title := fmt.Sprintf("\nContainer %s of pod %s", name(l.Container), name(l.Pod))
		if l.Previous {
			title += ", before its last restart"
		}
		section := title + ":\n\n" + message.Fence(lastLines(l.Text), "")
		if b.Len()+len(section) > limit-len(logsTitle) {
			break
		}
		b.WriteString(section)
	}
	if b.Len() == 0 {
		return ""
	}
	return logsTitle + b.String()
}

const logsTitle = "\n### Logs\n"

// lastLines returns the last lines of a log that fit.
func lastLines(text string) string {
	if len(text) <= logBytes {
		return text
	}
	text = strings.ToValidUTF8(text[len(text)-logBytes:], "")
	if _, rest, ok := strings.Cut(text, "\n"); ok {
		text = rest
	}
	return text
}

func unread(all []amend.Unread) string {
	if len(all) == 0 {
		return ""
	}
	lines := make([]string, 0, len(all))
	for _, u := range all[:min(len(all), maxOffered)] {
		lines = append(lines, joined(u.Part, u.Reason))
	}
	return list("What could not be read", lines, "")
}

func inert(s string) string { return message.Inert(s, lineBytes) }

func name(s string) string { return message.Inert(s, nameBytes) }
