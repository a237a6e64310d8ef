package writer_test

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
)

func TestHistoryRewritten(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1\napi=1"}, func(t *testing.T, b *bench) {
		start := b.hub.branches["main"]
		b.wantReasons(b.send(firing("web", amend.Commit, "f")), amend.ReasonAct)
		b.wantReasons(b.again(firing("api", amend.Commit, "f")), amend.ReasonAct)
		// A force push takes both changes away: they are no longer made.
		b.hub.branches["main"] = start
		b.hub.push("human", func(files map[string]string) { files["human"] = "1" })
		b.wantReasons(b.again(firing("web", amend.Commit, "f"), firing("api", amend.Commit, "f")), amend.ReasonAct, amend.ReasonAct)
		if got, want := b.hub.file("f"), "web=2\napi=2"; got != want {
			t.Errorf("the file holds %q, want %q", got, want)
		}
	})
}

// After a force push and a rebuild of the copy, the last commit that was read
// exists nowhere any more.
func TestHistoryRewrittenAndForgotten(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		start := b.hub.branches["main"]
		got := b.send(firing("web", amend.Commit, "f"))
		b.hub.branches["main"] = start
		b.hub.push("human", func(files map[string]string) { files["human"] = "1" })
		delete(b.mirror.known, got[0].Change.Commit)
		b.wantReasons(b.queue(firing("web", amend.Commit, "f"))(), amend.ReasonAct)
	})
}

func TestStaleHead(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		e := firing("web", amend.Commit, "f")
		old := b.hub.branches["main"]
		b.wantReasons(b.send(e), amend.ReasonAct)
		time.Sleep(time.Minute)
		// The host shows the head from before our change, once.
		now := b.hub.branches["main"]
		b.hub.branches["main"] = old
		b.hub.fault = func(call string) (error, error) {
			if call == "update branch" {
				b.hub.branches["main"] = now
			}
			return nil, nil
		}
		b.wantReasons(b.again(e), amend.ReasonDuplicate)
		if b.hub.file("f") != "web=2" {
			t.Errorf("the file holds %q", b.hub.file("f"))
		}
	})
}

func TestLostCopyIsRepaired(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		b.wantReasons(b.send(firing("web", amend.Commit, "f")), amend.ReasonAct)
		b.mirror.lost = true
		before := b.hub.count("fetch")
		b.wantReasons(b.queue(firing("web", amend.Commit, "f"))(), amend.ReasonDuplicate)
		if n := b.hub.count("fetch") - before; n != 1 {
			t.Errorf("fetched %d times, want once", n)
		}
	})
}

// What the writer has made itself it need not fetch.
func TestOwnCommitsAreNotFetched(t *testing.T) {
	onBench(t, map[string]string{"f": "a=1\nb=1"}, func(t *testing.T, b *bench) {
		b.wantReasons(b.send(firing("a", amend.Commit, "f")), amend.ReasonAct)
		b.wantReasons(b.again(firing("b", amend.Commit, "f"), firing("a", amend.Commit, "f")), amend.ReasonAct, amend.ReasonDuplicate)
		if n := b.hub.count("fetch"); n != 1 {
			t.Errorf("fetched %d times, want once at the start", n)
		}
	})
}

// Closed pull requests pile up on the host; each is looked up once.
func TestEpisodesOnTheHost(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		e := firing("web", amend.PullRequest, "f")
		b.wantReasons(b.send(e), amend.ReasonAct)
		for range 10 {
			b.wantReasons(b.again(resolved(e)), amend.ReasonWithdrawn)
			b.wantReasons(b.again(e), amend.ReasonAct)
		}
		if got := b.again(e); got[0].Episode != 11 || got[0].Change.Number != 11 {
			t.Errorf("got episode %d with %+v, want 11", got[0].Episode, got[0].Change)
		}
		if n, want := b.hub.count("find pull"), 1+10*4+2; n != want {
			t.Errorf("%d look-ups for 22 events, want %d: the latest and the one after it", n, want)
		}
		for branch := range b.hub.branches {
			if branch != "main" && branch != amend.Branch(incident("web"), 11) {
				t.Errorf("the branch %s of a withdrawn pull request was left", branch)
			}
		}
		if got := b.send(e); got[0].Episode != 11 || got[0].Reason != amend.ReasonDuplicate {
			t.Errorf("after a restart: %q in episode %d", got[0].Reason, got[0].Episode)
		}
	})
}

