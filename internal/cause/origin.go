package cause

import (
	"fmt"
	"slices"
)

// The bounds of how much of a merged branch is looked at.
const (
	maxMerged  = 100
	maxOrigins = 5
)

// origin finds the one commit of a merged branch that made the merge's change,
// and says so. It is nil where there is not just one.
func (s *search) origin(m move) (*Commit, string, error) {
	merge := s.commits[m.position]
	if len(merge.Parents) < 2 {
		return nil, "", nil
	}
	var touching []Commit
	merged := 0
	for c, err := range s.history.Commits(merge.Parents[1], merge.Parents[0]) {
		if merged++; err != nil || merged > maxMerged || len(c.Parents) == 0 {
			return nil, "", passing(err)
		}
		matters, err := s.matters(c, m.after)
		if err != nil {
			return nil, "", err
		}
		if matters {
			touching = append(touching, c)
		}
	}
	if len(touching) > 1 && len(touching) <= maxOrigins && s.renders+2*len(touching) <= s.q.Renders {
		var err error
		if touching, err = s.changing(touching, m); err != nil {
			return nil, "", err
		}
	}
	if len(touching) != 1 {
		return nil, fmt.Sprintf("It merges %d commits, of which %d may have made the change.", merged, len(touching)), nil
	}
	c := touching[0]
	return &c, fmt.Sprintf("It merges commit %.12s by %s, which made the change.", c.SHA, by(c)), nil
}

// changing keeps the commits that changed a field which the move changed.
func (s *search) changing(commits []Commit, m move) ([]Commit, error) {
	var kept []Commit
	for _, c := range commits {
		before, err := s.at(c.Parents[0])
		if err != nil {
			return nil, err
		}
		after, err := s.at(c.SHA)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(after.since(before), func(d change) bool { return slices.ContainsFunc(m.changes, d.touches) }) {
			kept = append(kept, c)
		}
	}
	return kept, nil
}
