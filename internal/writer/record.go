package writer

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
)

// sweepAgain is how long a dispatched record may take to appear in the log
// before it is dispatched again.
const sweepAgain = 2 * time.Minute

// maxDispatches bounds how many entries one sweep asks for. Events wait
// meanwhile, and any one run of the workflow adds all that is missing.
const maxDispatches = 10

// record asks for the log entry of a change that just landed. A failure is not
// the change's: the next Sweep asks again, because Git says what is missing.
func (w *Writer) record(ctx context.Context, sha string, d Draft) {
	r, ok := ledger.FromCommit(sha, d.Time, d.Message)
	if !ok {
		w.cfg.Log.Error("the trailers of our own commit do not read back", "commit", sha)
		return
	}
	if err := w.dispatch(ctx, r); err != nil {
		w.cfg.Log.Warn("recording is delayed until the next sweep", "commit", sha, "error", err)
	}
}

func (w *Writer) dispatch(ctx context.Context, r amend.Record) error {
	if err := w.cfg.Host.Dispatch(ctx, r); err != nil {
		return err
	}
	w.dispatched[r.Commit] = w.cfg.Now()
	return nil
}

// Sweep compares the changes in the branch's history with the entries of its
// log and asks once more for what is missing, the earliest first and some at a
// time: after a restart, when a pull request was merged, or when a run of the
// workflow was lost.
func (w *Writer) Sweep(ctx context.Context) error {
	reply := make(chan error, 1)
	select {
	case w.sweeps <- reply:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.stopped:
		return errStopped()
	}
	select {
	case err := <-reply:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *Writer) sweep(ctx context.Context) error {
	head, err := w.refresh(ctx)
	if err != nil {
		return err
	}
	missing, err := w.missing(head)
	if err != nil {
		return err
	}
	waiting := make(map[string]bool, len(missing))
	for _, r := range missing {
		waiting[r.Commit] = true
	}
	maps.DeleteFunc(w.dispatched, func(sha string, _ time.Time) bool { return !waiting[sha] })
	asked := 0
	for _, r := range missing {
		if w.cfg.Now().Sub(w.dispatched[r.Commit]) < sweepAgain {
			continue
		}
		if asked++; asked > maxDispatches {
			break
		}
		if err := w.dispatch(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// missing lists the changes that have no entry in the log at head.
func (w *Writer) missing(head string) ([]amend.Record, error) {
	tree, err := w.cfg.Repo.Tree(head)
	if err != nil {
		return nil, err
	}
	data, err := fs.ReadFile(tree, ledger.LogFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	log, err := ledger.ParseLog(data)
	if err != nil {
		return nil, err
	}
	return ledger.Missing(log, w.past.index.Records()), nil
}
