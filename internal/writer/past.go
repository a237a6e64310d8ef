package writer

import (
	"cmp"
	"context"
	"slices"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
)

// A past is what the writer remembers of the branch's history up to one commit.
type past struct {
	head  string // "" when nothing is known
	index ledger.Index
	// merged holds the commits that the host made of our pull requests.
	merged map[string]bool
	// opened is the highest episode of an incident whose pull request was seen.
	opened map[string]int
}

// refresh returns the branch's head with the local copy and the past brought up
// to it.
func (w *Writer) refresh(ctx context.Context) (string, error) {
	head, err := w.cfg.Host.Head(ctx, w.cfg.Branch)
	if err != nil {
		return "", err
	}
	if err := w.bring(ctx, head); err != nil {
		return "", err
	}
	return head, nil
}

// bring has the local copy and the past at a head of the branch.
func (w *Writer) bring(ctx context.Context, head string) error {
	err := w.need(ctx, head)
	if err == nil && head != w.past.head {
		err = w.read(head)
	}
	if err == nil {
		w.last, w.told = head, ""
	}
	return err
}

// need sees to it that the head of a branch is here.
func (w *Writer) need(ctx context.Context, sha string) error {
	here, err := w.have(ctx, sha)
	if err == nil && !here {
		err = amend.Errorf(amend.Transient, "fetch", "the host names commit %s as a branch's head and does not serve it yet", sha)
	}
	return err
}

// have reports whether a commit is here, in a copy that can be trusted, which it is
// fetched for.
func (w *Writer) have(ctx context.Context, sha string) (bool, error) {
	if !w.doubtful && w.cfg.Repo.Has(sha) {
		return true, nil
	}
	if err := w.cfg.Repo.Fetch(ctx); err != nil {
		return false, err
	}
	w.doubtful = false
	return w.cfg.Repo.Has(sha), nil
}

// read brings the past from the last head to this one. When this one does not
// descend from the last, history was rewritten and is read anew.
func (w *Writer) read(head string) error {
	until := w.past.head
	w.past.head = "" // until all is well: half of a history is none
	if until != "" && w.cfg.Repo.Has(until) {
		descends, err := w.walk(head, until)
		if err != nil {
			return err
		}
		if descends {
			w.past.head = head
			return nil
		}
	}
	w.past = past{merged: map[string]bool{}, opened: map[string]int{}}
	if _, err := w.walk(head, ""); err != nil {
		return err
	}
	w.past.head = head
	return nil
}

// walk adds the commits from head back to until, and reports whether head
// descends from until.
func (w *Writer) walk(head, until string) (descends bool, err error) {
	for c, err := range w.cfg.Repo.Commits(head, until) {
		if err != nil {
			w.doubtful = true
			return false, err
		}
		descends = descends || slices.Contains(c.Parents, until)
		w.past.index.Add(c)
	}
	return descends, nil
}

// ours reports whether the commit brought a remediation. A host that squashes
// may have made it of a message without our trailers.
func (p *past) ours(sha string) bool { return p.index.Ours(sha) || p.merged[sha] }

// withPulls adds the pull requests of an incident, as far as they matter, to
// the episodes that landed. The latest landed one is looked up too: it landed
// when it was merged, which is later than its commit says.
func (r *round) withPulls(ctx context.Context, incident string, episodes []amend.Episode) ([]amend.Episode, error) {
	w := r.w
	last, known := latest(episodes), w.past.opened[incident]
	for n := r.firstUnknown(incident, episodes); ; n++ {
		branch := amend.Branch(incident, n)
		pull, err := r.findPull(ctx, branch)
		switch {
		case err != nil:
			return nil, err
		case pull == nil && n <= known:
			return nil, amend.Errorf(amend.Transient, "find pull request", "the host does not show the pull request of %s, which it had", branch)
		case pull == nil && n > last:
			return episodes, nil
		case pull == nil:
			continue
		}
		w.past.opened[incident] = n
		if pull.State == amend.EpisodeLanded {
			w.past.merged[pull.Commit] = true
		}
		e := amend.Episode{N: n, State: pull.State, At: pull.At, TakenBack: w.past.index.TakenBack(pull.Commit), Change: amend.Change{
			Kind: amend.KindPullRequest, Commit: pull.Commit, Branch: branch, Number: pull.Number, URL: pull.URL,
		}}
		if record, ok := w.past.index.Record(incident, n); ok {
			e.Action = record.Action
			e.TakenBack = cmp.Or(e.TakenBack, w.past.index.TakenBack(record.Commit))
		}
		episodes = slices.DeleteFunc(episodes, func(e amend.Episode) bool { return e.N == n })
		episodes = append(episodes, e)
	}
}

// firstUnknown is the first episode of an incident whose pull request matters.
func (r *round) firstUnknown(incident string, episodes []amend.Episode) int {
	return max(latest(episodes), r.w.past.opened[incident], 1)
}

func latest(episodes []amend.Episode) int {
	last := 0
	for _, e := range episodes {
		last = max(last, e.N)
	}
	return last
}
