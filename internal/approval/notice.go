package approval

import "time"

// A Notice is the word of a system that pages people that one of them looks after
// what they were paged for. It names nobody whom the policy knows, so it can end
// nothing: all that follows is that nobody else is told.
type Notice struct {
	Matter string // Question.Matter of what was asked
	// Via is the kind of place, and Ref what its system calls the matter; it may
	// call the next question about the same matter the same.
	Via, Ref string
	By       string    // the name that the system gives the person, for people
	At       time.Time // when, by its clock
}

// clockSkew is how far the clock of another system may be behind.
const clockSkew = time.Minute

// Heed says whether a notice counts, and the place that it came from. One from
// before the question is about an older one.
func (c Chain) Heed(m Matter, entries []Entry, n Notice, now time.Time) (place string, r Refusal) {
	if m.State != Open {
		return "", RefusedOver
	}
	var question Entry
	for _, e := range entries {
		if e.Kind == Asked && e.Via == n.Via && e.Ref == n.Ref && n.Ref != "" {
			question = e
		}
	}
	taken, about := false, false
	for _, e := range current(m, entries) {
		taken = taken || e.Kind == Acknowledged
		about = about || e == question
	}
	switch {
	case question.Kind != Asked:
		return "", RefusedUnknown
	case !about || n.At.Add(clockSkew).Before(question.At):
		return "", RefusedChanged
	case !now.Before(question.Until):
		return "", RefusedExpired
	case taken:
		return "", RefusedTaken
	}
	return question.Place, ""
}
