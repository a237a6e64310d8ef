package policy_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/policy"
)

// TestFlappingAlert lets an alert fire and resolve at any pace for days. Each time
// its pull request is withdrawn, and yet no window of the breaker sees more than
// the breaker allows.
func TestFlappingAlert(t *testing.T) {
	const most, within = 3, 24 * time.Hour
	p := parse(t, "budgets: []\n", "")
	p.Playbooks[0].Mode = amend.PullRequest
	rapid.Check(t, func(rt *rapid.T) {
		pace := time.Duration(rapid.IntRange(1, 600).Draw(rt, "minutes")) * time.Minute
		var episodes []amend.Episode
		var records []amend.Record
		for now := noon; now.Before(noon.Add(3 * within)); now = now.Add(pace) {
			in := ask(t, p, "shop", "web", now, now)
			in.Episodes, in.Records = episodes, records
			d := policy.Decide(in)
			switch {
			case d.Acts():
				episodes = []amend.Episode{episode(d.Episode, amend.EpisodeWithdrawn, now.Add(pace/2))} // the host tells of the latest alone
				records = append(records, made("web-a", "shop", "web", d.Episode, now))
			case d.Reason != amend.ReasonBreaker:
				rt.Fatalf("%s: %s", d.Reason, d.Detail)
			}
		}
		for i := range records {
			if i >= most && records[i].At.Sub(records[i-most].At) < within {
				rt.Fatalf("%d pull requests within %s", most+1, records[i].At.Sub(records[i-most].At))
			}
		}
		if len(records) <= most {
			rt.Fatalf("%d pull requests in three windows: amend does not act again", len(records))
		}
	})
}

// A change that landed and that the host lists as well is one.
func TestBreakerCountsAnEpisodeOnce(t *testing.T) {
	in := ask(t, parse(t, "defaults: {cooldown: 1m, breaker: {changes: 2, within: 24h}}\nbudgets: []\n", ""), "shop", "web", noon, noon)
	in.Episodes = []amend.Episode{episode(1, amend.EpisodeLanded, noon.Add(-time.Hour))}
	in.Records = []amend.Record{made("web-a", "shop", "web", 1, noon.Add(-2*time.Hour)), made("web-b", "shop", "web", 1, noon.Add(-time.Hour))}
	wantReason(t, policy.Decide(in), amend.ReasonAct, "")
	if p := in.Policy; p.Memory() < 24*time.Hour {
		t.Errorf("the breaker looks back a day, and the memory is %s", p.Memory())
	}
}