func TestStalePullRequests(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		b.wantReasons(b.send(firing("web", amend.PullRequest, "f")), amend.ReasonAct)
		shown := b.hub.pulls
		b.hub.pulls = nil // the list lags behind
		b.hub.push("human", func(files map[string]string) { files["f"] = "web=5" })
		if got := b.again(firing("web", amend.PullRequest, "f")); amend.KindOf(got[0].err) != amend.Transient {
			t.Errorf("ended in %q, %v, and its pull request was hidden", got[0].Reason, got[0].err)
		}
		b.hub.pulls = shown
		b.wantReasons(b.again(firing("web", amend.PullRequest, "f")), amend.ReasonDuplicate)
		if shown[0].State != amend.EpisodeOpen {
			t.Errorf("the pull request is %s", shown[0].State)
		}
	})
}

func TestPullRequestsEndInEveryWay(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		b.wantReasons(b.send(firing("web", amend.PullRequest, "f")), amend.ReasonAct)
		b.hub.merge(b.hub.pulls[0])
		b.wantReasons(b.again(firing("web", amend.PullRequest, "f")), amend.ReasonDuplicate)
		time.Sleep(2 * time.Hour)
		got := b.again(firing("web", amend.PullRequest, "f"))
		b.wantReasons(got, amend.ReasonAct)
		if got[0].Episode != 2 {
			t.Errorf("episode %d, want 2", got[0].Episode)
		}
		b.hub.pulls[1].State, b.hub.pulls[1].At = amend.EpisodeDeclined, time.Now()
		b.wantReasons(b.again(firing("web", amend.PullRequest, "f")), amend.ReasonMuted)
		time.Sleep(25 * time.Hour)
		b.wantReasons(b.again(firing("web", amend.PullRequest, "f")), amend.ReasonAct)
	})
}

// A branch without a pull request is what a crash leaves behind.
func TestTakingOverABranch(t *testing.T) {
	interrupted := func(b *bench, e amend.Event) {
		b.hub.fault = func(call string) (error, error) {
			if call == "open pull" {
				return amend.Errorf(amend.Transient, call, "crash"), nil
			}
			return nil, nil
		}
		b.send(e)
		b.hub.fault = nil
	}
	branch := amend.Branch(incident("web"), 1)
	t.Run("same change", func(t *testing.T) {
		onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
			e := firing("web", amend.PullRequest, "f")
			interrupted(b, e)
			left := b.hub.branches[branch]
			time.Sleep(time.Minute)
			got := b.send(e)
			b.wantReasons(got, amend.ReasonAct)
			if got[0].Change.Commit != left || b.hub.branches[branch] != left {
				t.Errorf("the commit %s that was there was not adopted, but %s made", left, got[0].Change.Commit)
			}
		})
	})
	t.Run("outdated change", func(t *testing.T) {
		onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
			e := firing("web", amend.PullRequest, "f")
			interrupted(b, e)
			b.hub.push("human", func(files map[string]string) { files["f"] = "web=7" })
			got := b.send(e)
			b.wantReasons(got, amend.ReasonAct)
			if c := b.hub.commits[b.hub.branches[branch]]; c.files["f"] != "web=8" || b.hub.branches[branch] != got[0].Change.Commit {
				t.Errorf("the branch holds %q, and the change is %+v", c.files["f"], got[0].Change)
			}
		})
	})
	t.Run("somebody else's", func(t *testing.T) {
		onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
			foreign := b.hub.branches["main"]
			b.hub.branches[branch] = foreign
			got := b.send(firing("web", amend.PullRequest, "f"))
			if amend.ReasonOf(got[0].err) != amend.ReasonFailed || b.hub.branches[branch] != foreign || len(b.hub.pulls) != 0 {
				t.Errorf("ended in %v with the branch at %s and %d pull requests", got[0].err, b.hub.branches[branch], len(b.hub.pulls))
			}
		})
	})
}

// A commit on the branch is adopted when it is this change and nothing else: who
// merges the pull request has read its text, which speaks of the plan only.
func TestTakingOverExactlyThePlan(t *testing.T) {
	branch := amend.Branch(incident("web"), 1)
	for name, edit := range map[string]func(files map[string]string){
		"one more file":     func(files map[string]string) { files["f"], files["g"] = "web=2", "evil" },
		"a new file":        func(files map[string]string) { files["f"], files[".github/workflows/x.yml"] = "web=2", "evil" },
		"one file less":     func(files map[string]string) { files["f"] = "web=2"; delete(files, "g") },
		"a mode":            func(files map[string]string) { files["f"], files["modes"] = "web=2", "g is executable" },
		"a merge of others": func(files map[string]string) { files["f"] = "web=2" },
		"on top of others":  func(files map[string]string) { files["f"] = "web=2" },
	} {
		t.Run(name, func(t *testing.T) {
			onBench(t, map[string]string{"f": "web=1", "g": "1"}, func(t *testing.T, b *bench) {
				e := firing("web", amend.PullRequest, "f")
				start := b.hub.branches["main"]
				b.send(e)
				message := b.hub.commits[b.hub.branches[branch]].message
				b.hub.pulls = nil
				parents := []string{start}
				switch side := b.hub.join("side", "human", func(files map[string]string) { files["g"] = "2" }, start); name {
				case "a merge of others":
					parents = append(parents, side)
				case "on top of others":
					parents = []string{side}
				}
				forged := b.hub.join(branch, message, edit, parents...)
				got := b.send(e)
				if amend.ReasonOf(got[0].err) != amend.ReasonFailed || b.hub.branches[branch] != forged || len(b.hub.pulls) != 0 {
					t.Errorf("ended in %q, %v with the branch at %s and %d pull requests", got[0].Reason, got[0].err, b.hub.branches[branch], len(b.hub.pulls))
				}
			})
		})
	}
}

