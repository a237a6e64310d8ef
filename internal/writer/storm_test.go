package writer_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/policy"
	"github.com/amendhq/amend/internal/writer"
)

// onStorm is onBench with a keeper, and a policy that lets so many changes within ten
// minutes be separate ones. Its files are f1 to f9, each with the workloads w1 to w9.
func onStorm(t *testing.T, separate int, test func(*testing.T, *bench)) {
	t.Helper()
	files := map[string]string{}
	for f := 1; f < 10; f++ {
		for w := 1; w < 10; w++ {
			files[fmt.Sprintf("f%d", f)] += fmt.Sprintf("w%d%d=1\n", f, w)
		}
	}
	onBench(t, files, func(t *testing.T, b *bench) {
		b.keeper = &keeper{}
		b.decide = func(w pipeline.World, e amend.Event) (amend.Decision, error) {
			return decideBy(policy.Policy{Storm: policy.Storm{Changes: separate, Within: policy.Duration(10 * time.Minute)}}, w, e)
		}
		test(t, b)
	})
}

// alerts are about the workloads from one to another, as two digits, in one mode.
func alerts(mode amend.Mode, from, to int) []amend.Event {
	var all []amend.Event
	for n := from; n <= to; n++ {
		if n%10 != 0 {
			all = append(all, firing(fmt.Sprintf("w%d", n), mode, fmt.Sprintf("f%d", n/10)))
		}
	}
	return all
}

// summary is the nth summary of the hub, from 0.
func (b *bench) summary(n int) *request {
	b.t.Helper()
	var all []*request
	for _, p := range b.hub.pulls {
		if strings.HasPrefix(p.branch, "amend/storm/") {
			all = append(all, p)
		}
	}
	if n >= len(all) {
		b.t.Fatalf("there are %d summaries, and none with the number %d", len(all), n)
	}
	return all[n]
}

// wantSummary holds a summary against the workloads that it should change, by the
// commits of its branch, its files and its list.
func (b *bench) wantSummary(p *request, workloads ...int) {
	b.t.Helper()
	b.hub.mu.Lock()
	defer b.hub.mu.Unlock()
	head := b.hub.branches[p.branch]
	var got []string
	for _, sha := range b.hub.proposed(p) {
		c := b.hub.commits[sha]
		r, ok := ledger.FromCommit(sha, c.at, c.message)
		if !ok || len(c.parents) != 1 {
			b.t.Errorf("%q is no change of its own", c.message)
		}
		got = append(got, r.Target)
		name := strings.TrimPrefix(r.Target, "Deployment/shop/")
		if !strings.Contains(b.hub.commits[head].files["f"+name[1:2]], name+"=2\n") {
			b.t.Errorf("the head does not change %s", name)
		}
		if !strings.Contains(p.Body, "on "+r.Target+", f"+name[1:2]+":"+name[2:]+", incident `"+r.Incident+"`, episode ") {
			b.t.Errorf("the body does not list %s:\n%s", r.Target, p.Body)
		}
	}
	var want []string
	for _, w := range workloads {
		want = append(want, fmt.Sprintf("Deployment/shop/w%d", w))
	}
	if !slices.Equal(got, want) || strings.Count(p.Body, "- [") != len(want) {
		b.t.Errorf("it changes %q, want %q, and lists\n%s", got, want, p.Body)
	}
}

// proposed returns the commits of a pull request, oldest first.
func (h *hub) proposed(p *request) []string {
	old := map[string]bool{}
	for sha := range h.walk(p.onto) {
		old[sha] = true
	}
	var all []string
	for sha := range h.walk(cmp.Or(h.branches[p.branch], p.head)) {
		if !old[sha] {
			all = append(all, sha)
		}
	}
	slices.Reverse(all)
	return all
}

