package cause

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/locate"
)

// Find looks for the commit that changed the workload before the alert. It is no
// error that none did. It refuses like locate.Locator.Deployed when the workload
// is rendered from no state that it looked at; any other error says that the
// history could not be read now.
func Find(q Question, h History, l *locate.Locator) (Result, error) {
	if err := q.check(); err != nil {
		return Result{}, err
	}
	q.Window, q.Renders = cmp.Or(q.Window, DefaultWindow), cmp.Or(q.Renders, DefaultRenders)
	start := q.began().Add(-q.Window)
	back, err := deployedBy(q, h, start)
	if err != nil {
		return Result{}, err
	}
	commits, err := newList(q, h, back)
	if err != nil {
		return Result{}, err
	}
	landed, err := newLandings(q, h, commits)
	if err != nil {
		return Result{}, err
	}
	s := search{renderer: renderer{q: q, history: h, locator: l}, list: commits}
	if err := s.run(landed.newest()); err != nil {
		return Result{}, err
	}
	candidates, passed, err := s.judge(landed, start)
	if err != nil {
		return Result{}, err
	}
	result := Result{
		Workload: q.Workload.Object, Since: start, Until: q.began(), Candidates: candidates, Passed: passed,
		Limits: slices.Concat(commits.limits, landed.limits, s.limits), Commits: s.looked, Renders: s.renders,
	}
	if result.Outcome = outcome(candidates, len(result.Limits) == 0); s.blind {
		result.Outcome = Unknown
	}
	return result, nil
}

// A move is a commit with what it changed of the workload.
type move struct {
	position      int
	changes       []change
	before, after state
	// broken are older commits whose states do not render, so that any of them,
	// too, may have made the change.
	broken []Commit
}

// A search goes back through a list of commits and finds those that changed the
// workload.
type search struct {
	renderer
	list
	moves  []move // newest first
	held   *move  // of the newest known state, while those before it do not render
	limits []string
	looked int
	// blind says that what ran when the trouble began is not known: Argo CD may
	// deploy what is not rendered here.
	blind bool
}

// run compares the states before and after each commit that may matter, from
// the one at a position on. It refuses when no state is known.
func (s *search) run(newest int) error {
	if newest == len(s.commits) {
		return nil
	}
	after, err := s.at(s.commits[newest].SHA)
	if err != nil {
		return err
	}
	first, seen, rendered := after, after.seen(), after.object != nil
	for i := newest; i < len(s.commits); i++ {
		c := s.commits[i]
		created := after.absent && len(s.moves) > 0 // what is older has no part in it
		if len(c.Parents) == 0 || s.cut && i == len(s.commits)-1 || created {
			break
		}
		s.looked++
		matters, err := s.matters(c, after)
		if err != nil {
			return err
		}
		if !matters {
			continue
		}
		if s.renders >= s.q.Renders {
			s.limits = append(s.limits, fmt.Sprintf("Only the last %d states of what the workload is rendered from were looked at, back to %s.", s.renders, stamp(c.At)))
			break
		}
		before, err := s.at(c.Parents[0])
		if err != nil {
			return err
		}
		if !after.known() && before.known() && after.asked != s.app { // then it was not known where to look
			if after, err = s.at(c.SHA); err != nil {
				return err
			}
			if !seen {
				first = after
			}
		}
		if err := s.compare(i, before, after); err != nil {
			return err
		}
		after, seen, rendered = before, seen || before.seen(), rendered || before.object != nil
	}
	if !seen {
		return first.err
	}
	s.confess(first, rendered, s.commits[newest])
	return nil
}

// confess says what of the states is not known, of which the first is that of
// the newest commit, and whether the workload was rendered from any.
func (s *search) confess(first state, rendered bool, newest Commit) {
	switch {
	case s.held != nil:
		s.limits = append(s.limits, fmt.Sprintf("What is before commit %.12s does not render, so it is not known what that changed: %s.", s.commits[s.held.position].SHA, amend.Public(s.held.before.err)))
	case !rendered && first.app != nil:
		s.limits = append(s.limits, "The workload is not rendered from this repo, so only the source of its Application was compared: "+amend.Public(first.err)+".")
	case !first.known() && amend.ReasonOf(first.err) != amend.ReasonUnproven:
		s.blind = true
		s.limits = append(s.limits, fmt.Sprintf("The state at commit %.12s is not rendered here, so it is not known what ran: %s.", newest.SHA, amend.Public(first.err)))
	case !first.known():
		s.limits = append(s.limits, fmt.Sprintf("The state at commit %.12s does not render, so the last one before it that does was taken to be deployed: %s.", newest.SHA, amend.Public(first.err)))
	}
}

// matters reports whether a commit touched a file from which the state is made.
func (s *search) matters(c Commit, after state) (bool, error) {
	reads := after.reads()
	if reads == nil {
		return true, nil
	}
	files, err := s.history.Touched(c.Parents[0], c.SHA)
	return slices.ContainsFunc(files, reads), err
}

// compare notes what a commit changed. A state that does not render is deployed
// by nobody, so the next that does is compared with the last before it.
func (s *search) compare(i int, before, after state) error {
	if s.held != nil && !after.known() {
		touched, err := s.matters(s.commits[i], s.held.after)
		if err != nil {
			return err
		}
		if touched {
			s.held.broken = append(s.held.broken, s.commits[i])
		}
	}
	switch {
	case after.known() == before.known():
		s.note(move{position: i, before: before, after: after})
	case after.known():
		s.held = &move{position: i, before: before, after: after}
	case s.held != nil:
		s.held.before = before
		s.note(*s.held)
		s.held = nil
	}
	return nil
}

func (s *search) note(m move) {
	if m.changes = m.after.since(m.before); len(m.changes) > 0 {
		s.moves = append(s.moves, m)
	}
}
