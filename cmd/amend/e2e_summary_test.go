package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/ledger"
)

// withStorm is the fixture's policy with a rate of separate changes.
func withStorm(s string) map[string]string {
	return map[string]string{".amend/policy.yaml": `apiVersion: amend.dev/v1alpha1
kind: Policy
storm: ` + s + `
playbooks:
  - name: stuck
    match: ['alertname="AppStuck"']
    workload: {kind: Deployment, namespace: {value: shop}, name: {label: deployment}}
    action: restart
    mode: commit
`}
}

// TestStormMakesOneSummary: thirty troubles at once are five commits and one pull
// request with the other twenty-five, also for a serve that was killed in between. A
// person merges it, and all thirty are in the log.
func TestStormMakesOneSummary(t *testing.T) {
	t.Parallel()
	const apps, separate = 30, 5
	s := newStage(t, apps, "", withStorm("{changes: 5, within: 10m}"))
	s.start("--fold-window", "1ns", "--sweep-interval", "100ms", "--pull-interval", "200ms")
	var all []amend.Alert
	for n := 1; n <= apps; n++ {
		all = append(all, firing("AppStuck", app(n)))
	}
	s.post(all...)
	s.eventually("every alert is decided", func() bool { return len(s.decisions()) == apps })
	pulls, _, err := s.api.PullRequests.List(t.Context(), "acme", "env", &github.PullRequestListOptions{State: "all"})
	s.must(err)
	if len(pulls) != 1 || len(s.changes("main")) != separate {
		t.Fatalf("%d pull requests and %d commits; want one and %d", len(pulls), len(s.changes("main")), separate)
	}
	if n := strings.Count(pulls[0].GetBody(), "- [ ] **restart** on Deployment/shop/app"); n != apps-separate {
		t.Errorf("%d changes are listed:\n%s", n, pulls[0].GetBody())
	}
	var gathered []amend.Alert // whichever came last
	for _, d := range s.decisions() {
		if d.Storm {
			gathered = append(gathered, firing("AppStuck", d.Workload.Name))
		}
	}
	if len(gathered) != apps-separate {
		t.Fatalf("%d decisions belong to a storm, want %d", len(gathered), apps-separate)
	}
	s.kill()
	s.start()
	s.want(s.next(gathered[0]), amend.ReasonDuplicate)
	resolved := gathered[0]
	resolved.Status = amend.Resolved
	s.want(s.next(resolved), amend.ReasonWithdrawn)
	if n := strings.Count(s.shown(1).GetBody(), "- [x]"); n != 1 {
		t.Errorf("%d boxes are checked:\n%s", n, s.shown(1).GetBody())
	}

	_, _, err = s.api.PullRequests.Merge(t.Context(), "acme", "env", 1, "", nil)
	s.must(err)
	s.want(s.next(gathered[1]), amend.ReasonDuplicate)
	if n := len(s.changes("main")); n != apps {
		t.Errorf("%d changes are on main, want %d", n, apps)
	}
	clone := filepath.Join(s.dir, "clone")
	s.git("clone", "-q", s.repoDir(), clone)
	var out bytes.Buffer
	if code := run([]string{"log", "--repo", clone}, &out, &out); code != cli.ExitOK {
		t.Fatalf("amend log ends with %d: %s", code, out.Bytes())
	}
	data, err := os.ReadFile(filepath.Join(clone, ledger.LogFile))
	s.must(err)
	log, err := ledger.ParseLog(data)
	s.must(err)
	if len(log.Records) != apps {
		t.Errorf("the log has %d entries, want %d", len(log.Records), apps)
	}
}
