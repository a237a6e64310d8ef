package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/amendhq/amend"
)

// A Scribe is the writer as a Loop wants it.
type Scribe interface {
	Newer
	// Judge shows a verdict beside its change, and returns the change's record, with
	// the verdict that stands there then.
	Judge(ctx context.Context, v amend.Verdict) (amend.Record, error)
	// Revert takes a change back.
	Revert(ctx context.Context, r amend.Reversal) (amend.Decision, error)
}

// A Loop takes changes to their verdicts, and back when they failed.
type Loop struct {
	// Config says how a change is verified; its Newer is the Scribe.
	Config Config
	Scribe Scribe
	// Revert lets a change that failed be taken back, as the policy says.
	Revert bool
}

// The writer is asked again for so long while it may answer later: what was found
// out in half an hour must not be lost because it is away for a moment.
const (
	scribeFor   = 5 * time.Minute
	scribePause = 2 * time.Second
)

// Conclude finds out what became of a change, shows it beside the change and, when it
// failed, does what the policy says. Its error says that there is no verdict.
func (l Loop) Conclude(ctx context.Context, change Change) (amend.Verdict, error) {
	l.Config = l.Config.withDefaults()
	// Whoever looks sees that it is being found out; if not, nothing is lost.
	stood, err := l.Scribe.Judge(ctx, amend.Verdict{State: amend.Pending, Commit: change.Commit, Detail: "waiting until it is applied and the trouble is over"})
	if err != nil {
		l.Config.Log.WarnContext(ctx, "the host does not show that a change is verified", "commit", change.Commit, "error", amend.Public(err))
	}
	if by := l.takenBack(ctx, stood); by != "" {
		return l.tookBack(ctx, amend.Verdict{State: amend.Failed, Commit: change.Commit, Detail: "it had failed", At: l.Config.Now().UTC(), OnFailure: change.Check.OnFailure}, change, by), nil
	}
	cfg := l.Config
	cfg.Newer = l.Scribe
	verdict, err := Verify(ctx, cfg, change)
	if err != nil {
		return verdict, err
	}
	stands, err := l.Show(ctx, verdict)
	switch takeBack := verdict.State == amend.Failed && l.Revert; {
	case err == nil && stands != verdict.State:
		// It was verified before, and a verdict is never taken back; an event that came
		// again, about a change that worked, must not undo it.
		verdict.State, verdict.Detail = stands, fmt.Sprintf("the verdict was %s before, and stands; now %s", stands, verdict.Detail)
	case err != nil && takeBack:
		// Nobody knows then whether it had worked before.
		verdict.Detail += "; it is not taken back, because the host keeps no verdicts, and it may have worked before: take it back by hand"
	case takeBack:
		return l.takeBack(ctx, verdict, change), nil
	}
	return verdict, nil
}

// takenBack returns the commit that took a change back which had failed, "" for none:
// one of a process that ended before it could say so, or of a person, who merges a
// pull request that proposes it long after.
func (l Loop) takenBack(ctx context.Context, r amend.Record) string {
	if r.Verdict != amend.Failed {
		return ""
	}
	var by amend.Successor
	if err := Patiently(ctx, func() (err error) {
		by, err = l.Scribe.Superseded(ctx, r.Commit)
		return err
	}); err != nil || !by.Reverts {
		return ""
	}
	return by.Commit
}

// Show puts a verdict beside its change, and returns the one that stands there then.
// That it fails is told to the log.
func (l Loop) Show(ctx context.Context, v amend.Verdict) (stands amend.VerdictState, err error) {
	var r amend.Record
	err = Patiently(ctx, func() (err error) {
		r, err = l.Scribe.Judge(ctx, v)
		return err
	})
	if err != nil {
		l.Config.withDefaults().Log.WarnContext(ctx, "the host does not show the verdict; it may be that the credential must not read or write commit statuses", "commit", v.Commit, "verdict", string(v.State), "error", amend.Public(err))
	}
	return r.Verdict, err
}

// takeBack has a change that failed taken back, and says in the verdict what came
// of it. It is reverted once the cluster runs what was there before.
func (l Loop) takeBack(ctx context.Context, v amend.Verdict, change Change) amend.Verdict {
	if v.OnFailure != amend.TakeBack && v.OnFailure != amend.ProposeTakeBack {
		return v
	}
	d, err := l.Reversal(ctx, v)
	if err != nil {
		v.Detail += "; it could not be taken back: " + amend.Public(err)
		return v
	}
	if d.Reason != amend.ReasonReverted {
		v.Detail += "; " + d.Detail
		if d.Change != nil {
			v.Detail += " " + d.Change.URL
		}
		return v
	}
	return l.tookBack(ctx, v, change, d.Change.Commit)
}

// tookBack waits until the cluster runs what was there before a change that failed,
// and says so.
func (l Loop) tookBack(ctx context.Context, v amend.Verdict, change Change, by string) amend.Verdict {
	back := change
	back.Commit = by
	applied, err := Applied(ctx, l.Config, back)
	if err != nil || applied.State != amend.Worked {
		v.Detail += "; the commit " + by + " takes it back, and is not known to be applied: " + applied.Detail
		return v
	}
	v.State, v.Revision, v.Health, v.At = amend.Reverted, applied.Revision, applied.Health, applied.At
	v.Detail = "taken back by " + by + ", because " + v.Detail
	_, _ = l.Show(ctx, v) // what is done is done, whoever is told
	return v
}

// Reversal takes the change of a verdict back in the way that the policy wants, or by
// a pull request when that way is closed: because the files were edited since, or
// because the host lets nobody push.
func (l Loop) Reversal(ctx context.Context, v amend.Verdict) (d amend.Decision, err error) {
	ask := func(propose bool) error {
		return Patiently(ctx, func() error {
			d, err = l.Scribe.Revert(ctx, amend.Reversal{Commit: v.Commit, Propose: propose, Why: v.Detail})
			return err
		})
	}
	if v.OnFailure == amend.TakeBack {
		if err = ask(false); err == nil && d.Reason != amend.ReasonChangedSince {
			return d, nil
		}
		if err != nil && amend.KindOf(err) != amend.Refused {
			return d, err
		}
	}
	return d, ask(true)
}

// Patiently repeats what may work later, an error that is amend.Transient, for five
// minutes.
func Patiently(ctx context.Context, do func() error) error {
	for deadline := time.Now().Add(scribeFor); ; {
		err := do()
		if amend.KindOf(err) != amend.Transient || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(scribePause):
		}
	}
}
