package cause

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// The numbers of the formula in the package's comment.
const (
	halfway    = time.Hour // before the trouble, at which time counts half
	undeployed = 0.8
	returning  = 0.1
	ours       = 0.5

	leastConfidence = 0.15
	closeBy         = 0.85 // of the best weight: such a candidate is as likely
)

// judge makes candidates of the moves that were in force when the trouble began
// and took effect within the window, most likely first. Of the others that were
// too late or overwritten it tells.
func (s *search) judge(landed landings, start time.Time) (candidates []Candidate, passed []string, err error) {
	candidates = []Candidate{}
	var newer []move // that were in force
	for k, m := range s.moves {
		c := s.commits[m.position]
		at, ok := landed.of(m.position, m.application())
		if !ok {
			passed = append(passed, fmt.Sprintf("Commit %.12s changed it too, and was not deployed when the trouble began.", c.SHA))
			continue
		}
		changes, by := inForce(m, newer, s.commits)
		newer = append(newer, m)
		if at.at.Before(start) {
			continue
		}
		if len(changes) == 0 {
			passed = append(passed, fmt.Sprintf("Commit %.12s changed it too, and commit %.12s set all of that anew before the trouble began.", c.SHA, by))
			continue
		}
		m.changes = changes
		candidate, err := s.candidate(m, at, s.moves[k+1:])
		if err != nil {
			return nil, nil, err
		}
		candidates = append(candidates, candidate)
	}
	share(candidates)
	return candidates, passed, nil
}

// share turns weights into confidences, and sorts by them.
func share(candidates []Candidate) {
	total := 0.0
	for _, c := range candidates {
		total += c.weight
	}
	for i, c := range candidates {
		candidates[i].Confidence = c.weight * c.weight / total
		line := fmt.Sprintf("%d other commits changed the workload, too.", len(candidates)-1)
		switch len(candidates) {
		case 1:
			line = "No other commit changed the workload in that time."
		case 2:
			line = "One other commit changed the workload, too."
		}
		candidates[i].Evidence = append(c.Evidence, line)
	}
	slices.SortStableFunc(candidates, func(a, b Candidate) int { return cmp.Compare(b.weight, a.weight) })
}

// inForce returns the changes that no newer move set anew, and the newest commit
// that did.
func inForce(m move, newer []move, commits []Commit) (changes []change, by string) {
	for _, c := range m.changes {
		i := slices.IndexFunc(newer, func(n move) bool {
			return slices.ContainsFunc(n.changes, func(d change) bool { return d.overwrites(c) })
		})
		if i < 0 {
			changes = append(changes, c)
		} else if by == "" {
			by = commits[newer[i].position].SHA
		}
	}
	return changes, by
}

// application reports whether the move came with other settings of the
// Application, and not with files that it deploys.
func (m move) application() bool {
	if m.after.app != nil && m.before.app != nil {
		return true
	}
	return m.after.trace != nil && m.before.trace != nil && m.after.trace.Settings() != m.before.trace.Settings()
}

// returned finds the older commit that a move took back: every field of the move
// is again as it was before that commit, which had changed one of them.
func (s *search) returned(m move, older []move) (Commit, bool) {
	for _, o := range older {
		if !slices.ContainsFunc(m.changes, func(c change) bool { return slices.ContainsFunc(o.changes, c.overwrites) }) {
			continue
		}
		still := m.after.since(o.before)
		if !slices.ContainsFunc(m.changes, func(c change) bool { return slices.ContainsFunc(still, c.touches) }) {
			return s.commits[o.position], true
		}
	}
	return Commit{}, false
}

// touches reports whether two changes are of the same field, or of one in the other.
func (c change) touches(other change) bool { return c.overwrites(other) || other.overwrites(c) }

// candidate weighs a move that took effect at a time, and says why.
func (s *search) candidate(m move, at landing, older []move) (Candidate, error) {
	c := Candidate{Commit: s.commits[m.position], At: at.at, Deployed: at.deployed}
	field := 0.0
	for _, change := range m.changes {
		shown := change.shown()
		if shown.Object.Namespace == "" && shown.Kind != Source { // its manifest leaves open where it lands
			shown.Object.Namespace = s.q.Workload.Object.Namespace
		}
		c.Changes = append(c.Changes, shown)
		field = max(field, weights[shown.Kind]*fit(s.q.Alert, shown.Kind))
	}
	slices.SortStableFunc(c.Changes, func(a, b Change) int { return cmp.Compare(weights[b.Kind], weights[a.Kind]) })
	before := s.q.began().Sub(at.at)
	c.weight = field * float64(halfway) / float64(halfway+before) / float64(1+len(m.broken))
	c.Evidence = []string{at.line(before)}
	if !at.deployed {
		c.weight *= undeployed
	}
	if m.application() {
		c.Evidence = append(c.Evidence, "It came with other settings of the Application.")
	}
	if o, ok := s.returned(m, older); ok {
		c.weight *= returning
		c.Evidence = append(c.Evidence, fmt.Sprintf("It goes back to what was before commit %.12s, so it is hardly the cause.", o.SHA))
	}
	if len(m.broken) > 0 {
		c.Evidence = append(c.Evidence, fmt.Sprintf("%s before it did not render, so one of these may have made the change.", ids(m.broken)))
	}
	origin, line, err := s.origin(m)
	if c.Origin = origin; line != "" {
		c.Evidence = append(c.Evidence, line)
	}
	if c.Commit.Ours || c.Blamed().Ours {
		c.weight *= ours
		c.Evidence = append(c.Evidence, "A remediation of amend made it.")
	}
	return c, err
}

// outcome says what the candidates, the most likely first, are worth.
func outcome(candidates []Candidate, complete bool) Outcome {
	switch {
	case len(candidates) == 0 && !complete:
		return Unknown
	case len(candidates) == 0:
		return None
	case len(candidates) > 1 && candidates[1].weight >= closeBy*candidates[0].weight && candidates[0].weight >= leastConfidence:
		return Several
	case candidates[0].Confidence < leastConfidence:
		return Unlikely
	}
	return Named
}
