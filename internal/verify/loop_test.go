package verify_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/verify"
)

// A standing writer shows a verdict that was reached before.
type standing struct {
	verdict   amend.VerdictState
	reverted  int
	successor amend.Successor
	unknown   error
	deaf      error // to verdicts
	shown     []amend.Verdict
}

func (s *standing) Superseded(context.Context, string) (amend.Successor, error) {
	return s.successor, s.unknown
}

func (s *standing) Judge(_ context.Context, v amend.Verdict) (amend.Record, error) {
	if s.deaf != nil {
		return amend.Record{}, s.deaf
	}
	if v.State.Follows(s.verdict) {
		s.verdict, s.shown = v.State, append(s.shown, v)
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

// close takes a change of an Application that is healthy, and whose alert goes on
// firing, to its verdict.
func (s *standing) close(t *testing.T) (amend.Verdict, error) {
	object := amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}
	argo := deployed{amend.Application{
		Namespace: "argocd", Name: "shop", Sync: "Synced", Health: "Healthy", Phase: "Succeeded",
		Sources: []amend.ApplicationSource{{RepoURL: "https://git.example.com/env", Compared: "a", Applied: "a"}},
		Objects: []amend.ApplicationObject{{ObjectRef: object, Health: "Healthy"}},
	}}
	l := verify.Loop{Scribe: s, Revert: true, Config: verify.Config{
		Applications: argo, History: argo, Alerts: argo, Repo: "https://git.example.com/env", Steady: time.Millisecond, Now: time.Now,
	}}
	return l.Conclude(t.Context(), verify.Change{Commit: "a", Object: object, Event: "e", Check: amend.Check{Deadline: time.Millisecond, OnFailure: amend.TakeBack}})
}

// TestWhatFailedAndWasTakenBack: the process that took it back ended before it could
// say so, or a person merged the pull request that proposed it.
func TestWhatFailedAndWasTakenBack(t *testing.T) {
	for before, c := range map[amend.VerdictState]struct {
		successor amend.Successor
		want      amend.VerdictState
		shown     int
	}{
		amend.Failed:     {amend.Successor{Commit: "b", Reverts: true}, amend.Reverted, 1},
		amend.Reverted:   {amend.Successor{Commit: "b", Reverts: true}, amend.Reverted, 0},
		amend.Worked:     {amend.Successor{Commit: "b", Reverts: true}, amend.Worked, 0},
		amend.Unverified: {amend.Successor{Commit: "b", Reverts: true}, amend.Superseded, 1},
		"":               {amend.Successor{Commit: "b", Reverts: true}, amend.Superseded, 2},
		amend.Pending:    {amend.Successor{Commit: "b"}, amend.Superseded, 1},
	} {
		s := &standing{verdict: before, successor: c.successor}
		v, err := s.close(t)
		if err != nil || v.State != c.want || s.verdict != c.want || len(s.shown) != c.shown || s.reverted > 0 {
			t.Errorf("after %q: %+v, %v; shown %+v, reverted %d times", before, v, err, s.shown, s.reverted)
		}
		if c.want == amend.Reverted && c.shown > 0 && !strings.Contains(s.shown[0].Detail, "taken back by b") {
			t.Errorf("after %q it says %q", before, s.shown[0].Detail)
		}
	}
	// A failed change with a newer one in its place is not taken back by that.
	s := &standing{verdict: amend.Failed, successor: amend.Successor{Commit: "c"}}
	if v, err := s.close(t); err != nil || v.State != amend.Failed || len(s.shown) > 0 {
		t.Errorf("%+v, %v; shown %+v", v, err, s.shown)
	}
}

// TestAnOldEventUndoesNothing: the merge of a change is told of again, days later, and
// its alert fires for another reason. What the change was found to be stands.
func TestAnOldEventUndoesNothing(t *testing.T) {
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
		v, err := s.close(t)
		if err != nil || v.State != c.want || s.reverted > 0 != c.reverted {
			t.Errorf("after %q: %+v, %v, reverted %d times", before, v, err, s.reverted)
		}
	}
}

// TestNobodyKnowsWhetherItWorked: the host keeps no verdicts, so an event that comes again
// may be about a change that has worked, and nothing is taken back.
func TestNobodyKnowsWhetherItWorked(t *testing.T) {
	s := &standing{verdict: amend.Worked, deaf: amend.Errorf(amend.Refused, "read status", "403")}
	v, err := s.close(t)
	if err != nil || v.State != amend.Failed || s.reverted > 0 || !strings.Contains(v.Detail, "is not taken back") {
		t.Errorf("%+v, %v; reverted %d times", v, err, s.reverted)
	}
}
