package writer_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/writer"
)

// A slowHub is a hub that answers some questions late or never.
type slowHub struct {
	site
	old  []string      // that it names as the head of the branch first, one each time
	late time.Duration // until it says where a branch is
	// It does not say about so many branches whether there is a pull request. Asked is
	// how many wanted to know, and gone how many do not any more.
	mute        int
	asked, gone atomic.Int64
}

func (h *slowHub) Head(ctx context.Context, branch string) (string, error) {
	time.Sleep(h.late)
	head, err := h.hub.Head(ctx, branch)
	if branch == "main" && len(h.old) > 0 {
		head, h.old = h.old[0], h.old[1:]
	}
	return head, err
}

func (h *slowHub) FindPull(ctx context.Context, branch string) (writer.Pull, bool, error) {
	if h.asked.Add(1) <= int64(h.mute) {
		<-ctx.Done()
		h.gone.Add(1)
		return writer.Pull{}, false, amend.Errorf(amend.Transient, "find pull", "%w", ctx.Err())
	}
	return h.hub.FindPull(ctx, branch)
}

// slow replaces the writer of a bench by one whose host is slow.
func (b *bench) slow() *slowHub {
	h := &slowHub{site: site{b.hub, b.mirror}}
	b.stop()
	b.writer = writer.New(writer.Config{
		Host: h, Repo: b.mirror, Branch: "main", Now: b.now, Log: slog.New(slog.DiscardHandler),
		Decide: func(w pipeline.World, e amend.Event) (amend.Decision, error) { return b.decide(w, e) },
	})
	b.run()
	return h
}

// A host that names a commit as the head which was that a moment ago gets no
// second commit for the same.
func TestHostThatLagsBehind(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1\napi=1"}, func(t *testing.T, b *bench) {
		h := b.slow()
		start := b.hub.branches["main"]
		b.wantReasons(b.queue(firing("web", amend.Commit, "f"))(), amend.ReasonAct)
		h.old = []string{start, start}
		b.wantReasons(b.queue(firing("web", amend.Commit, "f"))(), amend.ReasonDuplicate)
		h.old = []string{start, start}
		b.wantReasons(b.queue(firing("api", amend.Commit, "f"))(), amend.ReasonAct)
		if got := b.hub.file("f"); got != "web=2\napi=2" {
			t.Errorf("the file holds %q", got)
		}
	})
}

// A writer ends although a question to the host has no answer, and nothing is
// written then.
func TestEndsWithoutAnAnswer(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		h := b.slow()
		h.mute = 1
		wait := b.queue(firing("web", amend.Commit, "f"))
		b.stop()
		if got := wait(); amend.KindOf(got[0].err) != amend.Transient || h.gone.Load() != 1 {
			t.Errorf("ended in %q, %v, and %d questions were given up", got[0].Reason, got[0].err, h.gone.Load())
		}
		if got := b.hub.file("f"); got != "web=1" {
			t.Errorf("the file holds %q", got)
		}
	})
}

// Nobody waits for answers that count for nothing, because the branch is elsewhere.
func TestQuestionsOfAnotherBranch(t *testing.T) {
	const n = 70 // more than land together
	onBench(t, map[string]string{"f": "web=1", "all": many(n)}, func(t *testing.T, b *bench) {
		h := b.slow()
		b.wantReasons(b.queue(firing("web", amend.Commit, "f"))(), amend.ReasonAct)
		h.asked.Store(0)
		h.mute = 7 // one less than are asked at a time, so that the branch is asked about
		h.late = time.Second
		decide, pushed := b.decide, false
		b.decide = func(w pipeline.World, e amend.Event) (amend.Decision, error) {
			if !pushed {
				pushed = true
				b.hub.push("human", func(files map[string]string) { files["f"] = "web=7" })
			}
			return decide(w, e)
		}
		var events []amend.Event
		for i := range n {
			events = append(events, firing(fmt.Sprint("w", i), amend.Commit, "all"))
		}
		for _, o := range b.again(events...) {
			b.wantReasons([]outcome{o}, amend.ReasonAct)
		}
		if h.gone.Load() != 7 {
			t.Errorf("%d questions were given up, want 7", h.gone.Load())
		}
	})
}

