package approval

import (
	"fmt"
	"time"

	"github.com/amendhq/amend/internal/message"
)

// A Question is what a place is told: enough to judge, and all of it text. Most
// of it comes from alerts and from files, so whoever shows it shows it as text
// that does nothing.
type Question struct {
	// Matter is the same for all that is said about one matter, in at most 200
	// letters, digits and marks out of "/#._:-".
	Matter string
	Title  string
	Text   string
	Diff   string // unified, "" when there is none
	URL    string // where people see all of it, "" when nowhere
	SHA    string
	// Answerable says whether an approval can merge it.
	Answerable bool
	Until      time.Time
	// Step is the number of the step that is told, from 1.
	Step int
}

// The bounds of a letter, in bytes.
const (
	maxTitle      = 500
	maxText       = 4000
	maxLetterDiff = 20_000
)

// Status says in a sentence or two what the question has come to.
func (q Question) Status(o Outcome) string {
	by := message.Plain(o.By, 100)
	switch o.State {
	case Taken:
		return by + " looks after this. It can be answered until " + stamp(q.Until) + "."
	case Accepted:
		return fmt.Sprintf("Approved by %s. amend has merged commit %s.", by, q.SHA)
	case Declined:
		return "Rejected by " + by + ". amend leaves it alone now."
	case Landed:
		return "It was merged on the Git host."
	case Over:
		return "This is over: it was closed, or the trouble has ended by itself."
	case Replaced:
		return "The pull request has another commit or diff now; a newer message asks about that one."
	case Expired:
		return "Nobody answered until " + stamp(q.Until) + ". It can still be decided on the Git host."
	}
	return q.waiting()
}

func (q Question) waiting() string {
	until := "It can be answered until " + stamp(q.Until) + "."
	switch {
	case q.SHA == "":
		return "This needs a person. " + until
	case !q.Answerable:
		return fmt.Sprintf("Commit %s is not known to be the one that amend proposed, so it can only be merged on the Git host. %s", q.SHA, until)
	}
	return fmt.Sprintf("An approval merges exactly commit %s. %s", q.SHA, until)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// Letter is all of the question as plain text, for places that have no better
// way to show it. Nothing of an alert in it mentions or links.
func (q Question) Letter(o Outcome) string {
	text := message.Plain(q.Title, maxTitle) + "\n\n" + q.Status(o) + "\n"
	if t := message.Plain(q.Text, maxText); t != "" {
		text += "\n" + t + "\n"
	}
	if q.Diff != "" {
		text += "\n" + message.Fence(q.Diff[:min(len(q.Diff), maxLetterDiff)], "diff")
	}
	if q.URL != "" {
		text += "\n" + q.URL + "\n"
	}
	return text
}
