package audit

import (
	"fmt"
	"slices"
	"strings"
)

// judgeSingle proves I1. A change that was taken back is not live, so bringing
// it again is no second one.
func (a *auditor) judgeSingle() []finding {
	claims := map[key][]*commit{}
	takenBack := a.history.takenBack()
	for _, c := range a.history.changes {
		if live(c, takenBack) {
			claims[c.key()] = append(claims[c.key()], c)
		}
	}
	var found []finding
	for _, live := range claims {
		// One that is not judged was there first, whatever the dates say.
		first := max(0, slices.IndexFunc(live, func(c *commit) bool { return c.old }))
		for i, c := range live {
			if i == first || c.old {
				continue
			}
			found = append(found, about(OneChange, c,
				fmt.Sprintf("the incident has a live change in this episode already, %s", live[first].SHA),
				"take one of the two back with git revert; if nobody made the second by hand, report it as a bug of amend"))
		}
	}
	return found
}

// sorted returns the violations, the oldest commit first, and in one order.
func (a *auditor) sorted() []Violation {
	slices.SortFunc(a.findings, func(x, y finding) int {
		if c := x.at.Compare(y.at); c != 0 {
			return c
		}
		return strings.Compare(x.order(), y.order())
	})
	all := make([]Violation, 0, len(a.findings))
	for _, f := range a.findings {
		all = append(all, f.Violation)
	}
	return all
}

func (f finding) order() string {
	return strings.Join([]string{f.Commit, string(f.Invariant), f.Incident, f.Found}, "\x00")
}
