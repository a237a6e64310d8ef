package writer_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/writer"
)

// A critic is a prover that can read what is on the branches of the hub, as
// Argo CD does, and says of each proof what the test wants.
type critic struct {
	bench   *bench
	asked   []writer.Proof
	judge   func(writer.Proof) error
	missing bool // a commit that was on no branch
}

func (c *critic) Prove(_ context.Context, p writer.Proof) error {
	c.asked = append(c.asked, p)
	h := c.bench.hub
	h.mu.Lock()
	reachable := false
	for _, tip := range h.branches {
		reachable = reachable || h.descends(tip, p.Commit) && h.descends(tip, p.Base)
	}
	h.mu.Unlock()
	c.missing = c.missing || !reachable
	if c.judge != nil {
		return c.judge(p)
	}
	return nil
}

// withCritic runs a test with a prover.
func withCritic(t *testing.T, files map[string]string, test func(*testing.T, *bench, *critic)) {
	t.Helper()
	onBench(t, files, func(t *testing.T, b *bench) {
		c := &critic{bench: b}
		b.prover = c
		test(t, b, c)
		if c.missing {
			t.Error("a commit was on no branch when its proof was asked for")
		}
		for branch := range b.hub.branches {
			if strings.HasPrefix(branch, "amend-proof/") {
				t.Errorf("the branch %s stays", branch)
			}
		}
	})
}

// about refuses what is about the workload, or fails in another way.
func about(name string, err error) func(writer.Proof) error {
	return func(p writer.Proof) error {
		if p.Changes[0].Object.Name == name {
			return err
		}
		return nil
	}
}

var (
	unproven = amend.Refusef(amend.ReasonUnproven, "spec.paused of web changes too")
	away     = amend.Errorf(amend.Transient, "render", "connection refused")
)

func TestCommitsAreProvedBeforeTheyLand(t *testing.T) {
	withCritic(t, map[string]string{"f": "web=1\napi=1"}, func(t *testing.T, b *bench, c *critic) {
		start := b.hub.branches["main"]
		c.judge = func(writer.Proof) error {
			if b.hub.branches["main"] != start {
				t.Error("the branch has moved before the proof")
			}
			return nil
		}
		got := b.send(firing("web", amend.Commit, "f"), firing("api", amend.Commit, "f"))
		b.wantReasons(got, amend.ReasonAct, amend.ReasonAct)
		first, second := got[0].Change.Commit, got[1].Change.Commit
		changes := func(name string) []amend.FieldChange {
			return []amend.FieldChange{{Object: amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: name}, Field: "n", Old: "1", New: "2"}}
		}
		want := []writer.Proof{{Base: start, Commit: first, Changes: changes("web")}, {Base: first, Commit: second, Changes: changes("api")}}
		if diff := cmp.Diff(want, c.asked); diff != "" || b.hub.branches["main"] != second {
			t.Error(diff)
		}
	})
}

func TestACommitThatIsNotProvedDoesNotLand(t *testing.T) {
	withCritic(t, map[string]string{"f": "web=1\napi=1\ndb=1"}, func(t *testing.T, b *bench, c *critic) {
		c.judge = about("web", unproven)
		got := b.send(firing("api", amend.Commit, "f"), firing("web", amend.Commit, "f"), firing("db", amend.Commit, "f"))
		b.wantReasons(got, amend.ReasonAct, amend.ReasonUnproven, amend.ReasonAct)
		if got[1].Detail != "spec.paused of web changes too" || got[1].Change != nil || got[1].Episode != 0 {
			t.Errorf("%+v", got[1].Decision)
		}
		if text := b.hub.file("f"); text != "web=1\napi=2\ndb=2" {
			t.Errorf("the file holds %q", text)
		}
	})
}

func TestNothingLandsWithoutAProof(t *testing.T) {
	withCritic(t, map[string]string{"f": "web=1\napi=1"}, func(t *testing.T, b *bench, c *critic) {
		made := b.send(firing("web", amend.Commit, "f"))[0].Change.Commit
		c.judge = about("api", away)
		e := firing("api", amend.Commit, "f")
		b.stop()
		b.restart()
		wait := b.queue(e)
		reverted := make(chan error, 1)
		go func() {
			_, err := b.writer.Revert(context.Background(), amend.Reversal{Commit: made, At: asked}, nil)
			reverted <- err
		}()
		synctest.Wait() // both are in one batch
		b.run()
		if got := wait(); amend.KindOf(got[0].err) != amend.Transient {
			t.Errorf("%+v", got)
		}
		if err := <-reverted; err != nil || b.hub.file("f") != "web=1\napi=1" {
			t.Errorf("the revert beside it: %v, %q", err, b.hub.file("f"))
		}
		c.judge = nil
		b.passed += time.Minute
		b.wantReasons(b.again(e), amend.ReasonAct)
	})
}

