package message

import (
	"fmt"
	"strings"

	"github.com/amendhq/amend"
)

// PullRequest returns the title and the Markdown body of the pull request that
// proposes p. The title is the subject of Commit. The body is at most 56 kB:
// a longer diff is cut at a line and says so. Its last paragraph repeats the
// trailers, so the record survives a squash merge whether the host proposes
// the commit's message or the pull request's text. Updated brings it up to date.
func PullRequest(p amend.Plan) (title, body string) {
	tail := opening(p.Request.Event) + choices(p.Request.Incident())
	if t := trailersOf(p).String(); len(t) <= textBytes {
		tail += t
	}
	return subject(p), change(p, bodyBytes-len(tail)) + tail
}

// change is the section that says what is proposed and why, at most limit bytes
// long.
func change(p amend.Plan, limit int) string {
	var head strings.Builder
	head.WriteString(changeBegins + "\n\n")
	writeWhy(&head, p)
	writeWhat(&head, p.Edits)
	const end = "\n" + changeEnds + "\n"
	return head.String() + diff(p.Diff, limit-head.Len()-len(end)) + end
}

func writeWhy(b *strings.Builder, p amend.Plan) {
	r := p.Request
	fmt.Fprintf(b, "Playbook **%s** answers an alert with **%s** on %s.\n\n", Inert(r.Playbook, nameBytes),
		Inert(r.Action, nameBytes), Inert(r.Workload.String(), nameBytes))
	for _, f := range facts(p) {
		fmt.Fprintf(b, "- %s: %s\n", f.label, Inert(f.text, textBytes))
	}
}

func writeWhat(b *strings.Builder, edits []amend.Edit) {
	b.WriteString("\n### What changes\n\n| Object | Field | File | Before | After |\n|---|---|---|---|---|\n")
	rows, more := rows(edits)
	for _, r := range rows {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", Inert(r.object, nameBytes), Inert(r.field, nameBytes),
			Inert(r.place, nameBytes), Inert(r.before, nameBytes), Inert(r.after, nameBytes))
	}
	if more > 0 {
		fmt.Fprintf(b, "\nand %d more, see the diff.\n", more)
	}
}

func choices(incident string) string {
	return "\n### What you can do\n\n" +
		"- **Accept** it by merging, with any method. A squash keeps the record as long as the proposed commit message " +
		"keeps its last paragraph, the lines that start with `Amend-`.\n" +
		"- **Reject** it by closing it without merging. That mutes incident " + Inert(incident, nameBytes) +
		": its alerts open no new pull request until the `mute` time of the playbook (7 days by default) is over.\n" +
		"- If the alert resolves first, it is closed for you, and that mutes nothing.\n\n"
}

// diff returns the section with the diff, at most limit bytes long.
func diff(unified string, limit int) string {
	const (
		opening = "\n### Diff\n\n"
		cut     = "\nThe diff is cut here; the changed files of the pull request have all of it.\n"
	)
	// No line of a diff begins like this, and none may pass for a section's.
	unified = strings.ReplaceAll("\n"+unified, "\n<!--", "\n"+zeroWidth+"<!--")[1:]
	section := opening + Fence(unified, "diff")
	// How much a fence adds depends on the text, so lines are left out until
	// it fits.
	lines := strings.SplitAfter(unified[:min(len(unified), limit)], "\n")
	for len(section) > limit && len(lines) > 0 {
		lines = lines[:len(lines)-1-len(lines)/20]
		section = opening + Fence(strings.Join(lines, ""), "diff") + cut
	}
	return section
}
