package writer_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/pipeline"
)

// onKept is onBench with a keeper of pull requests, and one that is open.
func onKept(t *testing.T, k *keeper, test func(*testing.T, *bench, amend.Event, *request)) {
	t.Helper()
	onBench(t, map[string]string{"f": "web=1\nother=1"}, func(t *testing.T, b *bench) {
		b.keeper = k
		e := firing("web", amend.PullRequest, "f")
		b.wantReasons(b.send(e), amend.ReasonAct)
		test(t, b, e, b.hub.pulls[0])
	})
}

// edit is what a person does to the file.
func edit(old, now string) func(map[string]string) {
	return func(files map[string]string) { files["f"] = strings.Replace(files["f"], old, now, 1) }
}

func TestDeliveriesAreFolded(t *testing.T) {
	onKept(t, &keeper{}, func(t *testing.T, b *bench, e amend.Event, p *request) {
		b.later()
		for range 3 {
			for range 20 { // one every two seconds
				time.Sleep(2 * time.Second)
				e.Time = b.now()
				b.wantReasons(b.again(e), amend.ReasonDuplicate)
				if err := b.writer.Sweep(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		b.later()
		if n := b.hub.count("set body"); n > 3 {
			t.Errorf("the body was written %d times in two minutes of 60 deliveries", n)
		}
		if !strings.Contains(p.Body, "deliveries=61 ") || strings.Count(p.Body, "it still fires") != 10 {
			t.Errorf("the body is\n%s", p.Body)
		}
		if len(p.comments) > 0 {
			t.Errorf("commented %q", p.comments)
		}
		asked := b.hub.count("list open pulls")
		b.later()
		if n := b.hub.count("list open pulls") - asked; n != 1 || b.hub.count("set body") > 3 {
			t.Errorf("without news the host was asked %d times, and the body written %d times in all", n, b.hub.count("set body"))
		}
	})
}

// A lost answer neither loses deliveries nor counts them twice.
func TestDeliveriesSurviveLostAnswers(t *testing.T) {
	onKept(t, &keeper{}, func(t *testing.T, b *bench, e amend.Event, p *request) {
		e.Time = e.Time.Add(time.Second)
		b.wantReasons(b.again(e), amend.ReasonDuplicate)
		lost := 2
		b.hub.fault = func(call string) (before, after error) {
			if call != "set body" || lost == 0 {
				return nil, nil
			}
			if lost--; lost == 1 {
				return amend.Errorf(amend.Transient, call, "not done"), nil
			}
			return nil, amend.Errorf(amend.Transient, call, "done")
		}
		for range 3 {
			b.later()
		}
		if !strings.Contains(p.Body, "deliveries=2 ") {
			t.Errorf("the body is\n%s", p.Body)
		}
	})
}

func TestOwnersAndLabels(t *testing.T) {
	files := map[string]string{"f": "web=1", "CODEOWNERS": "* @ana\nf @bo @acme/sre\n"}
	onBench(t, files, func(t *testing.T, b *bench) {
		b.keeper = &keeper{rules: pipeline.PullRules{Labels: []string{"urgent"}, Reviewers: []string{"bo", "cy"}}}
		cause := b.hub.branches["main"]
		b.hub.commits[cause].by = "dana"
		decide := b.decide
		b.decide = func(w pipeline.World, e amend.Event) (amend.Decision, error) {
			d, err := decide(w, e)
			if d.Plan != nil {
				d.Plan.Cause = cause
			}
			return d, err
		}
		b.wantReasons(b.send(firing("web", amend.PullRequest, "f")), amend.ReasonAct)
		given := b.hub.pulls[0].given
		if want := []string{"acme/sre", "bo", "cy", "dana"}; !slices.Equal(given.Reviewers, want) {
			t.Errorf("asked are %q, want %q", given.Reviewers, want)
		}
		if want := []string{"amend/increment", "amend/pull-request", "urgent"}; !slices.Equal(given.Labels, want) {
			t.Errorf("the labels are %q, want %q", given.Labels, want)
		}
	})
}

func TestPlannedAnew(t *testing.T) {
	onKept(t, &keeper{}, func(t *testing.T, b *bench, e amend.Event, p *request) {
		first := b.hub.branches[p.branch]
		human := b.hub.push("human", edit("web=1", "web=5"))
		b.later()
		head := b.hub.branches[p.branch]
		if c := b.hub.commits[head]; !slices.Equal(c.parents, []string{human, first}) {
			t.Fatalf("the branch is at a commit on %v, want one on %v", c.parents, []string{human, first})
		}
		if got := b.hub.changed(p); !maps.Equal(got, map[string]string{"f": "web=6\nother=1"}) {
			t.Errorf("it proposes %q", got)
		}
		if !strings.Contains(p.Body, "planned anew on "+human[:12]) || !strings.Contains(p.Body, "| 5 | 6 |") {
			t.Errorf("the body is\n%s", p.Body)
		}
		if r, ok := message.ParseTrailers(b.hub.commits[head].message); !ok || r.Incident != incident("web") || r.Episode != 1 {
			t.Errorf("the trailers are %+v", r)
		}
		writes := b.hub.count("update branch")
		b.hub.push("human", edit("none", "none"))
		b.later()
		if b.hub.count("update branch") != writes {
			t.Error("planned anew without a reason")
		}
		b.hub.merge(p)
		if got := b.hub.file("f"); got != "web=6\nother=1" {
			t.Errorf("merged, it holds %q", got)
		}
		b.wantReasons(b.again(e), amend.ReasonDuplicate)
		if n := len(b.hub.landed()); n == 0 {
			t.Error("it did not land")
		}
	})
}

// After a restart the alert has to come again before anything can be planned.
func TestPlannedAnewAfterARestart(t *testing.T) {
	onKept(t, &keeper{}, func(t *testing.T, b *bench, e amend.Event, p *request) {
		first := b.hub.branches[p.branch]
		b.hub.push("human", edit("web=1", "web=5"))
		b.stop()
		b.restart()
		b.run()
		b.later()
		if b.hub.branches[p.branch] != first {
			t.Error("planned without an alert")
		}
		b.wantReasons(b.again(e), amend.ReasonDuplicate)
		b.later()
		if got := b.hub.changed(p); !maps.Equal(got, map[string]string{"f": "web=6\nother=1"}) {
			t.Errorf("it proposes %q", got)
		}
	})
}

func TestNothingLeftToPropose(t *testing.T) {
	onKept(t, &keeper{}, func(t *testing.T, b *bench, e amend.Event, p *request) {
		b.hub.push("human", edit("web=1", "web=2")) // what the pull request wants
		b.later()
		if _, ok := b.hub.branches[p.branch]; p.State != amend.EpisodeWithdrawn || ok {
			t.Errorf("it is %s, and its branch is there: %v", p.State, ok)
		}
	})
}

func TestCannotBePlannedAnew(t *testing.T) {
	k := &keeper{refuse: amend.ReasonBound}
	onKept(t, k, func(t *testing.T, b *bench, e amend.Event, p *request) {
		first := b.hub.branches[p.branch]
		b.hub.push("human", edit("web=1", "web=5"))
		b.later()
		b.later()
		if n := strings.Count(p.Body, "cannot be planned anew (bound-reached). It cannot be."); n != 1 || b.hub.branches[p.branch] != first || b.hub.count("set body") != 1 {
			t.Errorf("said %d times, written %d times:\n%s", n, b.hub.count("set body"), p.Body)
		}
	})
}

// What a person pushes to the branch is theirs, whenever it comes.
func TestHandsOff(t *testing.T) {
	onKept(t, &keeper{rules: pipeline.PullRules{StaleAfter: time.Hour, AutoMerge: true}}, func(t *testing.T, b *bench, e amend.Event, p *request) {
		human := ""
		b.hub.fault = func(call string) (before, after error) {
			if call == "update branch" && human == "" {
				head := b.hub.branches[p.branch]
				files := maps.Clone(b.hub.commits[head].files)
				files["mine"] = "1"
				human = b.hub.add(commit{parents: []string{head}, files: files, message: b.hub.commits[head].message})
				b.hub.branches[p.branch] = human
			}
			return nil, nil
		}
		b.hub.push("human", edit("web=1", "web=5"))
		p.green = true
		for range 3 {
			b.later()
		}
		time.Sleep(2 * time.Hour)
		b.later()
		if b.hub.branches[p.branch] != human || p.State != amend.EpisodeOpen || len(p.comments) != 1 || !slices.Contains(p.Labels, "amend/hands-off") {
			t.Errorf("the branch is at %s, want %s; it is %s; comments %q, labels %q", b.hub.branches[p.branch], human, p.State, p.comments, p.Labels)
		}
		b.wantReasons(b.again(resolved(e)), amend.ReasonWithdrawn)
		if p.State != amend.EpisodeWithdrawn || b.hub.branches[p.branch] != human {
			t.Errorf("it is %s, and the branch at %q", p.State, b.hub.branches[p.branch])
		}
	})
}

func TestStalePullRequestIsClosed(t *testing.T) {
	onKept(t, &keeper{rules: pipeline.PullRules{StaleAfter: 72 * time.Hour}}, func(t *testing.T, b *bench, e amend.Event, p *request) {
		time.Sleep(71 * time.Hour)
		b.later()
		if p.State != amend.EpisodeOpen {
			t.Fatalf("it is %s too early", p.State)
		}
		time.Sleep(time.Hour)
		b.later()
		if _, ok := b.hub.branches[p.branch]; p.State != amend.EpisodeStale || ok {
			t.Fatalf("it is %s, and its branch is there: %v", p.State, ok)
		}
		b.wantReasons(b.again(e), amend.ReasonCooldown)
		time.Sleep(time.Hour)
		got := b.again(e)
		b.wantReasons(got, amend.ReasonAct)
		if got[0].Episode != 2 || len(b.hub.pulls) != 2 {
			t.Errorf("episode %d, %d pull requests", got[0].Episode, len(b.hub.pulls))
		}
	})
}

// A pull request that people talk about is not stale, and to find that out costs
// the host one question for each time that it seems to be.
func TestStaleCountsFromTheLastWord(t *testing.T) {
	onKept(t, &keeper{rules: pipeline.PullRules{StaleAfter: 72 * time.Hour}}, func(t *testing.T, b *bench, e amend.Event, p *request) {
		time.Sleep(70 * time.Hour)
		p.said = b.now()
		for range 30 {
			time.Sleep(2 * time.Hour)
			b.later()
		}
		if n := b.hub.count("last word"); p.State != amend.EpisodeOpen || n != 1 {
			t.Errorf("it is %s, and the host was asked %d times, want once", p.State, n)
		}
		b.hub.fault = failing("last word")
		time.Sleep(12 * time.Hour)
		b.later()
		if p.State != amend.EpisodeOpen {
			t.Errorf("when nobody knows, it is %s", p.State)
		}
		b.hub.fault = nil
		b.later()
		if p.State != amend.EpisodeStale {
			t.Errorf("72 hours after the last word it is %s", p.State)
		}
	})
}

// What a person opens again waits for that person.
func TestReopenedPullRequestIsNotStale(t *testing.T) {
	onKept(t, &keeper{rules: pipeline.PullRules{StaleAfter: time.Hour}}, func(t *testing.T, b *bench, e amend.Event, p *request) {
		head := b.hub.branches[p.branch]
		time.Sleep(2 * time.Hour)
		b.later()
		if p.State != amend.EpisodeStale {
			t.Fatalf("it is %s", p.State)
		}
		b.hub.branches[p.branch], p.State, p.Reopened = head, amend.EpisodeOpen, true
		for range 3 {
			b.later()
		}
		if p.State != amend.EpisodeOpen || p.Reopened || b.hub.count("unclose") != 1 {
			t.Errorf("opened again, it is %s; with the mark of closing: %v, taken off %d times", p.State, p.Reopened, b.hub.count("unclose"))
		}
	})
}

// The mark of amend's own closing goes whatever else keeps amend from looking
// after a pull request, but for the kill switch, and also after a restart.
func TestMarkOfClosingGoes(t *testing.T) {
	stop := func(f map[string]string) { f[pipeline.StopFile] = "1" }
	for name, c := range map[string]struct {
		before func(*bench, *request)
		stays  bool
	}{
		"pushed to": {before: func(b *bench, p *request) {
			b.hub.branches[p.branch] = b.hub.add(commit{parents: []string{b.hub.branches[p.branch]}, files: map[string]string{"f": "mine"}, message: "human"})
		}},
		"restarted": {before: func(b *bench, _ *request) { b.stop(); b.restart(); b.run() }},
		"answer lost": {before: func(b *bench, _ *request) {
			b.hub.fault = func(call string) (error, error) {
				if call == "unclose" {
					b.hub.fault = nil
					return amend.Errorf(amend.Transient, call, "503"), nil
				}
				return nil, nil
			}
		}},
		"kill switch": {before: func(b *bench, _ *request) { b.hub.push("stop", stop) }, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			onKept(t, &keeper{}, func(t *testing.T, b *bench, e amend.Event, p *request) {
				p.Reopened = true
				c.before(b, p)
				b.later()
				b.later()
				if p.Reopened != c.stays || p.State != amend.EpisodeOpen {
					t.Errorf("it has the mark: %v, want %v; it is %s", p.Reopened, c.stays, p.State)
				}
			})
		})
	}
}

// A push that comes while the pull request is closed stays.
func TestPushWhileClosing(t *testing.T) {
	onKept(t, &keeper{}, func(t *testing.T, b *bench, e amend.Event, p *request) {
		human := ""
		b.hub.fault = func(call string) (error, error) {
			if call == "close pull" {
				human = b.hub.add(commit{parents: []string{b.hub.branches[p.branch]}, files: map[string]string{"f": "mine"}, message: "human"})
				b.hub.branches[p.branch] = human
			}
			return nil, nil
		}
		b.wantReasons(b.again(resolved(e)), amend.ReasonWithdrawn)
		if b.hub.branches[p.branch] != human {
			t.Error("what a person pushed is gone")
		}
	})
}

func TestAutoMerge(t *testing.T) {
	auto := pipeline.PullRules{AutoMerge: true}
	for name, c := range map[string]struct {
		rules  pipeline.PullRules
		refuse amend.Reason
		before func(*bench, *request)
		merged bool
	}{
		"ready":             {rules: auto, merged: true},
		"not switched on":   {},
		"not green":         {rules: auto, before: func(_ *bench, p *request) { p.green = false }},
		"main moved":        {rules: auto, before: func(b *bench, _ *request) { b.hub.push("human", func(f map[string]string) { f["x"] = "1" }) }, merged: true},
		"does not hold now": {rules: auto, refuse: amend.ReasonUnproven, before: func(b *bench, _ *request) { b.hub.push("human", func(f map[string]string) { f["x"] = "1" }) }},
		"kill switch": {rules: auto, before: func(b *bench, _ *request) {
			b.hub.push("stop", func(f map[string]string) { f[pipeline.StopFile] = "1" })
		}},
		"kill switch at last": {rules: auto, before: func(b *bench, _ *request) {
			b.hub.fault = func(call string) (error, error) {
				if call == "ready" {
					b.hub.pushLocked("stop", func(f map[string]string) { f[pipeline.StopFile] = "1" })
				}
				return nil, nil
			}
		}},
		"freeze": {rules: auto, before: func(b *bench, _ *request) { b.keeper.(*keeper).hold = amend.ReasonFrozen }},
		"pushed to at last": {rules: auto, before: func(b *bench, p *request) {
			b.hub.fault = func(call string) (error, error) {
				if call == "merge pull" {
					b.hub.branches[p.branch] = b.hub.add(commit{parents: []string{b.hub.branches[p.branch]}, files: map[string]string{"f": "web=100"}, message: "human"})
				}
				return nil, nil
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			onKept(t, &keeper{rules: c.rules, refuse: c.refuse}, func(t *testing.T, b *bench, e amend.Event, p *request) {
				p.green = true
				if c.before != nil {
					c.before(b, p)
				}
				b.later()
				if merged := p.State == amend.EpisodeLanded; merged != c.merged {
					t.Errorf("merged: %v, want %v", merged, c.merged)
				}
				if got := b.hub.file("f"); (got == "web=2\nother=1") != c.merged {
					t.Errorf("main holds %q", got)
				}
			})
		})
	}
}

// A change that is a minute old at most may have checks that have not begun.
func TestAutoMergeWaitsForLateChecks(t *testing.T) {
	onKept(t, &keeper{rules: pipeline.PullRules{AutoMerge: true}}, func(t *testing.T, b *bench, e amend.Event, p *request) {
		p.green = true
		if err := b.writer.Sweep(t.Context()); err != nil || p.State != amend.EpisodeOpen {
			t.Errorf("it is %s, %v", p.State, err)
		}
	})
}
