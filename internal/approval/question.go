package approval

import "time"

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
