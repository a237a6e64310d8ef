package cause

import (
	"fmt"
	"slices"
	"time"

	"github.com/amendhq/amend"
)

// A deploy is a sync of the branch: it brought the commit at position and all
// older ones. The position is behind the list's end when it brought none of it.
type deploy struct {
	at       time.Time
	position int
}

// Landings tell when a commit took effect.
type landings struct {
	began   time.Time
	commits []Commit
	// deploys are those from before the trouble, oldest first; nil when it is not
	// known what was deployed.
	deploys []deploy
	limits  []string
}

// A landing is when a change took effect.
type landing struct {
	at       time.Time
	deployed bool // the deploy history says so
	// bound says that at is only the latest that it can be, as the history of
	// deploys begins with it.
	bound bool
}

// deployedBy returns the time of the commit that ran at the start of the window,
// or that start: what was not deployed by then counts, however old it is.
func deployedBy(q Question, h History, start time.Time) (time.Time, error) {
	var last amend.Deploy
	for _, d := range q.Deploys {
		if !d.At.After(start) && d.At.After(last.At) {
			last = d
		}
	}
	back := start
	for _, sha := range last.Revisions {
		at, ok, err := committed(h, sha)
		if err != nil {
			return back, err
		}
		if ok && at.Before(back) {
			back = at
		}
	}
	return back, nil
}

// newLandings places the deploys on the branch. One whose commit is not here may
// be newer than this clone, so it says nothing.
func newLandings(q Question, h History, l list) (landings, error) {
	out := landings{began: q.began(), commits: l.commits}
	start := out.began.Add(-q.Window)
	for _, d := range q.Deploys {
		if d.At.After(out.began) {
			continue
		}
		position, ok, err := placed(d, h, l, start)
		if err != nil {
			return out, err
		}
		if !ok && d.At.Before(start) { // then the commits of the time before will do
			position, ok = l.before(d.At), true
		}
		if !ok {
			out.limits = append(out.limits, fmt.Sprintf("What Argo CD deployed at %s is no commit of this branch here, so that sync does not count; fetch the branch.", stamp(d.At)))
			continue
		}
		out.deploys = append(out.deploys, deploy{d.At, position})
	}
	slices.SortStableFunc(out.deploys, func(a, b deploy) int { return a.at.Compare(b.at) })
	return out, nil
}

// placed returns the position of the newest commit that a deploy names.
func placed(d amend.Deploy, h History, l list, start time.Time) (int, bool, error) {
	best, found := len(l.commits), false
	for _, sha := range d.Revisions {
		if i, ok := l.position(sha); ok {
			best, found = min(best, i), true
			continue
		}
		at, ok, err := committed(h, sha)
		if err != nil {
			return 0, false, err
		}
		found = found || ok && at.Before(start)
	}
	return best, found, nil
}

// committed returns when a commit was made, false if it is not here.
func committed(h History, sha string) (time.Time, bool, error) {
	for c, err := range h.Commits(sha, "") {
		return c.At, err == nil, passing(err)
	}
	return time.Time{}, false, nil
}

// newest returns the position of the newest commit that can have been in force
// when the trouble began.
func (l landings) newest() int {
	for i := range l.commits {
		if _, ok := l.of(i, false); ok || !l.commits[i].At.After(l.began) {
			return i
		}
	}
	return len(l.commits)
}

// of returns when a commit took effect, false if it was not in force when the
// trouble began. What a commit changed of the Application itself is no commit
// that is deployed: it takes effect with the next sync.
func (l landings) of(i int, application bool) (landing, bool) {
	switch {
	case len(l.deploys) == 0:
		at := l.committed(i)
		return landing{at: at}, !at.After(l.began)
	case application:
		for _, d := range l.deploys {
			if !d.at.Before(l.commits[i].At) {
				return landing{at: d.at, deployed: true}, true
			}
		}
		return landing{}, false
	}
	first := len(l.deploys)
	for first > 0 && l.deploys[first-1].position <= i {
		first--
	}
	if first == len(l.deploys) {
		return landing{}, false
	}
	out := landing{at: l.deploys[first].at, deployed: true}
	if at := l.committed(i); first == 0 && at.Before(out.at) {
		out.at, out.bound = at, true
	}
	return out, true
}

// committed is when a commit was made. One that a clock puts after the trouble
// was made before a later one that stands on it all the same.
func (l landings) committed(i int) time.Time {
	at := l.commits[i].At
	if !at.After(l.began) {
		return at
	}
	for _, later := range l.commits[:i] {
		if later.At.Before(at) {
			at = later.At
		}
	}
	return at
}
