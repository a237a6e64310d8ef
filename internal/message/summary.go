package message

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/amendhq/amend"
)

// The section of a summary that amend writes: a task list, one line for each change.
const (
	summaryBegins = "<!-- amend:summary -->"
	summaryEnds   = "<!-- /amend:summary -->"
)

// taskForm is a line of that list. What names the change comes last, where no text
// of a record gets to.
var taskForm = regexp.MustCompile("^- \\[([ xX])\\] .*, incident `([a-z0-9-]+)`, episode ([0-9]+)\r?$")

// Summary returns the title and the body of the pull request that proposes many
// changes, each as a commit of its own. It is made of records alone, which hold no
// text of an alert. Gathered and Over bring it up to date.
func Summary(changes []amend.Record) (title, body string) {
	title = "Changes of a storm of alerts"
	if len(changes) > 0 {
		title += ", from " + changes[0].Action + " " + changes[0].Target + " on"
	}
	return firstLine(title), "More changes were asked for than the policy makes one by one, so amend proposes the others together, each as a commit of its own.\n\n" +
		"### Changes\n\n" + summaryBegins + "\n" + tasks(changes) + summaryEnds + "\n" +
		"\nA checked box says that the alert is over. amend checks the boxes, and when all of them are, it closes the pull request.\n" +
		"\n### What you can do\n\n" +
		"- **Accept** all of it with a merge commit or by rebasing, and **do not squash**: the log, the audit, verification and reverts know a change by its own commit, and a squash leaves one commit for all of them.\n" +
		"- **Accept some** by cherry-picking their commits to the branch, and close it then.\n" +
		"- **Reject** it by closing it without merging. That mutes the incidents of all changes that are in it and nowhere else, until the `mute` times of their playbooks (7 days by default) are over.\n" +
		"- When a file of it is changed on the branch first, amend closes it, and proposes anew what still fires. That mutes nothing.\n"
}

func tasks(changes []amend.Record) string {
	var b strings.Builder
	for _, r := range changes {
		fmt.Fprintf(&b, "- [ ] **%s** on %s, %s, incident `%s`, episode %d\n", Inert(r.Action, nameBytes), Inert(r.Target, nameBytes), Inert(r.Edited, nameBytes), r.Incident, r.Episode)
	}
	return b.String()
}

// names reports whether a line of a task list is about a change.
func names(line string, r amend.Record) bool {
	m := taskForm.FindStringSubmatch(line)
	return m != nil && m[2] == r.Incident && m[3] == fmt.Sprint(r.Episode)
}

// Gathered returns the body of a summary with a line for each of the changes: those
// that it lacks come last. A body without its list stays as it is.
func Gathered(body string, changes []amend.Record) string {
	lines := strings.Split(body, "\n")
	_, to, ok := section(lines, is(summaryBegins), summaryEnds)
	if !ok {
		return body
	}
	missing := slices.DeleteFunc(slices.Clone(changes), func(r amend.Record) bool {
		return slices.ContainsFunc(lines, func(line string) bool { return names(line, r) })
	})
	if len(missing) == 0 {
		return body
	}
	added := strings.Split(strings.TrimSuffix(tasks(missing), "\n"), "\n")
	return strings.Join(slices.Insert(lines, to, added...), "\n")
}

// Over returns the body of a summary with the box of a change checked, because its
// alert is over, or unchecked, because it fires again.
func Over(body string, r amend.Record, over bool) string {
	box := map[bool]string{true: "- [x]", false: "- [ ]"}[over]
	lines := strings.Split(body, "\n")
	for i, line := range lines {
		if names(line, r) {
			lines[i] = box + line[len(box):]
		}
	}
	return strings.Join(lines, "\n")
}

// AllOver reports whether the body of a summary has the boxes of all of the changes,
// checked.
func AllOver(body string, changes []amend.Record) bool {
	lines := strings.Split(body, "\n")
	return !slices.ContainsFunc(changes, func(r amend.Record) bool {
		return !slices.ContainsFunc(lines, func(line string) bool {
			return names(line, r) && !strings.HasPrefix(line, "- [ ]")
		})
	})
}
