package cause

import (
	"fmt"
	"time"

	"github.com/amendhq/amend"
)

const (
	// maxListed bounds how many commits from before the trouble are looked at:
	// which files each touched costs little, but not nothing.
	maxListed = 5000
	// slop is how many commits in a row must be too old before all further ones
	// are taken to be: clocks that were wrong mix up a few.
	slop = 5
)

// A list is the branch from its tip back to where no commit can matter.
type list struct {
	commits []Commit // newest first, each but the last the child of the next
	cut     bool     // what the last one stands on is not here
	limits  []string
}

// newList reads the branch back to commits from before back.
func newList(q Question, h History, back time.Time) (list, error) {
	var l list
	old, listed := 0, 0
	for c, err := range h.Commits(q.Head, "") {
		if err != nil && (passing(err) != nil || len(l.commits) == 0) {
			return l, err
		}
		if err != nil {
			l.cut = true
			l.limits = append(l.limits, fmt.Sprintf("The history ends at commit %.12s: %s.", l.commits[len(l.commits)-1].SHA, amend.Public(err)))
			return l, nil
		}
		l.commits = append(l.commits, c)
		if old++; !c.At.Before(back) {
			old = 0
		}
		if !c.At.After(q.began()) {
			listed++
		}
		if old == slop {
			return l, nil
		}
		if listed == maxListed {
			l.limits = append(l.limits, fmt.Sprintf("Only the last %d commits before the trouble were looked at.", maxListed))
			return l, nil
		}
	}
	return l, nil
}

// position returns the place of a commit in the list, false if it is not there.
func (l list) position(sha string) (int, bool) {
	for i, c := range l.commits {
		if c.SHA == sha {
			return i, true
		}
	}
	return 0, false
}

// before returns the place of the newest commit from at or before a time, or
// that behind the list's end.
func (l list) before(at time.Time) int {
	for i, c := range l.commits {
		if !c.At.After(at) {
			return i
		}
	}
	return len(l.commits)
}
