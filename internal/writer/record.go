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

// A RecordState says what is known of a change's entry in the log.
type RecordState string

// The states of an entry.
const (
	Recorded      RecordState = "recorded"       // it is in the log at the head of the branch
	Asked         RecordState = "asked"          // the workflow that adds it was asked to
	UnknownCommit RecordState = "unknown-commit" // the commit brought no change of ours to the branch
)

// Record says whether the change of a commit, see Change, has its entry in the
// log, and asks for the entry when it has none and nobody asked lately. The
// record is empty for an unknown commit, which is no error.
func (w *Writer) Record(ctx context.Context, commit string) (amend.Record, RecordState, error) {
	if err := checkSHAs(commit); err != nil {
		return amend.Record{}, "", err
	}
	r, err := ask(ctx, w, func(ctx context.Context) (recorded, error) { return w.ensure(ctx, commit) })
	return r.record, r.state, err
}

type recorded struct {
	record amend.Record
	state  RecordState
}

func (w *Writer) ensure(ctx context.Context, commit string) (recorded, error) {
	head, err := w.refresh(ctx)
	if err != nil {
		return recorded{}, err
	}
	c, err := w.find(ctx, head, commit)
	if amend.KindOf(err) == amend.NotFound {
		return recorded{state: UnknownCommit}, nil
	}
	if err != nil {
		return recorded{}, err
	}
	missing, err := w.missing(head, c.record)
	if err != nil {
		return recorded{}, err
	}
	if len(missing) == 0 {
		return recorded{c.record, Recorded}, nil
	}
	now := w.cfg.Now()
	if now.Sub(w.asked[c.record.Commit]) >= sweepAgain {
		if err := w.dispatch(ctx, c.record); err != nil {
			return recorded{}, err
		}
		w.asked[c.record.Commit] = now
	}
	return recorded{c.record, Asked}, nil
}

// record asks for the log entries of changes that just landed: for one of them,
// because a run of the workflow adds every entry that is missing. Nobody waits for
// the answer. A failure is not the changes': a later Sweep asks again, because Git
// says what is missing. A commit that takes a change back has no entry.
func (w *Writer) record(ctx context.Context, all []staged) {
	var landed []amend.Record
	for _, s := range all {
		if r, ok := ledger.FromCommit(s.made.SHA, s.draft.Time, s.draft.Message); ok {
			landed = append(landed, r)
			w.asked[r.Commit] = w.cfg.Now()
		}
	}
	if len(landed) == 0 {
		return
	}
	w.aside.Go(func() {
		err := w.dispatch(ctx, landed[0])
		if err == nil {
			return
		}
		w.cfg.Log.Warn("recording is delayed until the next sweep", "commit", landed[0].Commit, "error", err)
		select {
		case w.errands <- func(context.Context) {
			for _, r := range landed {
				delete(w.asked, r.Commit)
			}
		}:
		case <-ctx.Done():
		}
	})
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
//
// It also looks after the open pull requests, and after the local copy.
func (w *Writer) Sweep(ctx context.Context) error {
	if _, err := ask(ctx, w, func(ctx context.Context) (struct{}, error) { return struct{}{}, w.sweep(ctx) }); err != nil {
		return err
	}
	return w.tend(ctx)
}

func (w *Writer) sweep(ctx context.Context) error {
	if err := w.cfg.Repo.Tidy(ctx); err != nil { // here nothing waits to be pushed
		return err
	}
	head, err := w.refresh(ctx)
	if err != nil {
		return err
	}
	missing, err := w.missing(head, w.past.index.Records()...)
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

// missing lists those of the changes that have no entry in the log at head.
func (w *Writer) missing(head string, changes ...amend.Record) ([]amend.Record, error) {
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
	return ledger.Missing(log, changes), nil
}
