package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/policy"
)

func TestHasten(t *testing.T) {
	const minute = time.Minute
	reviews := func(minutes ...int) []time.Duration {
		var all []time.Duration
		for _, m := range minutes {
			all = append(all, time.Duration(m)*minute)
		}
		return all
	}
	quick := reviews(5, 90, 10, 600, 20) // half of them take 20 minutes or less
	for name, c := range map[string]struct {
		deadline string
		reviews  []time.Duration
		want     amend.Mode
		why      string
	}{
		"time for a review":             {"2025-03-01T12:21:00Z", quick, amend.PullRequest, "for half of 5, at least 20m0s, which leaves time until the deadline at 2025-03-01T12:21:00Z"},
		"too late for a review":         {"2025-03-01T12:20:00Z", quick, amend.Commit, "too long for the deadline at 2025-03-01T12:20:00Z"},
		"another zone":                  {"2025-03-01T13:20:00+01:00", quick, amend.Commit, "12:20:00Z"},
		"passed":                        {"2024-03-01T12:20:00Z", quick, amend.Commit, ""},
		"a duration from the start":     {"31m", quick, amend.PullRequest, "12:21:00Z"},
		"a short one":                   {"30m", quick, amend.Commit, "12:20:00Z"},
		"too few reviews, an hour":      {"1h10m", quick[:4], amend.Commit, "is taken to be 1h0m0s"},
		"too few reviews, time is left": {"1h11m", nil, amend.PullRequest, "is taken to be 1h0m0s"},
		"no time":                       {"soon", quick, amend.PullRequest, "ignored"},
		"no time left":                  {"0s", quick, amend.PullRequest, "ignored"},
		"before the start":              {"-1h", quick, amend.PullRequest, "ignored"},
		"hostile":                       {"@everyone {{x}}\n# h", quick, amend.PullRequest, "ignored"},
	} {
		t.Run(name, func(t *testing.T) {
			b := policy.Playbook{Mode: amend.PullRequest, Deadline: policy.Deadline{Allow: amend.Commit}}
			a := amend.Alert{StartsAt: noon.Add(-10 * minute), Annotations: map[string]string{"amend.dev/deadline": c.deadline}}
			if !b.Urgent(a) {
				t.Fatal("the deadline is not seen")
			}
			got, why := b.Hasten(a, c.reviews, noon)
			if got != c.want || !strings.Contains(why, c.why) || strings.Contains(why, "everyone") {
				t.Errorf("%s: %s; want %s with %q", got, why, c.want, c.why)
			}
			a.Labels, a.Annotations = map[string]string{"amend_deadline": c.deadline}, nil
			if again, _ := b.Hasten(a, c.reviews, noon); again != got {
				t.Errorf("%s as an annotation, %s as a label", got, again)
			}
		})
	}
}

// A deadline is heard only where the policy says so.
func TestDeadlinesNeedThePolicy(t *testing.T) {
	late := amend.Alert{Annotations: map[string]string{"amend.dev/deadline": "1s"}}
	for name, c := range map[string]struct {
		playbook policy.Playbook
		alert    amend.Alert
	}{
		"not allowed":  {policy.Playbook{Mode: amend.PullRequest}, late},
		"suggest":      {policy.Playbook{Mode: amend.Suggest, Deadline: policy.Deadline{Allow: amend.Commit}}, late},
		"a commit":     {policy.Playbook{Mode: amend.Commit, Deadline: policy.Deadline{Allow: amend.Commit}}, late},
		"no deadline":  {policy.Playbook{Mode: amend.PullRequest, Deadline: policy.Deadline{Allow: amend.Commit}}, amend.Alert{}},
		"another name": {policy.Playbook{Mode: amend.PullRequest, Deadline: policy.Deadline{Allow: amend.Commit}}, amend.Alert{Labels: map[string]string{"deadline": "1s"}}},
	} {
		if c.playbook.Urgent(c.alert) {
			t.Errorf("%s: the deadline is heard", name)
		}
	}
}