// A revert restores what was live before, and must not wait for anybody.
func TestARevertNeedsNoProof(t *testing.T) {
	withCritic(t, map[string]string{"f": "web=1\napi=1"}, func(t *testing.T, b *bench, c *critic) {
		made := b.send(firing("web", amend.Commit, "f"))[0].Change.Commit
		c.judge = func(writer.Proof) error { return away }
		b.wantRevert(made, amend.ReasonReverted, "")
		if len(c.asked) != 1 || b.hub.file("f") != "web=1\napi=1" {
			t.Errorf("%d proofs, %q", len(c.asked), b.hub.file("f"))
		}
	})
}

func TestAPullRequestIsProvedBeforeItIsOpened(t *testing.T) {
	withCritic(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench, c *critic) {
		branch := amend.Branch(incident("web"), 1)
		e := firing("web", amend.PullRequest, "f")
		c.judge = func(writer.Proof) error {
			if len(b.hub.pulls) > 0 {
				t.Error("the pull request was opened before the proof")
			}
			return unproven
		}
		b.wantReasons(b.send(e), amend.ReasonUnproven)
		if _, ok := b.hub.branches[branch]; ok || len(b.hub.pulls) > 0 {
			t.Error("there is a branch or a pull request without a proof")
		}

		c.judge = func(writer.Proof) error { return away }
		if got := b.again(e); amend.KindOf(got[0].err) != amend.Transient || len(b.hub.pulls) > 0 {
			t.Errorf("%+v, %d pull requests", got, len(b.hub.pulls))
		}
		claim := b.hub.branches[branch]

		// The branch moves on before the next try, which takes the claim over.
		b.hub.push("human", func(files map[string]string) { files["g"] = "1" })
		c.judge = nil
		b.passed += time.Minute
		got := b.again(e)
		b.wantReasons(got, amend.ReasonAct)
		last := c.asked[len(c.asked)-1]
		if got[0].Change.Commit != claim || last.Commit != claim || !slices.Equal(b.hub.commits[claim].parents, []string{last.Base}) {
			t.Errorf("the claim is %s, the change %+v, the proof %+v", claim, got[0].Change, last)
		}
	})
}

// A proof may take minutes, and a stop that comes meanwhile counts.
func TestStopDuringAProof(t *testing.T) {
	withCritic(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench, c *critic) {
		c.judge = func(writer.Proof) error {
			b.hub.push("stop", func(files map[string]string) { files[pipeline.StopFile] = "now" })
			b.passed += time.Minute
			return nil
		}
		got := b.send(firing("web", amend.PullRequest, "f"))
		b.wantReasons(got, amend.ReasonKillSwitch)
		if len(b.hub.pulls) > 0 || len(b.hub.branches) > 1 || got[0].Episode != 0 || !got[0].ChangedAt.IsZero() {
			t.Errorf("%d pull requests, the branches %v, %+v", len(b.hub.pulls), b.hub.branches, got[0].Decision)
		}
	})
}

// What was not proved is no change that a budget counts.
func TestWhatIsNotProvedIsNoRecord(t *testing.T) {
	withCritic(t, map[string]string{"f": "web=1\napi=1"}, func(t *testing.T, b *bench, c *critic) {
		c.judge = about("web", unproven)
		seen := b.recent()
		b.wantReasons(b.send(firing("web", amend.PullRequest, "f"), firing("api", amend.PullRequest, "f")), amend.ReasonUnproven, amend.ReasonAct)
		if got := seen(); len(got) > 0 {
			t.Errorf("the second sees %q", got)
		}
	})
}