// The commit that is adopted may stand on an older head than the one of now.
func TestTakingOverFromAnOlderHead(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1", "g": "1"}, func(t *testing.T, b *bench) {
		e := firing("web", amend.PullRequest, "f")
		made := b.send(e)[0].Change.Commit
		b.hub.pulls = nil
		b.hub.push("human", func(files map[string]string) { files["g"] = "2" })
		got := b.send(e)
		b.wantReasons(got, amend.ReasonAct)
		if got[0].Change.Commit != made {
			t.Errorf("%s was not adopted, but %s made", made, got[0].Change.Commit)
		}
	})
}

func TestWithdrawingLeavesABranchAtWorst(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		e := firing("web", amend.PullRequest, "f")
		b.wantReasons(b.send(e), amend.ReasonAct)
		b.hub.fault = func(call string) (error, error) {
			if call == "delete branch" {
				return amend.Errorf(amend.Transient, call, "down"), nil
			}
			return nil, nil
		}
		b.wantReasons(b.again(resolved(e)), amend.ReasonWithdrawn)
		b.wantReasons(b.again(resolved(e)), amend.ReasonResolved)
		b.wantReasons(b.again(e), amend.ReasonAct)
	})
}

// Going back must not lead to what a remediation took away, by whatever way it
// came into the branch.
func TestVersionsSayWhoWroteThem(t *testing.T) {
	path, err := amend.ParseRepoPath("f")
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	look := func(w pipeline.World, e amend.Event) (amend.Decision, error) {
		if e.Alert.Labels["name"] != "look" {
			return decide(w, e)
		}
		seen = nil
		for v, err := range w.Past.Versions(path) {
			if err != nil {
				return amend.Decision{}, err
			}
			seen = append(seen, fmt.Sprintf("%s %v", v.Content, v.Ours))
		}
		return amend.Decision{Reason: amend.ReasonNoChange}, nil
	}
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		b.decide = look
		b.send(firing("web", amend.Commit, "f"))
		b.hub.push("human", func(files map[string]string) { files["f"] = "web=5" })
		time.Sleep(2 * time.Hour)
		b.wantReasons(b.again(firing("web", amend.PullRequest, "f")), amend.ReasonAct)
		b.hub.push("human", func(files map[string]string) { files["other"] = "x" })
		b.hub.merge(b.hub.pulls[0])
		for _, send := range []func(...amend.Event) []outcome{b.again, b.send} {
			b.wantReasons(send(firing("look", amend.Commit, "f")), amend.ReasonNoChange)
			want := []string{"web=6 true", "web=5 false", "web=2 true", "web=1 false"}
			if diff := cmp.Diff(want, seen); diff != "" {
				t.Errorf("versions (-want +got):\n%s", diff)
			}
		}
		// What is staged in the same batch comes first.
		time.Sleep(2 * time.Hour)
		staged := false
		b.decide = func(w pipeline.World, e amend.Event) (amend.Decision, error) {
			d, err := look(w, e)
			if e.Alert.Labels["name"] == "look" && !staged {
				staged = true
				if want := "web=7 true"; seen[0] != want || len(seen) != 5 {
					t.Errorf("versions beside a staged commit: %q", seen)
				}
			}
			return d, err
		}
		b.wantReasons(b.again(firing("web", amend.Commit, "f"), firing("look", amend.Commit, "f")), amend.ReasonAct, amend.ReasonNoChange)
	})
}

