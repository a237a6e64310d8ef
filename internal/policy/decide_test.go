package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/policy"
)

const (
	cooldown = time.Hour
	mute     = 24 * time.Hour
)

// noon is the time of the latest episode in the tables.
var noon = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)

func input(mode amend.Mode, startsAt, now time.Time, episodes ...amend.Episode) policy.Input {
	return policy.Input{
		Playbook: policy.Playbook{Name: "web", Cooldown: policy.Duration(cooldown), Mute: policy.Duration(mute)},
		Request: amend.Request{
			Event:    amend.Event{ID: "e1", Time: now, Alert: amend.Alert{Status: amend.Firing, StartsAt: startsAt, Labels: map[string]string{"alertname": "WebDown"}}},
			Playbook: "web", Action: "restart", Mode: mode,
			Workload: amend.Workload{ObjectRef: amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}},
		},
		Episodes: episodes,
		Now:      now,
	}
}

func episode(n int, state amend.EpisodeState, at time.Time) amend.Episode {
	return amend.Episode{N: n, State: state, At: at, Change: amend.Change{Kind: amend.KindPullRequest, Number: 100 + n}}
}

func TestDecide(t *testing.T) {
	const before, after = -time.Minute, time.Minute
	landed := []amend.Episode{episode(1, amend.EpisodeDeclined, noon.Add(-99*time.Hour)), episode(2, amend.EpisodeLanded, noon)}
	one := func(state amend.EpisodeState) []amend.Episode { return []amend.Episode{episode(1, state, noon)} }
	for _, c := range []struct {
		name     string
		resolved bool
		stopped  bool
		mode     amend.Mode
		episodes []amend.Episode
		starts   time.Duration // of the alert, from noon
		now      time.Duration // from noon
		want     amend.Reason
		episode  int
		change   int
	}{
		{name: "first time", want: amend.ReasonAct, episode: 1},
		{name: "first time, suggest", mode: amend.Suggest, want: amend.ReasonSuggested, episode: 1},
		{name: "stopped", stopped: true, want: amend.ReasonKillSwitch},
		{name: "stopped with history", stopped: true, episodes: landed, starts: after, now: 2 * cooldown, want: amend.ReasonKillSwitch, episode: 2},
		{name: "stopped, suggest", stopped: true, mode: amend.Suggest, want: amend.ReasonKillSwitch},

		{name: "resolved, never acted", resolved: true, want: amend.ReasonResolved},
		{name: "resolved, landed", resolved: true, episodes: landed, want: amend.ReasonResolved, episode: 2},
		{name: "resolved, open", resolved: true, episodes: one(amend.EpisodeOpen), want: amend.ReasonWithdrawn, episode: 1, change: 101},
		{name: "resolved, open, stopped", resolved: true, stopped: true, episodes: one(amend.EpisodeOpen), want: amend.ReasonKillSwitch, episode: 1},
		{name: "resolved, stopped", resolved: true, stopped: true, want: amend.ReasonResolved},

		{name: "open", episodes: one(amend.EpisodeOpen), now: 1000 * time.Hour, want: amend.ReasonDuplicate, episode: 1, change: 101},
		{name: "open, suggest", mode: amend.Suggest, episodes: one(amend.EpisodeOpen), want: amend.ReasonDuplicate, episode: 1, change: 101},
		{name: "declined", episodes: one(amend.EpisodeDeclined), now: mute - 1, want: amend.ReasonMuted, episode: 1, change: 101},
		{name: "declined long ago", episodes: one(amend.EpisodeDeclined), now: mute, want: amend.ReasonAct, episode: 2},
		{name: "withdrawn", episodes: one(amend.EpisodeWithdrawn), want: amend.ReasonAct, episode: 2},
		{name: "state of a later version", episodes: one("postponed"), now: 1000 * time.Hour, want: amend.ReasonDuplicate, episode: 1, change: 101},

		{name: "landed, same trouble", episodes: landed, starts: before, now: cooldown - 1, want: amend.ReasonDuplicate, episode: 2, change: 102},
		{name: "landed, started with it", episodes: landed, now: cooldown - 1, want: amend.ReasonDuplicate, episode: 2, change: 102},
		{name: "landed, did not help", episodes: landed, starts: before, now: cooldown, want: amend.ReasonStillFiring, episode: 2, change: 102},
		{name: "landed, did not help, suggest", mode: amend.Suggest, episodes: landed, starts: before, now: cooldown, want: amend.ReasonStillFiring, episode: 2, change: 102},
		{name: "landed, new trouble, early", episodes: landed, starts: after, now: cooldown - 1, want: amend.ReasonCooldown, episode: 2, change: 102},
		{name: "landed, new trouble", episodes: landed, starts: after, now: cooldown, want: amend.ReasonAct, episode: 3},
		{name: "landed, new trouble, suggest", mode: amend.Suggest, episodes: landed, starts: after, now: cooldown, want: amend.ReasonSuggested, episode: 3},
		{name: "the last episode", episodes: []amend.Episode{episode(amend.MaxEpisode-1, amend.EpisodeWithdrawn, noon)}, want: amend.ReasonAct, episode: amend.MaxEpisode},
		{name: "after the last episode", episodes: []amend.Episode{episode(amend.MaxEpisode, amend.EpisodeWithdrawn, noon)}, want: amend.ReasonBound, episode: amend.MaxEpisode},
		{name: "after the last episode, suggest", mode: amend.Suggest, episodes: []amend.Episode{episode(amend.MaxEpisode, amend.EpisodeWithdrawn, noon)}, want: amend.ReasonBound, episode: amend.MaxEpisode},
		{name: "history out of order", episodes: []amend.Episode{landed[1], landed[0]}, starts: after, now: cooldown, want: amend.ReasonAct, episode: 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := input(c.mode, noon.Add(c.starts), noon.Add(c.now), c.episodes...)
			in.Stopped = c.stopped
			if c.resolved {
				in.Request.Event.Alert.Status = amend.Resolved
			}
			d := policy.Decide(in)
			change := 0
			if d.Change != nil {
				change = d.Change.Number
			}
			if d.Reason != c.want || d.Episode != c.episode || change != c.change {
				t.Errorf("%s, episode %d, change %d (%s); want %s, episode %d, change %d", d.Reason, d.Episode, change, d.Detail, c.want, c.episode, c.change)
			}
		})
	}
}