// accept merges a summary as a person does, with one of the methods of a host.
func (h *hub) accept(p *request, method string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all, parents, text := h.proposed(p), []string{h.branches["main"]}, "Summary"
	apply := func(from, to, text string, parents ...string) {
		files := maps.Clone(h.commits[h.branches["main"]].files)
		for name, content := range h.commits[to].files {
			if h.commits[from].files[name] != content {
				files[name] = content
			}
		}
		h.branches["main"] = h.add(commit{parents: parents, files: files, message: text})
	}
	switch method {
	case "rebase":
		for _, sha := range all {
			apply(h.commits[sha].parents[0], sha, h.commits[sha].message, h.branches["main"])
		}
	case "squash":
		for _, sha := range all {
			text += "\n\n* " + h.commits[sha].message
		}
		apply(p.onto, all[len(all)-1], text, parents...)
	default:
		apply(p.onto, all[len(all)-1], "Merge "+p.branch, append(parents, all[len(all)-1])...)
	}
	p.head = all[len(all)-1]
	p.State, p.At, p.Commit = amend.EpisodeLanded, h.now(), h.branches["main"]
}

func reasons(reason amend.Reason, n int) []amend.Reason {
	return slices.Repeat([]amend.Reason{reason}, n)
}

// TestStormBecomesOnePullRequest: what comes at once is separate up to the rate, and
// beyond it one branch and one pull request, which later changes join.
func TestStormBecomesOnePullRequest(t *testing.T) {
	for _, mode := range []amend.Mode{amend.Commit, amend.PullRequest} {
		onStorm(t, 2, func(t *testing.T, b *bench) {
			got := b.send(alerts(mode, 11, 25)...)
			b.wantReasons(got, reasons(amend.ReasonAct, 14)...)
			p := b.summary(0)
			for i, o := range got {
				if together := i >= 2; o.Storm != together || (o.Change.Number == p.Number) != together {
					t.Errorf("%s: alert %d: storm %v, the change %+v", mode, i, o.Storm, o.Change)
				}
			}
			b.wantSummary(p, 13, 14, 15, 16, 17, 18, 19, 21, 22, 23, 24, 25)
			if first := p.branch; first != "amend/storm/"+incident("w13")+"-1" {
				t.Errorf("the branch is %s", first)
			}
			calls := len(b.hub.calls)
			b.wantReasons(b.again(alerts(mode, 11, 41)...), slices.Concat(reasons(amend.ReasonDuplicate, 14), reasons(amend.ReasonAct, 14))...)
			if len(b.hub.pulls) != p.Number {
				t.Errorf("%s: %d pull requests", mode, len(b.hub.pulls))
			}
			made := map[string]int{}
			for _, c := range b.hub.calls[calls:] {
				made[c]++
			}
			if made["create branch"] != 0 || made["update branch"] != 1 || made["set body"] != 1 || made["list pulls"] > 2 || made["list commits"] != 0 {
				t.Errorf("%s: 14 changes joined with %v", mode, made)
			}
			head := b.hub.branches[p.branch]
			if b.vouched != head {
				t.Errorf("%s: the writer vouches for %s, the head is %s", mode, b.vouched, head)
			}
			b.wantReasons(b.send(alerts(mode, 11, 42)...), append(reasons(amend.ReasonDuplicate, 28), amend.ReasonAct)...) // a writer that knows nothing
			if b.vouched != head || b.hub.branches[p.branch] == head {
				t.Errorf("%s: a writer vouches for what it found, at %s", mode, b.vouched)
			}
		})
	}
}

// TestOneWorkloadJoinsOnce: what is about the same workload waits for the first to be
// there.
func TestOneWorkloadJoinsOnce(t *testing.T) {
	onStorm(t, 1, func(t *testing.T, b *bench) {
		twice := append(alerts(amend.Commit, 11, 13), alerts(amend.Commit, 12, 13)...)
		b.wantReasons(b.send(twice...), amend.ReasonAct, amend.ReasonAct, amend.ReasonAct, amend.ReasonDuplicate, amend.ReasonDuplicate)
		b.wantSummary(b.summary(0), 12, 13)
	})
}

