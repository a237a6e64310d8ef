package writer_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/writer"
)

// A spentHub is a hub whose limits are used up but for what is kept.
type spentHub struct {
	site
	spent bool
}

type urgentKey struct{}

func (h *spentHub) turnAway(ctx context.Context) error {
	if h.spent && ctx.Value(urgentKey{}) == nil {
		return amend.Errorf(amend.Transient, "", "rate limited")
	}
	return nil
}

func (h *spentHub) Head(ctx context.Context, branch string) (string, error) {
	if err := h.turnAway(ctx); err != nil {
		return "", err
	}
	return h.hub.Head(ctx, branch)
}

func (h *spentHub) Commit(ctx context.Context, d writer.Draft) (writer.Committed, error) {
	if err := h.turnAway(ctx); err != nil {
		return writer.Committed{}, err
	}
	return h.site.Commit(ctx, d)
}

func (h *spentHub) CreateBranch(ctx context.Context, branch, sha string) error {
	if err := h.turnAway(ctx); err != nil {
		return err
	}
	return h.hub.CreateBranch(ctx, branch, sha)
}

func (h *spentHub) OpenPull(ctx context.Context, n writer.NewPull) (writer.Pull, error) {
	if err := h.turnAway(ctx); err != nil {
		return writer.Pull{}, err
	}
	return h.hub.OpenPull(ctx, n)
}

func (h *spentHub) SetVerdict(ctx context.Context, v amend.Verdict) error {
	if err := h.turnAway(ctx); err != nil {
		return err
	}
	return h.hub.SetVerdict(ctx, v)
}

// spendable replaces the writer of a bench by one whose host has limits.
func (b *bench) spendable() *spentHub {
	h := &spentHub{site: site{b.hub, b.mirror}}
	b.stop()
	b.writer = writer.New(writer.Config{
		Host: h, Repo: b.mirror, Branch: "main", Now: b.now, Log: slog.New(slog.DiscardHandler),
		Decide: func(w pipeline.World, e amend.Event) (amend.Decision, error) { return b.decide(w, e) },
		Urgent: func(ctx context.Context) context.Context { return context.WithValue(ctx, urgentKey{}, true) },
	})
	b.run()
	return h
}

// While changes are turned away, one that failed is found, said to have failed,
// and taken back: by a commit and by a pull request.
func TestSpentLimitsKeepNoChange(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1", "g": "api=1"}, func(t *testing.T, b *bench) {
		h := b.spendable()
		made := b.queue(firing("web", amend.Commit, "f"), firing("api", amend.Commit, "g"))()
		b.wantReasons(made, amend.ReasonAct, amend.ReasonAct)
		h.spent = true
		if got := b.queue(firing("web", amend.Commit, "f"))(); amend.KindOf(got[0].err) != amend.Transient {
			t.Errorf("a change ended in %q, %v", got[0].Reason, got[0].err)
		}
		for i, want := range []amend.Reason{amend.ReasonReverted, amend.ReasonRevertProposed} {
			commit := made[i].Change.Commit
			if _, err := b.writer.Judge(t.Context(), amend.Verdict{State: amend.Failed, Commit: commit}); err != nil {
				t.Error(err)
			}
			d, err := b.writer.Revert(t.Context(), amend.Reversal{Commit: commit, Propose: i == 1}, nil)
			if err != nil || d.Reason != want {
				t.Errorf("a revert ended in %q, %v; want %q", d.Reason, err, want)
			}
		}
		if got := b.hub.file("f"); got != "web=1" {
			t.Errorf("after the revert the file holds %q", got)
		}
	})
}

// What is to be taken back does not wait for the changes that came before.
func TestRevertsGoFirst(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		b.run()
		made := b.queue(firing("web", amend.Commit, "f"))()
		seen, decide, busy := map[string]string{}, b.decide, make(chan struct{})
		b.decide = func(w pipeline.World, e amend.Event) (amend.Decision, error) {
			if e.ID == "busy" {
				<-busy
			}
			seen[e.ID] = b.hub.file("f")
			return amend.Decision{Reason: amend.ReasonNoPlaybook}, nil
		}
		defer func() { b.decide = decide }()
		first := b.queue(amend.Event{ID: "busy"})
		rest := b.queue(amend.Event{ID: "one"}, amend.Event{ID: "two"})
		reverted := make(chan error)
		go func() {
			_, err := b.writer.Revert(t.Context(), amend.Reversal{Commit: made[0].Change.Commit}, nil)
			reverted <- err
		}()
		synctest.Wait()
		close(busy)
		if err := <-reverted; err != nil {
			t.Error(err)
		}
		first()
		rest()
		if d := cmp.Diff(map[string]string{"busy": "web=2", "one": "web=1", "two": "web=1"}, seen); d != "" {
			t.Errorf("what was in the branch when the others were decided (-want +got):\n%s", d)
		}
	})
}
