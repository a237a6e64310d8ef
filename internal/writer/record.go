package writer

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
)

// sweepAgain is how long a record that was asked for may take to appear in the
// log before it is asked for again.
const sweepAgain = 2 * time.Minute

// maxDispatch bounds the wait for one answer to a dispatch: events wait too.
const maxDispatch = 5 * time.Second

// record asks for the log entries of changes that just landed. A failure is not
// the changes': the next Sweep asks again, because Git says what is missing.
func (w *Writer) record(ctx context.Context, drafts []Draft, commits []Committed) {
	for i, d := range drafts {
		r, ok := ledger.FromCommit(commits[i].SHA, d.Time, d.Message)
		if !ok {
			w.cfg.Log.Error("the trailers of our own commit do not read back", "commit", commits[i].SHA)
			continue
		}
		if err := w.dispatch(ctx, r); err != nil {
			w.cfg.Log.Warn("recording is delayed until the next sweep", "commit", r.Commit, "error", err)
			return
		}
		w.asked[r.Commit] = w.cfg.Now()
	}
}

func (w *Writer) dispatch(ctx context.Context, r amend.Record) error {
	ctx, cancel := context.WithTimeout(ctx, maxDispatch)
	defer cancel()
	return w.cfg.Host.Dispatch(ctx, r)
}

// Sweep compares the changes in the branch's history with the entries of its
// log and asks once more when entries are missing: after a restart, when a pull
// request was merged, or when a run of the workflow was lost. It asks for one of
// them, because a run adds every entry that is missing.
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
	now := w.cfg.Now()
	asked := make(map[string]time.Time, len(missing))
	var due []amend.Record
	for _, r := range missing {
		if now.Sub(w.asked[r.Commit]) >= sweepAgain {
			due = append(due, r)
		}
		asked[r.Commit] = w.asked[r.Commit]
	}
	w.asked = asked // what is in the log now is forgotten
	if len(due) == 0 {
		return nil
	}
	if err := w.dispatch(ctx, due[0]); err != nil {
		return err
	}
	for _, r := range due {
		w.asked[r.Commit] = now
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