// TestMergedSummary: however it was merged, its changes have landed, for a writer
// that was there and for one that was not.
func TestMergedSummary(t *testing.T) {
	for method, landed := range map[string]int{"merge": 4, "rebase": 4, "squash": 2} {
		onStorm(t, 1, func(t *testing.T, b *bench) {
			all := alerts(amend.Commit, 11, 14)
			b.wantReasons(b.send(all...), reasons(amend.ReasonAct, 4)...)
			b.hub.accept(b.summary(0), method)
			b.wantReasons(b.again(all...), reasons(amend.ReasonDuplicate, 4)...)
			b.wantReasons(b.send(all...), reasons(amend.ReasonDuplicate, 4)...)
			if n := len(b.hub.landed()); n != landed {
				t.Errorf("%s: %d changes are in main, want %d", method, n, landed)
			}
			for i, e := range all {
				if content := b.hub.file("f1"); !strings.Contains(content, e.Identity+"=2\n") {
					t.Errorf("%s: change %d is not in main:\n%s", method, i, content)
				}
			}
			b.passed += 2 * time.Hour // the trouble came back after the cooldown
			again := alerts(amend.Commit, 11, 14)
			for i := range again {
				again[i].Alert.StartsAt = b.now()
			}
			for i, o := range b.send(again...) {
				if !o.Acts() || o.Episode != 2 || o.Storm != (i > 0) {
					t.Errorf("%s: change %d is then %s, episode %d", method, i, o.Reason, o.Episode)
				}
			}
		})
	}
}

// TestRevertOutOfASummary: one change of a summary is taken back by itself, and the
// others stay. Who takes the merge back has taken each of them back.
func TestRevertOutOfASummary(t *testing.T) {
	for _, method := range []string{"merge", "rebase"} {
		onStorm(t, 1, func(t *testing.T, b *bench) {
			got := b.send(alerts(amend.Commit, 21, 22)[0], alerts(amend.Commit, 31, 31)[0], alerts(amend.Commit, 41, 41)[0])
			b.hub.accept(b.summary(0), method)
			commit := got[1].Change.Commit
			if method == "rebase" {
				commit = b.hub.commits[b.hub.branches["main"]].parents[0]
			}
			if d, err := b.revert(commit); err != nil || d.Reason != amend.ReasonReverted || d.Incident != got[1].Incident {
				t.Fatalf("%s: %s %s, %v", method, d.Reason, d.Detail, err)
			}
			if b.hub.file("f3")[:6] != "w31=1\n" || b.hub.file("f4")[:6] != "w41=2\n" {
				t.Errorf("%s: the files are %q and %q", method, b.hub.file("f3"), b.hub.file("f4"))
			}
		})
	}
	onStorm(t, 1, func(t *testing.T, b *bench) {
		all := append(alerts(amend.Commit, 21, 21), alerts(amend.Commit, 31, 31)...)
		all = append(all, alerts(amend.Commit, 41, 41)...)
		got := b.send(all...)
		before := maps.Clone(b.hub.commits[b.hub.branches["main"]].files)
		b.hub.accept(b.summary(0), "merge")
		merge := b.hub.branches["main"]
		b.hub.push("Revert\n\nThis reverts commit "+merge+", reversing\nchanges made to main.\n", func(files map[string]string) { maps.Copy(files, before) })
		head := b.hub.branches["main"]
		for _, o := range got[1:] {
			if d, err := b.revert(o.Change.Commit); err != nil || d.Reason != amend.ReasonReverted || d.Change.Commit != head || b.hub.branches["main"] != head {
				t.Errorf("%s %s, %v", d.Reason, d.Detail, err)
			}
		}
		b.decide = func(w pipeline.World, e amend.Event) (amend.Decision, error) {
			episodes, err := w.Past.Episodes(incident(e.Identity), amend.Commit)
			if len(episodes) != 1 || episodes[0].TakenBack == nil || !episodes[0].TakenBack.ByPerson {
				t.Errorf("the history of %s is %+v", e.Identity, episodes)
			}
			return amend.Decision{Reason: amend.ReasonNoPlaybook}, err
		}
		b.send(all[1:]...)
	})
}

