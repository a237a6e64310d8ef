package writer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
)

// What is decided on the last state of the branch that is known counts for nothing
// when somebody has pushed since, for a commit, a refusal, and a pull request.
func TestNothingRestsOnAnOldBranch(t *testing.T) {
	for _, mode := range []amend.Mode{amend.Commit, amend.PullRequest} {
		onBench(t, map[string]string{"f": "web=1\napi=1\nold=1"}, func(t *testing.T, b *bench) {
			b.wantReasons(b.send(firing("old", amend.Commit, "f")), amend.ReasonAct)
			b.hub.push("human", func(files map[string]string) { files["f"] = strings.Replace(files["f"], "web=1", "web=5", 1) })
			got := b.queue(firing("web", mode, "f"))()
			b.wantReasons(got, amend.ReasonAct)
			if made := b.hub.commits[got[0].Change.Commit]; made.files["f"] != "web=6\napi=1\nold=2" {
				t.Errorf("%s: the change holds %q", mode, made.files["f"])
			}
			b.hub.push("human", func(files map[string]string) { files["f"] = "other=1" })
			b.wantReasons(b.queue(firing("api", mode, "f"))(), amend.ReasonNotInRepo)
			b.hub.push("human", func(files map[string]string) { files["f"] = "api=1"; files[pipeline.StopFile] = "" })
			b.wantReasons(b.queue(firing("api", mode, "f"))(), amend.ReasonKillSwitch)
		})
	}
}

// A host that does not say where the branch is gets no commit.
func TestNothingLandsUnasked(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1\napi=1"}, func(t *testing.T, b *bench) {
		b.wantReasons(b.send(firing("web", amend.Commit, "f")), amend.ReasonAct)
		b.hub.fault = func(call string) (error, error) {
			if call == "head" {
				return amend.Errorf(amend.Transient, call, "no answer"), nil
			}
			return nil, nil
		}
		if got := b.queue(firing("api", amend.Commit, "f"))(); amend.KindOf(got[0].err) != amend.Transient {
			t.Errorf("ended in %q, %v; want an error", got[0].Reason, got[0].err)
		}
		b.hub.fault = nil
		if got := b.hub.file("f"); got != "web=2\napi=1" {
			t.Errorf("the file holds %q", got)
		}
		b.wantReasons(b.queue(firing("api", amend.Commit, "f"))(), amend.ReasonAct)
	})
}

// Alerts that come while the first of them is decided about land with it.
func TestLateOnesJoin(t *testing.T) {
	onBench(t, map[string]string{"all": many(20)}, func(t *testing.T, b *bench) {
		decide := b.decide
		var wait func() []outcome
		b.decide = func(w pipeline.World, e amend.Event) (amend.Decision, error) {
			if e.Identity == "w0" && wait == nil {
				var others []amend.Event
				for i := range 19 {
					others = append(others, firing(fmt.Sprint("w", i+1), amend.Commit, "all"))
				}
				wait = b.queue(others...)
			}
			return decide(w, e)
		}
		b.wantReasons(b.deliver(firing("w0", amend.Commit, "all")), amend.ReasonAct)
		for _, o := range wait() {
			b.wantReasons([]outcome{o}, amend.ReasonAct)
		}
		if n := b.hub.count("update branch"); n != 1 {
			t.Errorf("the branch was moved %d times, want once", n)
		}
		if got, want := b.hub.file("all"), strings.ReplaceAll(many(20), "=1", "=2"); got != want {
			t.Errorf("the file holds\n%s", got)
		}
	})
}

// One of several incidents has a pull request already, or nobody knows: the others
// are changed all the same, and it is not.
func TestOneOfManyHasAPullRequest(t *testing.T) {
	files := map[string]string{"f": "a=1\nb=1\nc=1"}
	events := func() []amend.Event {
		return []amend.Event{firing("a", amend.Commit, "f"), firing("b", amend.Commit, "f"), firing("c", amend.Commit, "f")}
	}
	check := func(t *testing.T, b *bench) {
		t.Helper()
		if got := b.hub.file("f"); got != "a=2\nb=1\nc=2" {
			t.Errorf("the file holds %q", got)
		}
	}
	onBench(t, files, func(t *testing.T, b *bench) {
		b.wantReasons(b.send(firing("b", amend.PullRequest, "f")), amend.ReasonAct)
		b.wantReasons(b.send(events()...), amend.ReasonAct, amend.ReasonDuplicate, amend.ReasonAct)
		check(t, b)
	})
	onBench(t, files, func(t *testing.T, b *bench) {
		finds := 0
		b.hub.fault = func(call string) (error, error) {
			if call == "find pull" {
				if finds++; finds == 2 {
					return amend.Errorf(amend.Transient, call, "no answer"), nil
				}
			}
			return nil, nil
		}
		got := b.send(events()...)
		failed := 0
		reasons := map[amend.Reason]int{}
		for _, o := range got {
			if o.err != nil {
				failed++
			} else {
				reasons[o.Reason]++
			}
		}
		if diff := cmp.Diff(map[amend.Reason]int{amend.ReasonAct: 2}, reasons); diff != "" || failed != 1 {
			t.Errorf("%d failed, of the others (-want +got):\n%s", failed, diff)
		}
		if n := len(b.hub.changes()); n != 2 {
			t.Errorf("%d changes are in Git", n)
		}
	})
}

// The host is asked for the pull request of an incident once, while its change is
// planned; its answer counts, and nobody waits for it when there is no change.
func TestAskedWhilePlanned(t *testing.T) {
	files := map[string]string{"f": "a=1\nb=1\nc=1"}
	early := func(b *bench, refused string) {
		decide := b.decide
		b.decide = func(w pipeline.World, e amend.Event) (amend.Decision, error) {
			d, err := decide(w, e)
			if err == nil && d.Acts() && w.Acting != nil {
				w.Acting(d)
			}
			if e.Identity == refused {
				d.Reason, d.Plan, d.Episode = amend.ReasonUnproven, nil, d.Episode-1
			}
			return d, err
		}
	}
	onBench(t, files, func(t *testing.T, b *bench) {
		early(b, "c")
		b.wantReasons(b.send(firing("a", amend.Commit, "f"), firing("b", amend.Commit, "f")), amend.ReasonAct, amend.ReasonAct)
		if n := b.hub.count("find pull"); n != 2 {
			t.Errorf("the host was asked %d times for two incidents", n)
		}
		b.wantReasons(b.send(firing("c", amend.Commit, "f")), amend.ReasonUnproven)
		if got := b.hub.file("f"); got != "a=2\nb=2\nc=1" {
			t.Errorf("the file holds %q", got)
		}
	})
	onBench(t, files, func(t *testing.T, b *bench) {
		b.wantReasons(b.send(firing("b", amend.PullRequest, "f")), amend.ReasonAct)
		early(b, "")
		got := b.send(firing("a", amend.Commit, "f"), firing("b", amend.Commit, "f"), firing("c", amend.Commit, "f"))
		b.wantReasons(got, amend.ReasonAct, amend.ReasonDuplicate, amend.ReasonAct)
		if got := b.hub.file("f"); got != "a=2\nb=1\nc=2" {
			t.Errorf("the file holds %q", got)
		}
	})
}