func TestDecisionSaysWhatItIsAbout(t *testing.T) {
	in := input(amend.Commit, noon, noon)
	want := amend.Decision{
		EventID: "e1", Alert: "WebDown", Reason: amend.ReasonAct, Detail: "Episode 1: the playbook matches and no rule forbids the change.",
		Playbook: "web", Action: "restart", Workload: in.Request.Workload, Mode: amend.Commit, Incident: in.Request.Incident(), Episode: 1,
		ReceivedAt: noon, DecidedAt: noon,
	}
	if diff := cmp.Diff(want, policy.Decide(in)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// drawInput makes a history that Git could hold and an alert around it. Hours
// apart, so that cooldowns and mutes are hit from both sides.
func drawInput(t *rapid.T) policy.Input {
	hours := func(name string, from, to int) time.Time {
		return noon.Add(time.Duration(rapid.IntRange(from, to).Draw(t, name)) * 30 * time.Minute)
	}
	states := []amend.EpisodeState{amend.EpisodeLanded, amend.EpisodeOpen, amend.EpisodeDeclined, amend.EpisodeWithdrawn}
	var episodes []amend.Episode
	for n := range rapid.IntRange(0, 4).Draw(t, "episodes") {
		state := rapid.SampledFrom(states).Draw(t, "state")
		episodes = append(episodes, episode(n+1, state, hours("at", -60, 0)))
	}
	now := hours("now", 0, 60)
	startsAt := hours("startsAt", -60, 60)
	if startsAt.After(now) {
		startsAt = now
	}
	in := input(rapid.SampledFrom([]amend.Mode{amend.Suggest, amend.PullRequest, amend.Commit}).Draw(t, "mode"), startsAt, now, episodes...)
	in.Stopped = rapid.Bool().Draw(t, "stopped")
	if rapid.Bool().Draw(t, "resolved") {
		in.Request.Event.Alert.Status = amend.Resolved
	}
	return in
}

func TestDecideHoldsItsRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		d := policy.Decide(in)
		if diff := cmp.Diff(d, policy.Decide(in)); diff != "" {
			t.Fatalf("two decisions on the same facts:\n%s", diff)
		}
		proposes := d.Acts() || d.Reason == amend.ReasonSuggested
		latest := len(in.Episodes)
		switch {
		case d.Detail == "" || !strings.HasSuffix(d.Detail, "."):
			t.Fatalf("the detail %q is no sentence", d.Detail)
		case proposes && (in.Stopped || in.Request.Event.Alert.Status != amend.Firing):
			t.Fatalf("%s although stopped or resolved", d.Reason)
		case d.Acts() && in.Request.Mode == amend.Suggest:
			t.Fatal("acted in mode suggest")
		case proposes && d.Episode != latest+1, !proposes && d.Episode != latest:
			t.Fatalf("%s in episode %d after %d episodes", d.Reason, d.Episode, latest)
		case proposes && latest > 0 && in.Episodes[latest-1].State == amend.EpisodeOpen:
			t.Fatal("a second change beside an open pull request")
		case d.Reason == amend.ReasonDuplicate && d.Change == nil, d.Reason == amend.ReasonWithdrawn && d.Change == nil:
			t.Fatalf("%s without the change it speaks of", d.Reason)
		}
	})
}

// TestDecideActsOnceOnTheSameFacts lets a decision become history and delivers
// the same alert again, at any later time.
func TestDecideActsOnceOnTheSameFacts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		first := policy.Decide(in)
		if !first.Acts() {
			return
		}
		state := amend.EpisodeOpen
		if in.Request.Mode == amend.Commit {
			state = amend.EpisodeLanded
		}
		in.Episodes = append(in.Episodes, episode(first.Episode, state, in.Now))
		for range 3 {
			in.Now = in.Now.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "later")) * 30 * time.Minute)
			if again := policy.Decide(in); again.Acts() {
				t.Fatalf("acted again at %s: %s", in.Now, again.Detail)
			}
		}
	})
}

// TestDetailHoldsNoAlertText puts hostile text everywhere an alert has text.
func TestDetailHoldsNoAlertText(t *testing.T) {
	const hostile = "{{workflow.name}}"
	for _, state := range []amend.EpisodeState{"", amend.EpisodeLanded, amend.EpisodeOpen, amend.EpisodeDeclined, amend.EpisodeWithdrawn, "postponed"} {
		for _, starts := range []time.Duration{-time.Hour, time.Hour} {
			for _, now := range []time.Duration{time.Minute, 9999 * time.Hour} {
				in := input(amend.Commit, noon.Add(starts), noon.Add(now), episode(1, state, noon))
				a := &in.Request.Event.Alert
				a.Labels = map[string]string{"alertname": hostile, hostile: hostile}
				a.Annotations, a.GeneratorURL, a.Fingerprint, in.Request.Event.ID = a.Labels, hostile, hostile, hostile
				if d := policy.Decide(in); strings.Contains(d.Detail, hostile) {
					t.Errorf("%s: %q", d.Reason, d.Detail)
				}
			}
		}
	}
}
