package writer

import (
	"context"
	"fmt"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/pipeline"
)

// replan plans a pull request anew that does not fit the branch any more: a new
// commit takes the place of the old one, made on the branch as it is now. It
// stands on the old one too, so its branch moves forward only, and a person who
// has pushed there meanwhile keeps what they pushed. Without the alert nothing
// can be planned; then its next delivery is waited for. It reports whether the
// pull request was closed instead, because nothing is left to propose.
func (w *Writer) replan(ctx context.Context, k *kept, left *effort) (closed bool, err error) {
	if left.changes == 0 || w.news[k.Branch].unproven == k.main {
		return false, nil // it has its turn later, or would not be proved on a second try
	}
	d, known, err := w.plannedNow(ctx, k)
	if err != nil || !known {
		return false, err
	}
	if !d.Acts() && d.Reason != amend.ReasonNoChange {
		w.happened(k.Branch, fmt.Sprintf("The env repo has changed, and the change cannot be planned anew (%s). %s", d.Reason, d.Detail))
		return false, nil
	}
	if moved, err := w.moved(ctx, k.main); moved || err != nil {
		return false, err
	}
	left.changes--
	w.news[k.Branch].served = w.cfg.Now()
	if d.Reason == amend.ReasonNoChange {
		const comment = "The env repo holds what this proposes by now, so there is nothing left to merge. amend closes the pull request; if the alert goes on, it looks again."
		return true, w.closePull(ctx, k.Pull, amend.EpisodeWithdrawn, comment)
	}
	draft := Draft{
		Parent: Committed{SHA: k.main, Tree: hash(k.world.Tree, ".")}, Instead: k.Commit, Tree: k.world.Tree,
		Files: d.Plan.Files, Message: message.Commit(*d.Plan), Time: w.cfg.Now().Truncate(time.Second),
	}
	made, err := w.cfg.Host.Commit(ctx, draft)
	if err != nil {
		return false, err
	}
	if err := w.proveAside(ctx, k.main, made.SHA, d.Plan); err != nil {
		if !declined(err) {
			return false, err
		}
		w.news[k.Branch].unproven = k.main
		w.happened(k.Branch, "The env repo has changed, and the change as it was planned anew is not proved. "+amend.Public(err))
		return false, nil
	}
	err = w.cfg.Host.UpdateBranch(ctx, k.Branch, k.Commit, made.SHA)
	if amend.KindOf(err) == amend.Conflict {
		return false, nil // somebody has pushed there; the next look says so
	}
	if err != nil {
		return false, err
	}
	w.vouch(k.Number, made.SHA)
	w.happened(k.Branch, fmt.Sprintf("The env repo had changed, so the change was planned anew on %.12s.", k.main))
	w.news[k.Branch].Plan, w.news[k.Branch].commit = d.Plan, made.SHA
	w.cfg.Log.Info("a pull request was planned anew", "pr", k.Number, "branch", k.Branch, "commit", made.SHA)
	return false, nil
}

// plannedNow says what the proposed change is on the branch as it is now, false
// when its alert is not known.
func (w *Writer) plannedNow(ctx context.Context, k *kept) (amend.Decision, bool, error) {
	n := w.news[k.Branch]
	if n.event.ID == "" {
		return amend.Decision{}, false, nil
	}
	world := w.planWorld(ctx, &round{w: w, start: Committed{SHA: k.main}, base: k.world.Tree})
	d, err := w.cfg.Keeper.Replan(world, pipeline.Proposal{Record: k.record, Event: n.event, Tree: k.files})
	return d, err == nil, err
}

// planWorld is the world of a round for planning what is decided already: what
// was done about other alerts does not count.
func (w *Writer) planWorld(ctx context.Context, r *round) pipeline.World {
	world := pipeline.World{Tree: r.base, Now: w.cfg.Now()}
	world.Past = view{round: r, all: func(string) ([]amend.Episode, error) { return nil, nil },
		waiting: func(time.Time) ([]amend.Record, error) { return nil, nil }}
	if owners := w.cfg.Owners; owners != nil {
		world.Owner = func(object amend.ObjectRef) ([]byte, error) { return owners.Owner(ctx, object) }
	}
	return world
}

// proveAside shows a commit to the prover on a branch of its own, and looks at
// the kill switch again when that took long.
func (w *Writer) proveAside(ctx context.Context, base, commit string, plan *amend.Plan) error {
	if w.cfg.Prover == nil {
		return nil
	}
	branch := proofBranch(commit)
	if err := w.cfg.Host.CreateBranch(ctx, branch, commit); err != nil && amend.KindOf(err) != amend.Conflict {
		return err
	}
	defer w.discard(ctx, branch)
	if err := w.prove(ctx, base, commit, plan); err != nil {
		return err
	}
	return w.checkStopNow(ctx)
}