func TestDeclinedSummary(t *testing.T) {
	onStorm(t, 1, func(t *testing.T, b *bench) {
		b.send(alerts(amend.Commit, 11, 14)...)
		b.summary(0).State = amend.EpisodeDeclined
		mixed := alerts(amend.Commit, 12, 16)
		want := append(reasons(amend.ReasonMuted, 3), reasons(amend.ReasonAct, 2)...)
		b.wantReasons(b.again(mixed...), want...)
		b.wantSummary(b.summary(1), 15, 16)
		b.wantReasons(b.send(mixed...), append(reasons(amend.ReasonMuted, 3), reasons(amend.ReasonDuplicate, 2)...)...)
	})
}

// TestAlertsOfASummaryResolve: the boxes follow the alerts, and with the last one the
// summary is closed, which mutes nothing.
func TestAlertsOfASummaryResolve(t *testing.T) {
	onStorm(t, 1, func(t *testing.T, b *bench) {
		all := alerts(amend.Commit, 11, 13)
		b.send(all...)
		p := b.summary(0)
		boxes := func(want string) {
			t.Helper()
			var got string
			for line := range strings.Lines(p.Body) {
				if strings.HasPrefix(line, "- [") {
					got += line[2:5]
				}
			}
			if got != want || p.State != amend.EpisodeOpen {
				t.Errorf("the boxes are %s, want %s; it is %s", got, want, p.State)
			}
		}
		p.Body = "A person wrote this.\n" + p.Body
		b.wantReasons(b.again(resolved(all[1])), amend.ReasonWithdrawn)
		boxes("[x][ ]")
		b.wantReasons(b.send(resolved(all[1])), amend.ReasonWithdrawn)
		boxes("[x][ ]")
		b.wantReasons(b.again(all[1]), amend.ReasonDuplicate)
		boxes("[ ][ ]")
		b.wantReasons(b.again(resolved(all[2])), amend.ReasonWithdrawn)
		boxes("[ ][x]")
		b.wantReasons(b.again(resolved(all[1])), amend.ReasonWithdrawn)
		if _, there := b.hub.branches[p.branch]; p.State != amend.EpisodeWithdrawn || there || !strings.HasPrefix(p.Body, "A person wrote this.\n") {
			t.Errorf("it is %s, and its branch there: %v\n%s", p.State, there, p.Body)
		}
		got := b.again(all[1], all[2])
		b.wantReasons(got, reasons(amend.ReasonAct, 2)...)
		if got[0].Episode != 2 || !strings.HasSuffix(b.summary(1).branch, "-2") {
			t.Errorf("then it is episode %d in %s", got[0].Episode, b.summary(1).branch)
		}
	})
}

// TestSummaryOfAPerson: a branch that somebody has pushed to is left alone, and the
// storm goes on in another one.
func TestSummaryOfAPerson(t *testing.T) {
	onStorm(t, 1, func(t *testing.T, b *bench) {
		b.send(alerts(amend.Commit, 11, 13)...)
		p := b.summary(0)
		theirs := b.hub.join(p.branch, "Mine", func(files map[string]string) { files["f9"] = "" }, b.hub.branches[p.branch])
		b.wantReasons(b.again(alerts(amend.Commit, 12, 15)...), amend.ReasonDuplicate, amend.ReasonDuplicate, amend.ReasonAct, amend.ReasonAct)
		b.wantSummary(b.summary(1), 14, 15)
		b.later()
		b.later()
		if b.hub.branches[p.branch] != theirs || p.State != amend.EpisodeOpen || len(p.comments) != 1 {
			t.Errorf("it is %s at %s, with the comments %q", p.State, b.hub.branches[p.branch], p.comments)
		}
		b.wantReasons(b.send(alerts(amend.Commit, 16, 16)...), amend.ReasonAct)
		b.wantSummary(b.summary(1), 14, 15, 16)
	})
}

