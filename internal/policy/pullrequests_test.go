package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/policy"
)

// What a playbook leaves out it has from the defaults; an empty list is one that
// somebody wrote.
func TestPullRequestsFallBack(t *testing.T) {
	p, err := policy.Parse(policy.Path, []byte(`apiVersion: amend.dev/v1alpha1
kind: Policy
defaults:
  pullRequests: {staleAfter: 3d, reviewers: [jo, acme/sre], labels: [x], alternatives: omit}
playbooks:
  - name: a
    match: ['alertname="A"']
    workload: {kind: Deployment, namespace: {label: namespace}, name: {label: name}}
    action: restart
    pullRequests: {autoMerge: true, reviewers: [], alternatives: offer}
  - name: b
    match: ['alertname="B"']
    workload: {kind: Deployment, namespace: {label: namespace}, name: {label: name}}
    action: restart
`), catalogue)
	if err != nil {
		t.Fatal(err)
	}
	const stale = policy.Duration(72 * time.Hour)
	for name, want := range map[string]policy.PullRequests{
		"a": {Labels: []policy.Label{"x"}, Reviewers: []policy.Reviewer{}, StaleAfter: stale, Alternatives: "offer", AutoMerge: true},
		"b": {Labels: []policy.Label{"x"}, Reviewers: []policy.Reviewer{"jo", "acme/sre"}, StaleAfter: stale, Alternatives: "omit"},
	} {
		b, ok := p.Find(name)
		if d := cmp.Diff(want, b.PullRequests); !ok || d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	if _, ok := p.Find("c"); ok {
		t.Error("a playbook that there is not was found")
	}
}

// A stale pull request mutes nothing: after the cooldown the next one is opened.
func TestStaleEpisode(t *testing.T) {
	closed := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	in := policy.Input{
		Playbook: policy.Playbook{Name: "web", Cooldown: policy.Duration(time.Hour), Mute: policy.Duration(24 * time.Hour)},
		Request:  amend.Request{Playbook: "web", Action: "restart", Mode: amend.PullRequest, Event: amend.Event{Alert: amend.Alert{Status: amend.Firing, StartsAt: closed.Add(-200 * time.Hour)}}},
		Episodes: []amend.Episode{{N: 3, State: amend.EpisodeStale, At: closed}},
	}
	for after, want := range map[time.Duration]struct {
		reason  amend.Reason
		episode int
	}{59 * time.Minute: {amend.ReasonCooldown, 3}, time.Hour: {amend.ReasonAct, 4}} {
		in.Now = closed.Add(after)
		if d := policy.Decide(in); d.Reason != want.reason || d.Episode != want.episode {
			t.Errorf("after %s: %s in episode %d, want %s in %d", after, d.Reason, d.Episode, want.reason, want.episode)
		}
	}
	in.Request.Event.Alert.Status = amend.Resolved
	if d := policy.Decide(in); d.Reason != amend.ReasonResolved {
		t.Errorf("resolved: %s", d.Reason)
	}
}
