package writer

import (
	"context"
	"fmt"
	"slices"

	"github.com/amendhq/amend"
)

// merge merges a pull request whose playbook says so, once nothing stands against
// it: the change has been there since the last look, so that checks which begin
// late are seen; the plan still holds on the branch as it is now, all checks of its
// commit have passed, no reviewer asks for changes, and, as the last thing before
// the merge, neither kill switch nor freeze nor sync window is in the way.
func (w *Writer) merge(ctx context.Context, k *kept, left *effort) (merged bool, err error) {
	now := w.cfg.Now()
	w.news[k.Branch].served = now
	if now.Sub(k.change.At) < w.cfg.KeepEvery {
		return false, nil
	}
	if holds, err := w.stillHolds(ctx, k); !holds || err != nil {
		return false, err
	}
	left.ready--
	missing, err := w.cfg.Host.Ready(ctx, k.Number, k.Commit)
	if err != nil {
		return false, err
	}
	if missing != "" {
		w.cfg.Log.Debug("a pull request is not merged yet", "pr", k.Number, "reason", missing)
		return false, nil
	}
	if moved, err := w.moved(ctx, k.main); moved || err != nil {
		return false, err
	}
	world := k.world
	world.Now = w.cfg.Now()
	reason, why, err := w.cfg.Keeper.Landing(world, k.record)
	if err != nil || reason != amend.ReasonAct {
		w.cfg.Log.Info("a pull request that is ready is not merged now", "pr", k.Number, "reason", reason, "detail", why, "error", err)
		return false, err
	}
	if err := w.cfg.Host.MergePull(ctx, k.Number, k.Commit, k.change.Message); err != nil {
		return false, unless(err, amend.Conflict)
	}
	w.cfg.Log.Info("a pull request was merged", "pr", k.Number, "branch", k.Branch, "commit", k.Commit)
	_, err = w.refresh(ctx) // for those that are looked at next
	return true, err
}

// stillHolds reports whether the pull request is what amend proposes on the branch
// as it is now. A commit that this writer did not put there itself, as after a
// restart, has to be that plan to the byte and nothing else: whoever may push to
// its branch can write the committer's address.
func (w *Writer) stillHolds(ctx context.Context, k *kept) (bool, error) {
	vouched := w.news[k.Branch].commit == k.Commit
	if vouched && k.base == k.main {
		return true, nil
	}
	// What lies around its files may have changed what the edit does.
	d, known, err := w.plannedNow(ctx, k)
	switch {
	case err != nil, !known, !d.Acts(), !k.plans(d):
		return false, err
	case vouched:
		return true, nil
	case len(k.change.Parents) != 1:
		return false, nil // another parent may carry more into the branch
	}
	return w.holds(k.Commit, *d.Plan)
}

// plans reports whether a decision is about the very files and line of the pull
// request.
func (k *kept) plans(d amend.Decision) bool {
	for path := range d.Plan.Files {
		if !slices.Contains(k.edited, path.String()) {
			return false
		}
	}
	first := d.Plan.Edits[0].Target
	return len(d.Plan.Files) == len(k.edited) && k.record.Edited == fmt.Sprintf("%s:%d", first.Path, first.Line)
}
