package policy_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/policy"
)

// summed is a change that a summary proposes.
func summed(name string, episode int, at time.Time, open bool) amend.Record {
	r := made("web-a", "shop", name, episode, at)
	r.Storm, r.Open = true, open
	return r
}

func TestStorm(t *testing.T) {
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	full := make([]amend.Record, 0, policy.MaxGathered)
	for n := range policy.MaxGathered {
		full = append(full, summed(fmt.Sprint("u", n), 1, ago(time.Minute), true))
	}
	two := []amend.Record{made("x", "a", "b", 1, ago(time.Minute)), made("x", "a", "c", 1, ago(time.Minute))}
	for _, c := range []struct {
		name, more string
		records    []amend.Record
		storm      bool
		reason     amend.Reason
	}{
		{"below the rate", "", two[:1], false, amend.ReasonAct},
		{"at the rate", "", two, true, amend.ReasonAct},
		{"before the window", "", []amend.Record{made("x", "a", "b", 1, ago(time.Hour)), two[1]}, false, amend.ReasonAct},
		{"one change seen twice", "", []amend.Record{two[0], two[0]}, false, amend.ReasonAct},
		{"what summaries propose is no part of the rate", "", []amend.Record{two[0], summed("u", 1, ago(1), true), summed("v", 1, ago(1), false)}, false, amend.ReasonAct},
		{"nor of a budget", "budgets: [{per: repo, changes: 2, within: 1h}]\n", []amend.Record{two[0], summed("u", 1, ago(1), true)}, false, amend.ReasonAct},
		{"a budget below the rate", "budgets: [{per: repo, changes: 1, within: 1h}]\n", two[:1], false, amend.ReasonBudget},
		{"no budget holds up what a person merges", "budgets: [{per: repo, changes: 2, within: 1h}]\n", two, true, amend.ReasonAct},
		{"a freeze does", "freezes: [{name: lunch, schedule: \"0 11 * * *\", duration: 2h}]\n", two, false, amend.ReasonFrozen},
		{"one less than there may be", "", append(two, full[1:]...), true, amend.ReasonAct},
		{"as many as there may be", "", append(two, full...), false, amend.ReasonBudget},
		{"the workload's change waits in a summary", "", []amend.Record{two[0], {Incident: "web-b-1", Episode: 1, Playbook: "web-b", Target: "Deployment/shop/web", At: ago(time.Minute), Open: true, Storm: true}}, false, amend.ReasonSettling},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := ask(t, parse(t, "storm: {changes: 2, within: 1h}\n"+c.more, ""), "shop", "web", noon, noon)
			in.Records = c.records
			d := policy.Decide(in)
			wantReason(t, d, c.reason, "")
			if d.Storm != c.storm || (d.Mode == amend.PullRequest) != c.storm || d.Record().Storm != c.storm {
				t.Errorf("storm is %v, in the mode %s; want %v", d.Storm, d.Mode, c.storm)
			}
			in.Request.Mode = amend.Suggest
			if d := policy.Decide(in); d.Storm || d.Mode != amend.Suggest {
				t.Errorf("a suggestion belongs to a storm: %+v", d)
			}
		})
	}
	if in := ask(t, parse(t, "storm: {changes: 2, within: 31d}\n", ""), "shop", "web", noon, noon); in.Policy.Memory() != 31*24*time.Hour {
		t.Errorf("the policy looks back %s", in.Policy.Memory())
	}
}

// TestStormNeverExceedsItsRate lets any alerts arrive at any times: in no window are
// there more separate changes than the rate, and none is refused for it.
func TestStormNeverExceedsItsRate(t *testing.T) {
	const most, within = 3, 60 * time.Minute
	p := parse(t, "defaults: {cooldown: 1m, breaker: {changes: 1000, within: 1m}}\nbudgets: []\nstorm: {changes: 3, within: 60m}\n", "")
	rapid.Check(t, func(rt *rapid.T) {
		now := noon
		var separate, all []amend.Record
		for n := range rapid.IntRange(1, 40).Draw(rt, "alerts") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(rt, "minutes")) * time.Minute)
			in := ask(t, p, "shop", fmt.Sprint("w", n), now, now)
			in.Records = all
			d := policy.Decide(in)
			if !d.Acts() {
				rt.Fatalf("refused: %s %s", d.Reason, d.Detail)
			}
			if all = append(all, d.Record()); !d.Storm {
				separate = append(separate, d.Record())
			}
		}
		for i, r := range separate {
			if i >= most && r.At.Sub(separate[i-most].At) < within {
				rt.Fatalf("%d separate changes within %s", most+1, r.At.Sub(separate[i-most].At))
			}
		}
	})
}