// TestForgedChangeInASummary: what somebody has pushed in the name of amend is neither
// built upon nor vouched for.
func TestForgedChangeInASummary(t *testing.T) {
	onStorm(t, 1, func(t *testing.T, b *bench) {
		b.send(alerts(amend.Commit, 11, 13)...)
		p := b.summary(0)
		head := b.hub.branches[p.branch]
		files := maps.Clone(b.hub.commits[head].files)
		files["f9"] = ""
		forged := b.hub.add(commit{parents: []string{head}, files: files, message: b.hub.commits[head].message, by: mail})
		b.hub.branches[p.branch] = forged
		b.wantReasons(b.again(alerts(amend.Commit, 14, 15)...), reasons(amend.ReasonAct, 2)...)
		b.wantSummary(b.summary(1), 14, 15)
		b.later()
		b.later()
		if b.hub.branches[p.branch] != forged || b.vouched == forged || len(p.comments) != 1 {
			t.Errorf("it is at %s, vouched for is %s, the comments are %q", b.hub.branches[p.branch], b.vouched, p.comments)
		}
	})
}

// TestSecondPullOfASummary: another pull request from the branch of a summary hides it
// from a search by branch, and stops nothing.
func TestSecondPullOfASummary(t *testing.T) {
	onStorm(t, 1, func(t *testing.T, b *bench) {
		all := alerts(amend.Commit, 11, 13)
		b.send(all...)
		p := b.summary(0)
		other := *p
		other.Number, other.State = 2, amend.EpisodeDeclined
		b.hub.pulls = append(b.hub.pulls, &other)
		b.wantReasons(b.again(append(all, alerts(amend.Commit, 14, 14)...)...), append(reasons(amend.ReasonDuplicate, 3), amend.ReasonAct)...)
		b.hub.accept(p, "squash")
		b.later()
		b.wantReasons(b.again(all...), reasons(amend.ReasonDuplicate, 3)...)
		if n := len(b.hub.landed()); n != 2 {
			t.Errorf("%d changes are in main", n)
		}
	})
}

// TestSummaryIsOvertaken: a file of a summary that was changed on the branch ends it;
// a change elsewhere does not, and what is planned on that one begins another.
func TestSummaryIsOvertaken(t *testing.T) {
	onStorm(t, 1, func(t *testing.T, b *bench) {
		all := alerts(amend.Commit, 11, 13)
		b.send(all...)
		p := b.summary(0)
		b.hub.push("human", func(files map[string]string) { files["f2"] += "more=1\n" })
		b.later()
		b.wantReasons(b.again(alerts(amend.Commit, 14, 14)...), amend.ReasonAct)
		b.wantSummary(p, 12, 13, 14)
		b.wantReasons(b.again(alerts(amend.Commit, 21, 21)...), amend.ReasonAct)
		b.wantSummary(b.summary(1), 21)

		b.hub.push("human", func(files map[string]string) { files["f1"] += "more=1\n" })
		b.later()
		if _, there := b.hub.branches[p.branch]; p.State != amend.EpisodeWithdrawn || there || b.summary(1).State != amend.EpisodeOpen {
			t.Errorf("it is %s, its branch there: %v; the other one is %s", p.State, there, b.summary(1).State)
		}
		b.wantReasons(b.again(all[1]), amend.ReasonAct)
		b.wantSummary(b.summary(2), 12) // the other one stands on what f1 was before
	})
}

func TestStaleSummary(t *testing.T) {
	onStorm(t, 1, func(t *testing.T, b *bench) {
		b.keeper.(*keeper).rules = pipeline.PullRules{StaleAfter: 24 * time.Hour, AutoMerge: true}
		b.send(alerts(amend.Commit, 11, 13)...)
		p := b.summary(0)
		p.green = true
		b.later()
		b.later()
		if p.State != amend.EpisodeOpen {
			t.Fatalf("it is %s", p.State)
		}
		b.passed += 25 * time.Hour
		b.later()
		if p.State != amend.EpisodeStale {
			t.Errorf("it is %s", p.State)
		}
	})
}

