package writer

import (
	"context"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
)

// over checks the box of a change of a summary, because its alert is over, or
// unchecks it, because it fires again. When all are checked, the summary is closed.
func (w *Writer) over(ctx context.Context, d amend.Decision, over bool) error {
	s := w.storms.of(d.Change.Branch)
	if s == nil {
		return amend.Errorf(amend.Internal, "find summary", "the pull request of %s is not known", d.Change.Branch)
	}
	if s.State != amend.EpisodeOpen {
		return nil
	}
	edit := func(body string) string {
		return message.Over(message.Gathered(body, s.records), amend.Record{Incident: d.Incident, Episode: d.Episode}, over)
	}
	if edit(s.Body) != s.Body {
		if err := w.rewrite(ctx, &s.Pull, edit); err != nil {
			return err
		}
	}
	if !over || !message.AllOver(s.Body, s.records) {
		return nil
	}
	return w.closePull(ctx, s.Pull, amend.EpisodeWithdrawn, allOver)
}

// The comments with which summaries are closed.
const (
	allOver   = "The alerts of all changes in here are over before this was merged, so there is nothing left to fix, and amend closes the pull request. An alert that fires again is answered anew."
	overtaken = "A file that this changes was changed in the env repo, so the proofs of these changes do not hold any more, and amend closes the pull request. That mutes nothing: what still fires is answered anew."
)

// ownSummary returns the head of a summary, and whether amend alone has made it: one
// change after the other, on a commit of the branch that Argo CD follows.
func (w *Writer) ownSummary(ctx context.Context, p Pull) (ledger.Commit, bool, error) {
	if _, err := w.summaries(ctx); err != nil {
		return ledger.Commit{}, false, err
	}
	s := w.storms.of(p.Branch)
	if s == nil {
		w.storms = storms{} // it came since they were listed
		return ledger.Commit{}, false, amend.Errorf(amend.Transient, "find summary", "the pull request %d of %s is looked at later", p.Number, p.Branch)
	}
	if s.Number != p.Number {
		return ledger.Commit{}, false, nil // somebody opened another one from its branch
	}
	if err := w.learn(ctx, s, p); err != nil {
		return ledger.Commit{}, false, err
	}
	if s.foreign || len(s.commits) == 0 || len(s.records) != len(s.commits) {
		return ledger.Commit{}, false, nil
	}
	for i, c := range s.commits {
		if len(c.Parents) != 1 || i > 0 && c.Parents[0] != s.commits[i-1].SHA {
			return ledger.Commit{}, false, nil
		}
	}
	head := s.commits[len(s.commits)-1]
	if head.SHA != s.Commit {
		return ledger.Commit{}, false, nil
	}
	if err := w.need(ctx, head.SHA); err != nil {
		return ledger.Commit{}, false, err
	}
	landing, err := w.landing(w.past.head, s.commits[0].Parents[0])
	return head, landing != "", err
}

// tendSummary does what is to be done about a summary that is amend's own: it is not
// planned anew and never merged. Where it does not fit the branch any more it is
// closed, so that what still fires begins another one.
func (w *Writer) tendSummary(ctx context.Context, k *kept, left *effort) error {
	s := w.storms.of(k.Branch)
	outdated, err := k.outdated(w)
	if err != nil {
		return err
	}
	body := message.Gathered(s.Body, s.records)
	ended := outdated || message.AllOver(body, s.records)
	if ended && left.changes == 0 || !ended && (body == s.Body || left.bodies == 0) {
		return nil
	}
	if moved, err := w.moved(ctx, k.main); moved || err != nil {
		return err
	}
	w.news[k.Branch].served = w.cfg.Now()
	switch {
	case !ended:
		left.bodies--
		return w.rewrite(ctx, &s.Pull, func(body string) string { return message.Gathered(body, s.records) })
	case outdated:
		left.changes--
		return w.closePull(ctx, k.Pull, amend.EpisodeWithdrawn, overtaken)
	default:
		left.changes--
		return w.closePull(ctx, k.Pull, amend.EpisodeWithdrawn, allOver)
	}
}
