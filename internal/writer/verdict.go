package writer

import (
	"context"
	"fmt"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/message"
)

// Verdicts are what the host shows beside the commits and the pull requests of
// changes.
type Verdicts interface {
	// Verdict returns the state that the commit of a change has, "" for none.
	Verdict(ctx context.Context, commit string) (amend.VerdictState, error)
	// SetVerdict shows a verdict beside the commit that it names.
	SetVerdict(ctx context.Context, v amend.Verdict) error
	// JudgePull comments on the merged pull request from a branch and labels it,
	// once for each state. Without such a pull request it does nothing.
	JudgePull(ctx context.Context, branch string, state amend.VerdictState, comment string) error
}

// glance is how long one look at the branch is good for when somebody asks what
// landed: many verifications ask, and each look is a request to the host.
const glance = 2 * time.Second

// Check says how to find out whether the change of a record, see Change, helped:
// by the policy at the head of the branch. Where there is no policy that can be
// read, nothing is to be undone.
func (w *Writer) Check(ctx context.Context, r amend.Record) (amend.Check, error) {
	return ask(ctx, w, func(ctx context.Context) (amend.Check, error) {
		head, err := w.refresh(w.cfg.Urgent(ctx)) // what is to be taken back is found out by this
		if err != nil {
			return amend.Check{}, err
		}
		tree, err := w.cfg.Repo.Tree(head)
		if err != nil {
			w.doubtful = true
			return amend.Check{}, err
		}
		check, err := w.cfg.Check(tree, r)
		if err == nil && check.OnFailure != amend.Keep {
			check.OnFailure, err = w.whileFresh(ctx, head, r, check.OnFailure)
		}
		switch amend.KindOf(err) {
		case amend.Invalid, amend.Refused, amend.NotFound:
			w.cfg.Log.Warn("the policy cannot say how to verify a change", "commit", r.Commit, "error", amend.Public(err))
			return amend.Check{OnFailure: amend.Keep}, nil
		}
		return check, err
	})
}

// freshFor is how long after it landed a change may be taken back by itself. Later,
// a trouble is hardly the one that the change was for: an old event that is
// delivered again must not undo what has been good for days.
const freshFor = 24 * time.Hour

// whileFresh returns what is to be done about a change that failed: nothing when it
// landed long ago.
func (w *Writer) whileFresh(ctx context.Context, head string, r amend.Record, wanted amend.OnFailure) (amend.OnFailure, error) {
	c, err := w.find(ctx, head, r.Commit)
	if err != nil {
		return "", err
	}
	landing, err := w.commit(c.landing)
	if err == nil && w.cfg.Now().Sub(landing.At) > freshFor {
		wanted = amend.Keep
	}
	return wanted, err
}

// Landed returns the changes that came to the branch after a time, by their commit
// or the merge of their pull request, the earliest made first.
func (w *Writer) Landed(ctx context.Context, since time.Time) ([]amend.Record, error) {
	return ask(ctx, w, func(ctx context.Context) ([]amend.Record, error) {
		err := w.glance(ctx)
		return w.past.index.LandedSince(since), err
	})
}

// Superseded names the commit that ended what another one's change does: one that
// took it back, by whoever, or that of a change which was made after it had landed
// and took its place, because it is of the same incident, or is to the same workload
// by the same action or at the same place. It is zero while there is none. What
// others write to the branch is seen within seconds.
func (w *Writer) Superseded(ctx context.Context, commit string) (amend.Successor, error) {
	if err := checkSHAs(commit); err != nil {
		return amend.Successor{}, err
	}
	return ask(ctx, w, func(ctx context.Context) (amend.Successor, error) {
		if err := w.glance(ctx); err != nil {
			return amend.Successor{}, err
		}
		old, err := w.find(ctx, w.past.head, commit)
		if err != nil {
			return amend.Successor{}, err
		}
		by, again, err := w.undone(old)
		if err != nil {
			return amend.Successor{}, err
		}
		if by != "" && again == "" {
			return amend.Successor{Commit: by, Reverts: true}, nil
		}
		landing, err := w.commit(old.landing)
		if err != nil {
			return amend.Successor{}, err
		}
		for _, r := range w.past.index.Since(landing.At) {
			if replaces(r, old.record) {
				return amend.Successor{Commit: r.Commit}, nil
			}
		}
		return amend.Successor{}, nil
	})
}

// replaces reports whether a newer change is about the same as an old one.
func replaces(r, old amend.Record) bool {
	same := r.Target == old.Target && (r.Action == old.Action || r.Edited == old.Edited)
	return r.Commit != old.Commit && (r.Incident == old.Incident || same)
}

// glance brings the past up to the head of the branch, unless that was done a
// moment ago.
func (w *Writer) glance(ctx context.Context) error {
	if now := w.cfg.Now(); w.past.head == "" || now.Sub(w.glanced) >= glance {
		if _, err := w.refresh(ctx); err != nil {
			return err
		}
		w.glanced = now
	}
	return nil
}

// Judge shows a verdict beside its change, which the commit names as for Change:
// as the status of the commit and, once it is final, on the pull request that
// brought it, and asks for it to be noted in the log. A verdict that does not
// follow from the one which is shown, see amend.VerdictState.Follows, changes
// nothing; so it may be given twice. It returns the record of the change with the
// verdict that stands.
func (w *Writer) Judge(ctx context.Context, v amend.Verdict) (amend.Record, error) {
	if !v.State.Valid() {
		return amend.Record{}, amend.Errorf(amend.Invalid, "judge", "%.20q is no verdict", v.State)
	}
	r, err := w.Change(ctx, v.Commit)
	if err != nil {
		return amend.Record{}, err
	}
	if v.State == amend.Failed { // it is taken back once this is said
		ctx = w.cfg.Urgent(ctx)
	}
	// The host is asked beside the work on changes, which must not wait for it.
	v.Commit = r.Commit
	shown, err := w.cfg.Host.Verdict(ctx, r.Commit)
	if err != nil {
		return r, err
	}
	if r.Verdict = shown; !v.State.Follows(shown) {
		return r, nil
	}
	r.Verdict = v.State
	if v.State == amend.Pending {
		return r, w.cfg.Host.SetVerdict(ctx, v)
	}
	comment := fmt.Sprintf("**%s**: %s\n", v.State, message.Inert(v.Detail, maxComment))
	if err := w.cfg.Host.JudgePull(ctx, amend.Branch(r.Incident, r.Episode), v.State, comment); err != nil {
		return r, err
	}
	if err := w.cfg.Host.SetVerdict(ctx, v); err != nil {
		return r, err
	}
	if err := w.dispatch(ctx, r); err != nil {
		w.cfg.Log.Warn("the log learns of a verdict later", "commit", r.Commit, "error", err)
	}
	return r, nil
}
