package writerapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/amendhq/amend"
)

// TestTenantsStayApart: each of twenty tenants asks about a workload of each, while
// what the others may is remembered; it gets what is in its own namespace, and
// neither the change nor the text of anything else.
func TestTenantsStayApart(t *testing.T) {
	const tenants = 20
	s := newSite(t)
	name := func(n int) string { return fmt.Sprintf("team-%02d", n) }
	for n := range tenants {
		s.realm.may[name(n)] = []string{name(n)}
	}
	calls := map[string]string{"decide": "", "propose": "handle e1", "revert": "revert " + sha, "record": "", "change": "", "verdict": "judge " + sha}
	for round := range 2 { // in the second one every yes is remembered
		for caller := range tenants {
			for owner := range tenants {
				s.pen.decision = amend.Decision{Reason: amend.ReasonAct, Workload: workload(name(owner)), Plan: &amend.Plan{Diff: "secret"}}
				s.pen.record = amend.Record{Target: "Deployment/" + name(owner) + "/web", Incident: "secret"}
				for route, call := range calls {
					s.pen.calls = nil
					_, _, answer := s.do("POST", "/v1/"+route, "Bearer of:"+name(caller), bodies[route])
					told := strings.Contains(answer, "secret")
					done := call == "" && told || call != "" && strings.Contains(strings.Join(s.pen.calls, "\n"), call)
					if own := caller == owner; told != own || done != own {
						t.Errorf("round %d: %s for %s by %s: told %v, done %v: %s", round, route, name(owner), name(caller), told, done, answer)
					}
				}
			}
		}
	}
}