// It is decided before the host has said where the branch is, also after it was
// elsewhere and nothing was to be done.
func TestDecidesAhead(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1\napi=1"}, func(t *testing.T, b *bench) {
		h := b.slow()
		b.wantReasons(b.queue(firing("web", amend.Commit, "f"))(), amend.ReasonAct)
		b.hub.push("human", func(files map[string]string) { files["g"] = "" })
		b.wantReasons(b.queue(firing("web", amend.Commit, "f"))(), amend.ReasonDuplicate)
		h.late = time.Second
		asked, decide := time.Now(), b.decide
		b.decide = func(w pipeline.World, e amend.Event) (amend.Decision, error) {
			if waited := time.Since(asked); waited > 0 {
				t.Errorf("it was decided after %s", waited)
			}
			return decide(w, e)
		}
		b.wantReasons(b.queue(firing("api", amend.Commit, "f"))(), amend.ReasonAct)
	})
}

// Who asks what landed does not wait until all events have their answers.
func TestQuestionsGoBetween(t *testing.T) {
	onBench(t, map[string]string{"all": many(5)}, func(t *testing.T, b *bench) {
		var events []amend.Event
		for i := range 5 {
			events = append(events, firing(fmt.Sprint("w", i), amend.PullRequest, "all"))
		}
		wait := b.queue(events...)
		b.hub.pace = func() time.Duration { return time.Second }
		b.run()
		synctest.Wait()
		if _, err := b.writer.Landed(t.Context(), b.now()); err != nil {
			t.Error(err)
		}
		if n := b.hub.count("open pull"); n > 1 {
			t.Errorf("the answer came after %d of 5 pull requests", n)
		}
		for _, o := range wait() {
			b.wantReasons([]outcome{o}, amend.ReasonAct)
		}
	})
}

// A writer that runs notices that its own push landed although the answer was lost,
// that the branch was wound back, and that it is gone for a while.
func TestBranchIsElsewhereThanItWas(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1\napi=1"}, func(t *testing.T, b *bench) {
		b.run()
		start := b.hub.branches["main"]
		b.hub.fault = func(call string) (error, error) {
			if call == "update branch" {
				return nil, amend.Errorf(amend.Transient, call, "the answer is lost")
			}
			return nil, nil
		}
		if got := b.queue(firing("web", amend.Commit, "f"))(); amend.KindOf(got[0].err) != amend.Transient {
			t.Errorf("ended in %q, %v", got[0].Reason, got[0].err)
		}
		b.hub.fault = nil
		b.wantReasons(b.queue(firing("web", amend.Commit, "f"))(), amend.ReasonDuplicate)

		b.hub.branches["main"] = start
		b.passed += time.Minute
		b.wantReasons(b.queue(firing("web", amend.Commit, "f"))(), amend.ReasonAct)

		head := b.hub.branches["main"]
		delete(b.hub.branches, "main")
		if got := b.queue(firing("api", amend.Commit, "f"))(); amend.KindOf(got[0].err) != amend.NotFound {
			t.Errorf("without a branch it ended in %q, %v", got[0].Reason, got[0].err)
		}
		b.hub.branches["main"] = head
		b.wantReasons(b.queue(firing("api", amend.Commit, "f"))(), amend.ReasonAct)
		if got := b.hub.file("f"); got != "web=2\napi=2" {
			t.Errorf("the file holds %q", got)
		}
	})
}

// Where the host said that the branch is counts at that moment only: after a batch
// that was given up nothing is decided on it.
func TestWordOfTheHostGrowsOld(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1\napi=1"}, func(t *testing.T, b *bench) {
		b.run()
		heads, moves := 0, 0
		b.hub.fault = func(call string) (error, error) {
			human := func(files map[string]string) { files["g"] += "+" }
			switch call {
			case "update branch": // somebody is always faster
				moves++
				b.hub.pushLocked("human", human)
			case "find pull":
				if moves == 18 && len(b.hub.pulls) == 0 {
					b.hub.pulls = append(b.hub.pulls, &request{branch: amend.Branch(incident("web"), 1), Pull: writer.Pull{
						Number: 1, State: amend.EpisodeWithdrawn, At: b.now().Add(-48 * time.Hour), OpenedAt: b.now(), Branch: amend.Branch(incident("web"), 1)}})
				}
			case "head":
				if heads++; heads == 20 {
					b.hub.pushLocked("human", human)
				}
			}
			return nil, nil
		}
		if got := b.queue(firing("web", amend.Commit, "f"))(); amend.KindOf(got[0].err) != amend.Transient || moves != 18 || heads != 20 {
			t.Fatalf("ended in %q, %v after %d moves and %d questions", got[0].Reason, got[0].err, moves, heads)
		}
		b.hub.fault = nil
		b.hub.push("human", func(files map[string]string) { files[pipeline.StopFile] = "" })
		b.wantReasons(b.queue(firing("api", amend.PullRequest, "f"))(), amend.ReasonKillSwitch)
	})
}

