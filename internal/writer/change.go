package writer

import (
	"context"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
)

// Change returns the record of the change that a commit brought to the branch:
// as its own commit, as the merge of its pull request, or as the squash of it
// when its message has kept our trailers. Any other commit gives amend.NotFound:
// one of ours that never landed, one that takes a change back, and a merge of
// several changes.
func (w *Writer) Change(ctx context.Context, commit string) (amend.Record, error) {
	if err := checkSHAs(commit); err != nil {
		return amend.Record{}, err
	}
	return ask(ctx, w, func(ctx context.Context) (amend.Record, error) {
		head, err := w.refresh(w.cfg.Urgent(ctx)) // whoever takes it back asks this first
		if err != nil {
			return amend.Record{}, err
		}
		c, err := w.find(ctx, head, commit)
		return c.record, err
	})
}

// Contains reports whether a commit is the revision itself or one of its
// ancestors. A commit that the host does not have gives amend.NotFound.
func (w *Writer) Contains(ctx context.Context, revision, commit string) (bool, error) {
	if err := checkSHAs(revision, commit); err != nil {
		return false, err
	}
	return ask(ctx, w, func(ctx context.Context) (bool, error) {
		for _, sha := range []string{revision, commit} {
			if err := w.fetch(ctx, sha); err != nil {
				return false, err
			}
		}
		landing, err := w.landing(revision, commit)
		return landing != "", err
	})
}

// fetch sees to it that a commit which somebody named is here.
func (w *Writer) fetch(ctx context.Context, sha string) error {
	here, err := w.have(ctx, sha)
	if err == nil && !here {
		err = amend.Errorf(amend.NotFound, "find commit", "no branch of the host has the commit %s", sha)
	}
	return err
}

// A change is one that landed.
type change struct {
	record   amend.Record
	trailers message.Trailers
	// commits are those of ours that came with it: the plans of the change.
	commits []string
	// landing is the commit that brought it to the branch, before a commit without it,
	// and after the same with it: the branch before and with landing, or, when others
	// of ours were merged together with it, its own commit and the one before that.
	landing, before, after string
	// alone says that no commit of anybody else came with it.
	alone bool
}

// find returns the change that a commit brought to the branch.
func (w *Writer) find(ctx context.Context, head, sha string) (change, error) {
	none := amend.Errorf(amend.NotFound, "find change", "the commit %s brought no change of amend to the branch %s", sha, w.cfg.Branch)
	if err := w.fetch(ctx, sha); err != nil {
		return change{}, err
	}
	landing, err := w.landing(head, sha)
	if err != nil {
		return change{}, err
	}
	if landing == "" {
		return change{}, none
	}
	before, brought, err := w.brought(landing)
	if err != nil {
		return change{}, err
	}
	if before == "" {
		return change{}, none // the first commit of all has nothing to go back to
	}
	foreign := false
	plans := map[amend.Record][]ledger.Commit{} // the commits of each change that came with it
	var own amend.Record
	for _, b := range brought {
		r, ours := ledger.FromCommit(b.SHA, b.At, b.Message)
		if !ours {
			foreign = foreign || b.SHA != landing
			continue
		}
		// As the log has it: of the commits of one change, the one that counts.
		known, _ := w.past.index.Record(r.Incident, r.Episode)
		plans[known] = append(plans[known], b)
		if b.SHA == sha {
			own = known
		}
	}
	if own.Commit == "" && sha == landing && len(plans) == 1 {
		for own = range plans { // the only one
		}
	}
	if own.Commit == "" {
		return change{}, none
	}
	c := change{record: own, landing: landing, before: before, after: landing, alone: !foreign && len(plans) == 1}
	if p := plans[own]; !foreign && len(plans) > 1 && len(p) == 1 && len(p[0].Parents) == 1 { // out of a summary
		c.before, c.after, c.alone = p[0].Parents[0], p[0].SHA, true
	}
	return planned(c, plans[own]), nil
}

// planned completes a change with what its commits say of it.
func planned(c change, plans []ledger.Commit) change {
	for _, p := range plans {
		if len(c.commits) == 0 || p.SHA == c.record.Commit {
			c.trailers, _ = message.ParseTrailers(p.Message)
		}
		c.commits = append(c.commits, p.SHA)
	}
	return c
}

// commit reads one commit.
func (w *Writer) commit(sha string) (ledger.Commit, error) {
	for c, err := range w.cfg.Repo.Commits(sha, "") {
		w.doubtful = w.doubtful || err != nil
		return c, err
	}
	return ledger.Commit{}, amend.Errorf(amend.Internal, "read commit", "the history of %s is empty", sha)
}

// brought returns what a commit added to its first parent: itself and, when it
// is a merge, the commits that it merged.
func (w *Writer) brought(sha string) (before string, commits []ledger.Commit, err error) {
	itself, err := w.commit(sha)
	if err != nil {
		return "", nil, err
	}
	if len(itself.Parents) > 0 {
		before = itself.Parents[0]
	}
	for c, err := range w.cfg.Repo.Commits(sha, before) {
		if err != nil {
			w.doubtful = true
			return "", nil, err
		}
		commits = append(commits, c)
	}
	return before, commits, nil
}

// landing returns the commit by which sha came to the line of first parents
// that ends at head: sha itself, or the merge that brought it. It is "" when
// head does not contain sha.
func (w *Writer) landing(head, sha string) (string, error) {
	first, children := map[string]string{}, map[string][]string{}
	for c, err := range w.cfg.Repo.Commits(head, sha) {
		if err != nil {
			w.doubtful = true
			return "", err
		}
		for i, p := range c.Parents {
			if children[p] = append(children[p], c.SHA); i == 0 {
				first[c.SHA] = p
			}
		}
	}
	contains := map[string]bool{sha: true}
	for queue := []string{sha}; len(queue) > 0; queue = queue[1:] {
		for _, c := range children[queue[0]] {
			if !contains[c] {
				contains[c] = true
				queue = append(queue, c)
			}
		}
	}
	if !contains[head] {
		return "", nil
	}
	for head != sha && contains[first[head]] {
		head = first[head]
	}
	return head, nil
}
