package writer

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
)

// TakenBack returns the record of the change that a commit took back: by its own
// message, as the merge of the commit that did, or as the squash of it. Any other
// commit gives amend.NotFound, also one that only says so.
func (w *Writer) TakenBack(ctx context.Context, commit string) (amend.Record, error) {
	if err := checkSHAs(commit); err != nil {
		return amend.Record{}, err
	}
	return ask(ctx, w, func(ctx context.Context) (amend.Record, error) {
		head, err := w.refresh(ctx)
		if err != nil {
			return amend.Record{}, err
		}
		c, err := w.findTakenBack(ctx, head, commit)
		return c.record, err
	})
}

func (w *Writer) findTakenBack(ctx context.Context, head, commit string) (change, error) {
	none := amend.Errorf(amend.NotFound, "find change", "the commit %s took no change of amend back on the branch %s", commit, w.cfg.Branch)
	if err := w.fetch(ctx, commit); err != nil {
		return change{}, err
	}
	landing, err := w.landing(head, commit)
	if err != nil {
		return change{}, err
	}
	if landing == "" {
		return change{}, none
	}
	_, brought, err := w.brought(landing)
	if err != nil {
		return change{}, err
	}
	for _, b := range brought {
		taken, reverts := ledger.Reverts(b.Message)
		if !reverts || commit != landing && commit != b.SHA {
			continue
		}
		c, err := w.find(ctx, head, taken)
		if amend.KindOf(err) == amend.NotFound {
			continue
		}
		if err != nil {
			return change{}, err
		}
		if real, err := w.undoes(b.SHA, c); err != nil || real {
			return c, err
		}
	}
	return change{}, none
}

// Reverted returns the changes that commits on the branch say to have taken back, as
// far as those came to it after a time; the earliest made first.
func (w *Writer) Reverted(ctx context.Context, since time.Time) ([]amend.Record, error) {
	return ask(ctx, w, func(ctx context.Context) ([]amend.Record, error) {
		err := w.glance(ctx)
		return w.past.index.RevertedSince(since), err
	})
}

// undone returns the commit that took a change back, and the one that took that
// one back, as far as there are any.
func (w *Writer) undone(c change) (by, again string, err error) {
	by, err = w.revertOf(c, append([]string{c.record.Commit, c.landing}, c.commits...))
	if err != nil || by == "" {
		return "", "", err
	}
	again, err = w.revertOf(c, []string{by})
	return by, again, err
}

// revertOf returns the commit that takes one of some commits of a change back, ""
// for none.
func (w *Writer) revertOf(c change, commits []string) (string, error) {
	for _, commit := range commits {
		for _, by := range w.past.index.Reverts(commit) {
			if real, err := w.undoes(by, c); err != nil || real {
				return by, err
			}
		}
	}
	return "", nil
}

// undoes reports whether a commit that says to take a change back does: it has to
// touch every file of the change. Anybody may write that line into a message, and a
// squash of several commits quotes it; then the change is still there.
func (w *Writer) undoes(by string, c change) (bool, error) {
	commit, err := w.commit(by)
	if err != nil {
		return false, err
	}
	if len(commit.Parents) == 0 {
		return false, nil
	}
	var trees [4]fs.FS
	for i, sha := range []string{c.before, c.after, commit.Parents[0], by} {
		if trees[i], err = w.cfg.Repo.Tree(sha); err != nil {
			w.doubtful = true
			return false, err
		}
	}
	names, err := differing(trees[0], trees[1], ".")
	if amend.KindOf(err) == amend.Refused {
		return true, nil // which files it added or removed is not known
	}
	if err != nil {
		return false, err
	}
	untouched := slices.ContainsFunc(names, func(name string) bool {
		same, reading := equal(trees[2], trees[3], name)
		if !errors.Is(reading, fs.ErrNotExist) {
			err = errors.Join(err, reading)
		}
		return same
	})
	return !untouched, err
}
