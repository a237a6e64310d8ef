package cause

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxChanges bounds the fields of one candidate that are listed.
const maxChanges = 5

// Lines tell the result to people, the answer first. They hold text from the
// repo: what prints them makes it inert.
func (r Result) Lines() []string {
	var lines []string
	within := span(r.Until.Sub(r.Since))
	switch r.Outcome {
	case Named:
	case Several:
		lines = append(lines, "Several commits are about as likely to be the cause, so none is named.")
	case Unlikely:
		lines = append(lines, fmt.Sprintf("What changed the workload in the %s before is not likely to be the cause; look elsewhere, too.", within))
	case None:
		lines = append(lines, fmt.Sprintf("No commit changed the workload in the %s before the trouble began; look elsewhere.", within))
	case Unknown:
		lines = append(lines, "It cannot be told which commit changed the workload, as not all could be looked at.")
	}
	for _, c := range r.Candidates {
		lines = append(lines, c.Headline(r.Until))
		for _, e := range slices.Concat(furtherChanges(c.Changes), c.Evidence) {
			lines = append(lines, "  "+e)
		}
	}
	return append(append(lines, r.Passed...), r.Limits...)
}

// Headline says in one sentence what the commit did, and when before the trouble
// began. It holds text from the repo.
func (c Candidate) Headline(began time.Time) string {
	more := ""
	if n := len(c.Changes) - 1; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	blamed := c.Blamed()
	return fmt.Sprintf("Commit %.12s by %s (%.72s), %s before, %s%s: confidence %.0f%%.",
		blamed.SHA, by(blamed), blamed.Subject, span(began.Sub(c.At)), c.Changes[0].did(), more, 100*c.Confidence)
}

// did says in the past tense what became of the field. Where the pods of a
// workload stand in it goes without saying.
func (c Change) did() string {
	field := c.Field
	for _, pods := range []string{"spec.template.spec.", "spec.jobTemplate.spec.template.spec."} {
		field = strings.TrimPrefix(field, pods)
	}
	switch {
	case c.Kind == Presence && c.Old == "":
		return "added " + c.Object.String()
	case c.Kind == Presence:
		return "removed " + c.Object.String()
	case c.Old == "" && c.New == "":
		return fmt.Sprintf("changed %s of %s", field, c.Object)
	case c.Old == "":
		return fmt.Sprintf("set %s of %s to %s", field, c.Object, c.New)
	case c.New == "":
		return fmt.Sprintf("took away %s of %s, which was %s", field, c.Object, c.Old)
	}
	return fmt.Sprintf("changed %s of %s from %s to %s", field, c.Object, c.Old, c.New)
}

// furtherChanges lists the fields that the headline only counts.
func furtherChanges(changes []Change) []string {
	var lines []string
	for _, c := range changes[1:min(len(changes), maxChanges)] {
		lines = append(lines, "It "+c.did()+".")
	}
	if more := len(changes) - maxChanges; more > 0 {
		lines = append(lines, fmt.Sprintf("It changed %d more fields.", more))
	}
	return lines
}

// line says when the change took effect, so long before the trouble.
func (l landing) line(before time.Duration) string {
	switch {
	case l.bound:
		return fmt.Sprintf("It was committed at %s, %s before the trouble began; Argo CD had deployed it by then, and its history does not say when.", stamp(l.at), span(before))
	case l.deployed:
		return fmt.Sprintf("Argo CD deployed it at %s, %s before the trouble began.", stamp(l.at), span(before))
	}
	return fmt.Sprintf("It was committed at %s, %s before the trouble began; when it was deployed is not known.", stamp(l.at), span(before))
}

func by(c Commit) string {
	if c.Author == "" {
		return "somebody"
	}
	return c.Author
}

func ids(commits []Commit) string {
	var shas []string
	for _, c := range commits {
		shas = append(shas, fmt.Sprintf("%.12s", c.SHA))
	}
	return "Commit " + strings.Join(shas, ", ")
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// span writes a duration as people say it: 45s, 5m, 2h10m, 3d4h.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour && d%time.Hour < time.Minute:
		return fmt.Sprintf("%dh", int(d.Hours()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}