// What changed before an alert is told by the commits of the branch itself, each
// with its files: a merge stands for what it brought.
func TestCommitsOfTheBranch(t *testing.T) {
	var seen []string
	look := func(w pipeline.World, e amend.Event) (amend.Decision, error) {
		if e.Alert.Labels["name"] != "look" {
			return decide(w, e)
		}
		seen = nil
		for c, err := range w.Past.Commits() {
			if err != nil {
				return amend.Decision{}, err
			}
			content, err := fs.ReadFile(c.Tree, "f")
			if err != nil {
				return amend.Decision{}, err
			}
			seen = append(seen, fmt.Sprintf("%s %v %v", content, c.Ours, w.Now.Sub(c.At)))
		}
		return amend.Decision{Reason: amend.ReasonNoChange}, nil
	}
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		b.decide = look
		time.Sleep(time.Hour)
		b.wantReasons(b.send(firing("web", amend.PullRequest, "f")), amend.ReasonAct)
		b.hub.push("human", func(files map[string]string) { files["other"] = "x" })
		time.Sleep(time.Hour)
		b.hub.merge(b.hub.pulls[0])
		b.wantReasons(b.again(firing("look", amend.Commit, "f")), amend.ReasonNoChange)
		if diff := cmp.Diff([]string{"web=2 true 0s", "web=1 false 1h0m0s", "web=1 false 2h0m0s"}, seen); diff != "" {
			t.Errorf("commits (-want +got):\n%s", diff)
		}
	})
}

func TestSweep(t *testing.T) {
	onBench(t, map[string]string{"f": many(15)}, func(t *testing.T, b *bench) {
		var events []amend.Event
		for i := range 15 {
			events = append(events, firing(fmt.Sprintf("w%d", i), amend.Commit, "f"))
		}
		b.hub.fault = func(call string) (error, error) {
			if call == "dispatch" {
				return amend.Errorf(amend.Transient, call, "down"), nil
			}
			return nil, nil
		}
		for _, o := range b.send(events...) {
			if !o.Acts() {
				t.Errorf("a change that cannot be recorded ended in %q, %v", o.Reason, o.err)
			}
		}
		sweep := func(want int) {
			t.Helper()
			before := len(b.hub.asked)
			if err := b.writer.Sweep(context.Background()); err != nil {
				t.Fatal(err)
			}
			if got := len(b.hub.asked) - before; got != want {
				t.Errorf("a sweep asked for %d entries, want %d", got, want)
			}
		}
		if err := b.writer.Sweep(context.Background()); amend.KindOf(err) != amend.Transient {
			t.Errorf("a sweep that cannot ask: %v", err)
		}
		b.hub.fault = nil
		sweep(1) // one run adds all that is missing
		sweep(0) // all have been asked for
		time.Sleep(3 * time.Minute)
		sweep(1) // nothing came of it
		b.hub.record(b.t, b.hub.landed()...)
		time.Sleep(3 * time.Minute)
		sweep(0)

		time.Sleep(2 * time.Hour)
		again := len(b.hub.asked)
		b.wantReasons(b.again(firing("w3", amend.Commit, "f")), amend.ReasonAct)
		if len(b.hub.asked) != again+1 {
			t.Errorf("a change that landed asked for %d entries", len(b.hub.asked)-again)
		}
		sweep(0)
		b.stop()
		b.restart()
		b.run()
		sweep(1) // a new writer does not know that it was asked for
	})
}

func TestSweepOfABrokenLog(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1", "remediation-log.yaml": "not: a list\n"}, func(t *testing.T, b *bench) {
		b.run()
		if err := b.writer.Sweep(context.Background()); amend.KindOf(err) != amend.Invalid {
			t.Errorf("got %v", err)
		}
		b.wantReasons(b.send(firing("web", amend.Commit, "f")), amend.ReasonAct)
	})
}

// A commit made by hand may claim any episode. One that no alert can reach is not
// believed, and at the last one the incident is refused in words: what comes
// after it would not read back.
func TestForgedEpisode(t *testing.T) {
	for _, c := range []struct {
		claims string
		want   amend.Reason
	}{
		{"2147483647", amend.ReasonAct},
		{"9223372036854775807", amend.ReasonAct},
		{"1000001", amend.ReasonAct},
		{"1000000", amend.ReasonBound},
		{"999999", amend.ReasonAct},
	} {
		for _, mode := range []amend.Mode{amend.Commit, amend.PullRequest, amend.Suggest} {
			t.Run(c.claims+" "+string(mode), func(t *testing.T) {
				onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
					made := b.send(firing("web", amend.Commit, "f"))[0].Change.Commit
					forged := strings.Replace(b.hub.commits[made].message, "Amend-Episode: 1\n", "Amend-Episode: "+c.claims+"\n", 1)
					b.hub.push(forged, func(files map[string]string) { files["f"] = "web=7" })
					time.Sleep(2 * time.Hour)
					got := b.again(firing("web", mode, "f"))
					want := c.want
					if mode == amend.Suggest && want == amend.ReasonAct {
						want = amend.ReasonSuggested
					}
					if got[0].err != nil || got[0].Reason != want || got[0].Episode < 1 {
						t.Errorf("ended in %q, episode %d (%s), %v; want %q", got[0].Reason, got[0].Episode, got[0].Detail, got[0].err, want)
					}
				})
			})
		}
	}
}
