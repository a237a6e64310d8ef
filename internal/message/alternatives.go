package message

import (
	"fmt"
	"strings"

	"github.com/amendhq/amend"
)

// maxAlternatives bounds how many alternatives a review shows.
const maxAlternatives = 10

// A Suggestion is a comment on lines of a pull request that a person can commit.
type Suggestion struct {
	Path amend.RepoPath
	// Line and EndLine are 1-based and inclusive, in the file as the pull request
	// has it.
	Line, EndLine int
	Body          string
}

// Alternatives returns the Markdown body of the review of a pull request that
// shows what else could have been done, and the suggestions of it: those
// alternatives that only put other lines in the place of proposed ones, and whose
// lines are inert as they are. The body lists the others. Without any alternative
// the body is empty.
func Alternatives(all []amend.Alternative) (body string, suggestions []Suggestion) {
	var others strings.Builder
	for _, a := range all[:min(len(all), maxAlternatives)] {
		if s, ok := suggestion(a); ok {
			suggestions = append(suggestions, s)
			continue
		}
		fmt.Fprintf(&others, "- **%s** %s\n", Inert(a.Action, nameBytes), outcome(a))
	}
	if len(suggestions) > 0 {
		body = "The change could be another one. What differs in a proposed line only is suggested there: " +
			"**Commit suggestion** takes it. The branch is yours then, and amend neither plans it anew nor merges it.\n"
	}
	if others.Len() > 0 {
		body += "\nThe playbook also knows these, which no suggestion can show:\n\n" + others.String()
	}
	return strings.TrimPrefix(body, "\n"), suggestions
}

// outcome says of an alternative what it would change, or why it cannot.
func outcome(a amend.Alternative) string {
	why := Inert(a.Why, textBytes)
	if len(a.Edits) == 0 {
		return fmt.Sprintf("cannot be done now (%s). %s", Inert(string(a.Reason), nameBytes), Inert(a.Detail, textBytes))
	}
	var b strings.Builder
	b.WriteString(why)
	rows, more := rows(a.Edits)
	for _, r := range rows {
		fmt.Fprintf(&b, "\n  - %s: %s, %s → %s", Inert(r.place, nameBytes), Inert(r.field, nameBytes), Inert(r.before, nameBytes), Inert(r.after, nameBytes))
	}
	if more > 0 {
		fmt.Fprintf(&b, "\n  - and %d more", more)
	}
	return b.String()
}

// suggestion is false when the lines cannot be shown exactly as they are: they go
// into a file, so nothing in them may be broken to make them inert.
func suggestion(a amend.Alternative) (Suggestion, bool) {
	if a.Instead == nil || len(a.Instead.Text) > textBytes || block(a.Instead.Text) != a.Instead.Text {
		return Suggestion{}, false
	}
	return Suggestion{
		Path: a.Instead.Path, Line: a.Instead.Line, EndLine: a.Instead.EndLine,
		Body: fmt.Sprintf("**%s** %s\n\n", Inert(a.Action, nameBytes), Inert(a.Why, textBytes)) + Fence(a.Instead.Text, "suggestion"),
	}, true
}
