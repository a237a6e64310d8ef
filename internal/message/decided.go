package message

import (
	"fmt"

	"github.com/amendhq/amend"
)

// Decided is a decision in one line, for people at a terminal: what it is about, and
// where the change is.
func Decided(d amend.Decision) string {
	text := fmt.Sprintf("%s: %s", Plain(d.Alert, 100), d.Reason)
	if d.Alert == "" {
		text = string(d.Reason)
	}
	if d.Playbook != "" {
		text += fmt.Sprintf(", playbook %s, %s of %s", d.Playbook, d.Action, Plain(d.Workload.String(), 200))
	}
	if c := d.Change; c != nil && c.Number > 0 {
		text += fmt.Sprintf(", pull request %d at %s", c.Number, c.URL)
	} else if c != nil {
		text += ", commit " + c.Commit
	}
	return text
}
