package message

import "strings"

// Beside returns the body of a new pull request with more sections after the one
// that says what changes. They have to be inert, and end with a newline. Updates
// leave them as they are. A body that would leave no room for updates stays as it
// is.
func Beside(body, sections string) string {
	before, after, ok := strings.Cut(body, changeEnds+"\n")
	if !ok || len(body)+len(sections) > updateBytes-textBytes {
		return body
	}
	return before + changeEnds + "\n" + sections + after
}