// TestCrashInAStorm fails each write before it is done and after it, and lets a new
// writer handle the same alerts again: each change is there once.
func TestCrashInAStorm(t *testing.T) {
	for _, call := range []string{"commit", "create branch", "open pull", "update branch", "set body"} {
		for _, done := range []bool{false, true} {
			onStorm(t, 1, func(t *testing.T, b *bench) {
				b.send(alerts(amend.Commit, 11, 13)...)
				failed := false
				b.hub.fault = func(name string) (before, after error) {
					if name != call || failed {
						return nil, nil
					}
					failed = true
					err := amend.Errorf(amend.Transient, name, "lost")
					if done {
						return nil, err
					}
					return err, nil
				}
				if call == "create branch" || call == "open pull" {
					b.summary(0).State = amend.EpisodeLanded // so that another one begins
				}
				more := alerts(amend.Commit, 14, 16)
				b.again(more...)
				if !failed {
					t.Fatalf("%s is not called", call)
				}
				for _, o := range b.send(more...) {
					if o.err != nil || o.Reason != amend.ReasonAct && o.Reason != amend.ReasonDuplicate {
						t.Errorf("%s, done %v: %s %v", call, done, o.Reason, o.err)
					}
				}
				b.later()
				live := map[string]int{}
				for _, p := range b.hub.pulls {
					if p.State == amend.EpisodeOpen {
						for _, sha := range b.hub.proposed(p) {
							r, _ := ledger.FromCommit(sha, b.hub.commits[sha].at, b.hub.commits[sha].message)
							if live[r.Target]++; !strings.Contains(p.Body, r.Incident) {
								t.Errorf("%s, done %v: the body lacks %s", call, done, r.Target)
							}
						}
					}
				}
				for _, e := range more {
					if n := live["Deployment/shop/"+e.Identity]; n != 1 {
						t.Errorf("%s, done %v: %s is proposed %d times", call, done, e.Identity, n)
					}
				}
			})
		}
	}
}

// TestForeignSummaryBranch: a branch that holds anything else than changes of amend is
// left alone.
func TestForeignSummaryBranch(t *testing.T) {
	onStorm(t, 1, func(t *testing.T, b *bench) {
		theirs := b.hub.join("amend/storm/"+incident("w12")+"-1", "Mine", func(files map[string]string) { files["f9"] = "" }, b.hub.branches["main"])
		got := b.send(alerts(amend.Commit, 11, 12)...)
		if amend.ReasonOf(got[1].err) != amend.ReasonFailed || b.hub.branches["amend/storm/"+incident("w12")+"-1"] != theirs {
			t.Errorf("%s, %v", got[1].Reason, got[1].err)
		}
	})
}

// TestKillSwitchInAStorm: what has joined is shown to nobody once the switch is set.
func TestKillSwitchInAStorm(t *testing.T) {
	onStorm(t, 1, func(t *testing.T, b *bench) {
		b.send(alerts(amend.Commit, 11, 11)...)
		b.hub.fault = func(call string) (before, after error) {
			if b.hub.commits[b.hub.branches["main"]].files[pipeline.StopFile] == "" && call == "commit" {
				b.hub.pushLocked("stop", func(files map[string]string) { files[pipeline.StopFile] = "stop" })
			}
			return nil, nil
		}
		b.wantReasons(b.again(alerts(amend.Commit, 12, 14)...), reasons(amend.ReasonKillSwitch, 3)...)
		if len(b.hub.pulls) > 0 || len(b.hub.branches) > 1 {
			t.Errorf("%d pull requests, the branches %v", len(b.hub.pulls), b.hub.branches)
		}
	})
}

// objects proves all changes but those of some workloads.
type objects []string

func (o objects) Prove(_ context.Context, p writer.Proof) error {
	for _, c := range p.Changes {
		if slices.Contains(o, c.Object.Name) {
			return amend.Refusef(amend.ReasonUnproven, "it renders something else")
		}
	}
	return nil
}

// TestUnprovenInAStorm: one that is not proved does not keep the others out.
func TestUnprovenInAStorm(t *testing.T) {
	onStorm(t, 1, func(t *testing.T, b *bench) {
		b.prover = objects{"w13"}
		b.wantReasons(b.send(alerts(amend.Commit, 11, 14)...), amend.ReasonAct, amend.ReasonAct, amend.ReasonUnproven, amend.ReasonAct)
		b.wantSummary(b.summary(0), 12, 14)
		if len(b.hub.branches) != 2 {
			t.Errorf("the branches are %v", b.hub.branches)
		}
	})
}