// Many incidents that have pull requests already are not decided again for each of
// them.
func TestManyHavePullRequests(t *testing.T) {
	const n = 30
	onBench(t, map[string]string{"all": many(n)}, func(t *testing.T, b *bench) {
		var proposed, again []amend.Event
		for i := range n {
			proposed = append(proposed, firing(fmt.Sprint("w", i), amend.PullRequest, "all"))
			again = append(again, firing(fmt.Sprint("w", i), amend.Commit, "all"))
		}
		b.send(proposed...)
		before := b.hub.count("commit")
		for _, o := range b.send(again...) {
			b.wantReasons([]outcome{o}, amend.ReasonDuplicate)
		}
		if made := b.hub.count("commit") - before; made > 2*n {
			t.Errorf("%d commits were made in vain for %d events", made, n)
		}
	})
}

// A host that does not say whether there are pull requests is not asked again for
// each of many incidents because of the others.
func TestManyWithoutAnAnswer(t *testing.T) {
	const n = 30
	onBench(t, map[string]string{"all": many(n)}, func(t *testing.T, b *bench) {
		b.hub.fault = func(call string) (error, error) {
			if call == "find pull" {
				return amend.Errorf(amend.Transient, call, "no answer"), nil
			}
			return nil, nil
		}
		var events []amend.Event
		for i := range n {
			events = append(events, firing(fmt.Sprint("w", i), amend.Commit, "all"))
		}
		for i, o := range b.send(events...) {
			if amend.KindOf(o.err) != amend.Transient {
				t.Errorf("event %d ended in %q, %v", i, o.Reason, o.err)
			}
		}
		if asked := b.hub.count("find pull"); asked > 2*n {
			t.Errorf("the host was asked %d times for %d events", asked, n)
		}
	})
}

// What is to be taken back does not wait for those that would join a round.
func TestRevertsGoBeforeThoseThatJoin(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1", "all": many(9)}, func(t *testing.T, b *bench) {
		b.run()
		made := b.queue(firing("web", amend.Commit, "f"))()
		decide := b.decide
		var rest func() []outcome
		reverted := make(chan error, 1)
		b.decide = func(w pipeline.World, e amend.Event) (amend.Decision, error) {
			if rest == nil {
				go func() {
					_, err := b.writer.Revert(t.Context(), amend.Reversal{Commit: made[0].Change.Commit}, nil)
					reverted <- err
				}()
				synctest.Wait()
				var others []amend.Event
				for i := range 8 {
					others = append(others, firing(fmt.Sprint("w", i+1), amend.Commit, "all"))
				}
				rest = b.queue(others...)
			}
			return decide(w, e)
		}
		if d, err := b.writer.Handle(t.Context(), firing("w0", amend.Commit, "all"), nil); err != nil || !d.Acts() {
			t.Errorf("ended in %q, %v", d.Reason, err)
		}
		if err := <-reverted; err != nil {
			t.Error(err)
		}
		for _, o := range rest() {
			b.wantReasons([]outcome{o}, amend.ReasonAct)
			if c := b.hub.commits[o.Change.Commit]; c.files["f"] != "web=1" {
				t.Errorf("%s landed before the change was taken back", o.Incident)
			}
		}
	})
}

// That an incident had no pull request before does not count once one was opened.
func TestPullRequestOfTheSameRound(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		failed := false
		b.hub.fault = func(call string) (error, error) {
			if call == "commit" && !failed {
				failed = true
				return amend.Errorf(amend.Transient, call, "disk full"), nil
			}
			return nil, nil
		}
		got := b.send(firing("web", amend.Commit, "f"), firing("web", amend.PullRequest, "f"), firing("web", amend.PullRequest, "f"))
		if amend.KindOf(got[0].err) != amend.Transient {
			t.Errorf("the first ended in %q, %v", got[0].Reason, got[0].err)
		}
		b.wantReasons(got[1:], amend.ReasonAct, amend.ReasonDuplicate)
	})
}

// When a commit cannot be made of the local copy, the copy is repaired.
func TestCopyIsRepairedWhenACommitFails(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1\napi=1"}, func(t *testing.T, b *bench) {
		b.run()
		b.wantReasons(b.queue(firing("api", amend.Commit, "f"))(), amend.ReasonAct)
		rotten := true
		b.hub.fault = func(call string) (error, error) {
			switch {
			case call == "fetch":
				rotten = false
			case call == "commit" && rotten:
				return amend.Errorf(amend.Transient, call, "an object is lost"), nil
			}
			return nil, nil
		}
		b.queue(firing("web", amend.Commit, "f"))()
		b.wantReasons(b.queue(firing("web", amend.Commit, "f"))(), amend.ReasonAct)
	})
}