// A prover that hangs must not hold up the next job for as long again.
func TestAProverThatIsAwayHasARest(t *testing.T) {
	withCritic(t, map[string]string{"f": "web=1\napi=1"}, func(t *testing.T, b *bench, c *critic) {
		c.judge = func(writer.Proof) error { return away }
		web, api := firing("web", amend.PullRequest, "f"), firing("api", amend.PullRequest, "f")
		for i, o := range b.send(web, api) {
			if amend.KindOf(o.err) != amend.Transient || strings.Contains(o.err.Error(), "another change") != (i == 1) {
				t.Errorf("%+v", o)
			}
		}
		if len(c.asked) != 1 {
			t.Errorf("it was asked %d times", len(c.asked))
		}
		c.judge = nil
		b.passed += time.Minute
		b.wantReasons(b.again(web, api), amend.ReasonAct, amend.ReasonAct)
	})
}

func TestAProofIsForTheBranchAsItIs(t *testing.T) {
	withCritic(t, map[string]string{"f": "web=1\nhuman=0"}, func(t *testing.T, b *bench, c *critic) {
		c.judge = func(writer.Proof) error {
			if len(c.asked) == 1 {
				b.hub.push("human", func(files map[string]string) { files["f"] = "web=5\nhuman=1" })
			}
			return nil
		}
		b.wantReasons(b.send(firing("web", amend.Commit, "f")), amend.ReasonAct)
		if last := c.asked[len(c.asked)-1]; len(c.asked) != 2 || last.Changes[0].New != "6" || b.hub.file("f") != "web=6\nhuman=1" {
			t.Errorf("%+v, %q", c.asked, b.hub.file("f"))
		}
	})
}

// A branch that a crash left behind is no obstacle, and goes with the next try.
func TestABranchOfAProofThatStayed(t *testing.T) {
	withCritic(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench, c *critic) {
		c.judge = func(writer.Proof) error { return away }
		b.hub.fault = func(call string) (error, error) {
			if call == "delete branch" {
				return away, nil
			}
			return nil, nil
		}
		e := firing("web", amend.Commit, "f")
		if got := b.send(e); amend.KindOf(got[0].err) != amend.Transient || len(b.hub.branches) != 2 {
			t.Errorf("%+v, %v", got, b.hub.branches)
		}
		c.judge, b.hub.fault = nil, nil
		b.restart()
		b.run()
		b.wantReasons(b.again(e), amend.ReasonAct)
	})
}

// owners is a cluster in which one Application deploys all, and an answer that
// somebody waits for.
type owners struct {
	asked []string
	err   error
}

func (o *owners) Owner(_ context.Context, object amend.ObjectRef) ([]byte, error) {
	o.asked = append(o.asked, object.String())
	return []byte("live"), o.err
}

func TestTheOwnerIsPartOfTheWorld(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		o := &owners{}
		b.owners = o
		b.decide = func(w pipeline.World, e amend.Event) (amend.Decision, error) {
			live, err := w.Owner(amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"})
			if err != nil {
				return amend.Decision{}, err
			}
			if string(live) != "live" {
				t.Errorf("the owner is %q", live)
			}
			return decide(w, e)
		}
		b.wantReasons(b.send(firing("web", amend.Commit, "f")), amend.ReasonAct)
		if o.err = away; amend.KindOf(b.send(firing("web", amend.Commit, "f"))[0].err) != amend.Transient {
			t.Error("it was decided without the owner")
		}
		if o.asked[0] != "Deployment/shop/web" {
			t.Errorf("asked %q", o.asked)
		}
	})
}

// A new plan that the prover refuses is not made and shown to it on each look, but
// again once the branch has moved.
func TestUnprovenPlanIsNotRepeated(t *testing.T) {
	withCritic(t, map[string]string{"f": "web=1\nother=1"}, func(t *testing.T, b *bench, c *critic) {
		b.keeper = &keeper{}
		b.wantReasons(b.send(firing("web", amend.PullRequest, "f")), amend.ReasonAct)
		c.judge = func(writer.Proof) error { return unproven }
		b.hub.push("human", edit("web=1", "web=5"))
		asked, commits := len(c.asked), b.hub.count("commit")
		for range 10 {
			b.later()
		}
		if n, m := len(c.asked)-asked, b.hub.count("commit")-commits; n != 1 || m != 1 {
			t.Errorf("asked %d times for a proof of %d commits", n, m)
		}
		c.judge = nil
		b.hub.push("human", edit("other=1", "other=2"))
		b.later()
		if got := b.hub.changed(b.hub.pulls[0])["f"]; got != "web=6\nother=2" {
			t.Errorf("it proposes %q", got)
		}
	})
}
