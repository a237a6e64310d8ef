package writer

import (
	"bytes"
	"context"
	"io/fs"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
)

// propose opens the pull request of an episode. Creating its branch is the
// claim; a branch that an interrupted try of ours left behind is taken over.
func (w *Writer) propose(ctx context.Context, draft Draft, d amend.Decision) (*amend.Change, error) {
	branch, base := amend.Branch(d.Incident, d.Episode), draft.Parent.SHA
	made, err := w.cfg.Host.Commit(ctx, draft)
	if err != nil {
		return nil, err
	}
	err = w.cfg.Host.CreateBranch(ctx, branch, made.SHA)
	if amend.KindOf(err) == amend.Conflict {
		made.SHA, base, err = w.takeOver(ctx, branch, base, made.SHA, *d.Plan)
	}
	if err != nil {
		return nil, err
	}
	asked := w.cfg.Now()
	err = w.prove(ctx, base, made.SHA, d.Plan)
	if err == nil && w.cfg.Now().Sub(asked) > maxAge {
		err = w.checkStopNow(ctx)
	}
	if declined(err) {
		w.discard(ctx, branch)
	}
	if err != nil {
		return nil, err
	}
	pull, err := w.cfg.Host.OpenPull(ctx, w.newPull(ctx, draft.Tree, branch, d))
	if err != nil {
		return nil, err
	}
	w.vouch(pull.Number, made.SHA)
	w.past.opened[d.Incident] = d.Episode
	w.remember(branch, d.Plan.Request.Event, made.SHA)
	return &amend.Change{Kind: amend.KindPullRequest, Commit: made.SHA, Branch: branch, Number: pull.Number, URL: pull.URL}, nil
}

// vouch tells of a commit that is at the head of a pull request, and is exactly
// what was planned.
func (w *Writer) vouch(number int, commit string) {
	if w.cfg.Proposed != nil {
		w.cfg.Proposed(number, commit)
	}
}

// declined reports whether the error is a decision against what was to be
// proposed, and not a failure to propose it.
func declined(err error) bool {
	reason := amend.ReasonOf(err)
	return reason == amend.ReasonUnproven || reason == amend.ReasonKillSwitch
}

// takeOver looks at an existing branch of the episode that has no pull request
// yet. If it is head and exactly this change, it is adopted; if it is an
// outdated try of ours, it is replaced; anything else is somebody else's, and is
// left alone: people read the text of the pull request, which speaks of the plan
// only. It returns the commit of the branch and its parent.
func (w *Writer) takeOver(ctx context.Context, branch, head, sha string, plan amend.Plan) (commit, parent string, err error) {
	found, err := w.cfg.Host.Head(ctx, branch)
	if err != nil {
		return "", "", err
	}
	if err := w.need(ctx, found); err != nil {
		return "", "", err
	}
	c, err := w.commit(found)
	if err != nil {
		return "", "", err
	}
	foreign := amend.Refusef(amend.ReasonFailed, "the branch %s exists and is not just the change of this episode; delete it to let amend open its pull request", branch)
	r, ok := ledger.FromCommit(c.SHA, c.At, c.Message)
	if !ok || len(c.Parents) != 1 || r.Incident != plan.Request.Incident() || r.Episode != plan.Episode {
		return "", "", foreign
	}
	same, err := w.holds(found, plan)
	if err != nil {
		return "", "", err
	}
	if same {
		exact, err := w.isExactly(ctx, head, c, plan)
		if err == nil && !exact {
			err = foreign
		}
		return found, c.Parents[0], err
	}
	if err := w.cfg.Host.DeleteBranch(ctx, branch); err != nil {
		return "", "", err
	}
	return sha, head, w.cfg.Host.CreateBranch(ctx, branch, sha)
}

// isExactly reports whether the commit adds nothing but the plan's files to the
// history of head.
func (w *Writer) isExactly(ctx context.Context, head string, c ledger.Commit, plan amend.Plan) (bool, error) {
	landing, err := w.landing(head, c.Parents[0])
	if err != nil || landing == "" {
		return false, err
	}
	return w.makes(ctx, c.Parents[0], c.SHA, plan.Files)
}

// holds reports whether the commit has every file of the plan as planned.
func (w *Writer) holds(sha string, plan amend.Plan) (bool, error) {
	tree, err := w.cfg.Repo.Tree(sha)
	if err != nil {
		return false, err
	}
	for path, want := range plan.Files {
		if got, err := fs.ReadFile(tree, path.String()); err != nil || !bytes.Equal(got, want) {
			return false, nil
		}
	}
	return true, nil
}

// withdraw closes the open pull request of an alert that is over, or says in a
// summary that it is. It returns what the decision's detail is then.
func (w *Writer) withdraw(ctx context.Context, d amend.Decision) (detail string, err error) {
	if isSummary(d.Change.Branch) {
		return "The alert is over before the summary that proposes its change was merged, so its box is checked there; nothing is left to do.", w.over(ctx, d, true)
	}
	const comment = "The alert has resolved before this was merged, so there is nothing left to fix. amend closes the pull request; if the alert fires again, a new one is opened."
	return d.Detail, w.closePull(ctx, Pull{Number: d.Change.Number, Branch: d.Change.Branch, Commit: d.Change.Commit}, amend.EpisodeWithdrawn, comment)
}

// closePull closes a pull request of ours. Its branch goes last: without it the
// host would close the pull request by itself, which reads as a person's refusal.
// A branch that stays is litter and harms nothing, and one to which a person has
// pushed stays on purpose.
func (w *Writer) closePull(ctx context.Context, p Pull, as amend.EpisodeState, comment string) error {
	if err := w.cfg.Host.ClosePull(ctx, p.Number, as, comment); err != nil {
		return err
	}
	delete(w.news, p.Branch)
	if s := w.storms.of(p.Branch); s != nil {
		s.looked = nil
	}
	ours := false
	head, err := w.cfg.Host.Head(ctx, p.Branch) // somebody may have pushed just now
	if err == nil {
		p.Commit = head
		_, ours, err = w.own(ctx, p)
	}
	switch {
	case amend.KindOf(err) == amend.NotFound:
		return nil // it is gone
	case err == nil && !ours:
		w.cfg.Log.Info("the branch of a closed pull request stays, as a person has pushed to it", "branch", p.Branch)
		return nil
	case err == nil:
		err = w.cfg.Host.DeleteBranch(ctx, p.Branch)
	}
	if err != nil {
		w.cfg.Log.Warn("the branch of a closed pull request stays", "branch", p.Branch, "error", err)
	}
	return nil
}
