package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/verify"
)

// A standing writer shows a verdict that was reached before.
type standing struct {
	verdict  amend.VerdictState
	reverted int
}

func (s *standing) Superseded(context.Context, string) (string, error) { return "", nil }

func (s *standing) Judge(_ context.Context, v amend.Verdict) (amend.Record, error) {
	if v.State.Follows(s.verdict) {
		s.verdict = v.State
	}
	return amend.Record{Commit: v.Commit, Verdict: s.verdict}, nil
}

func (s *standing) Revert(context.Context, amend.Reversal) (amend.Decision, error) {
	s.reverted++
	return amend.Decision{Reason: amend.ReasonChangedSince}, nil
}

// deployed is an Argo CD whose one Application runs everything.
type deployed struct{ app amend.Application }

func (d deployed) Applications(context.Context, string) ([]amend.Application, error) {
	return []amend.Application{d.app}, nil
}

func (d deployed) Application(context.Context, string, string) (amend.Application, error) {
	return d.app, nil
}

func (deployed) Refresh(context.Context, string, string) error { return nil }

func (deployed) Contains(context.Context, string, string) (bool, error) { return true, nil }

func (deployed) Fires(context.Context, string) (bool, error) { return true, nil }

// TestAnOldEventUndoesNothing: the merge of a change is told of again, days later, and
// its alert fires for another reason. What the change was found to be stands.
func TestAnOldEventUndoesNothing(t *testing.T) {
	object := amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}
	argo := deployed{amend.Application{
		Namespace: "argocd", Name: "shop", Sync: "Synced", Health: "Healthy", Phase: "Succeeded",
		Sources: []amend.ApplicationSource{{RepoURL: "https://git.example.com/env", Compared: "a", Applied: "a"}},
		Objects: []amend.ApplicationObject{{ObjectRef: object, Health: "Healthy"}},
	}}
	for before, c := range map[amend.VerdictState]struct {
		want     amend.VerdictState
		reverted bool
	}{
		"":               {amend.Failed, true},
		amend.Unverified: {amend.Failed, true},
		amend.Failed:     {amend.Failed, true}, // what was to follow may have been cut short
		amend.Worked:     {amend.Worked, false},
		amend.Superseded: {amend.Superseded, false},
		amend.Reverted:   {amend.Reverted, false},
	} {
		s := &standing{verdict: before}
		l := loop{scribe: s, revert: true, log: slog.New(slog.DiscardHandler), cfg: verify.Config{
			Applications: argo, History: argo, Alerts: argo, Repo: "https://git.example.com/env", Steady: time.Millisecond, Now: time.Now,
		}}
		v, err := l.close(t.Context(), verify.Change{Commit: "a", Object: object, Event: "e", Check: amend.Check{Deadline: time.Millisecond, OnFailure: amend.TakeBack}})
		if err != nil || v.State != c.want || s.reverted > 0 != c.reverted {
			t.Errorf("after %q: %+v, %v, reverted %d times", before, v, err, s.reverted)
		}
	}
}
