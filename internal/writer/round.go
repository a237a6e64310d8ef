package writer

import (
	"context"
	"io/fs"
	"iter"
	"maps"
	"slices"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/tree"
)

// A round is one read of the branch and what was decided on it.
type round struct {
	w     *Writer
	ctx   context.Context // of the host look-ups that Past makes; a round is one call
	head  string
	base  fs.FS
	files map[amend.RepoPath][]byte // of the commits staged so far
	// staged are the commits to land together, in order.
	staged []staged
}

type staged struct {
	job      *job
	decision amend.Decision
}

// round handles the jobs on one state of the branch and returns those that
// have to be decided again, or, with an error, those that got no result.
func (w *Writer) round(ctx context.Context, jobs []*job) ([]*job, error) {
	head, err := w.refresh(ctx)
	if err != nil {
		return jobs, err
	}
	base, err := w.cfg.Repo.Tree(head)
	if err != nil {
		return jobs, err
	}
	r := &round{w: w, ctx: ctx, head: head, base: base, files: map[amend.RepoPath][]byte{}}
	var later []*job
	for _, j := range jobs {
		if !r.handle(j) {
			later = append(later, j)
		}
	}
	return r.land(later)
}

// handle decides about one job and either answers it, stages its commit, or
// returns false: it has to wait until the staged commits have landed.
func (r *round) handle(j *job) bool {
	world := pipeline.World{Tree: tree.Overlay(r.base, r.files), Past: r, Now: r.w.cfg.Now()}
	d, err := r.w.cfg.Decide(world, j.event)
	if err != nil {
		j.done <- result{err: err}
		return true
	}
	switch {
	case d.Acts() && d.Mode == amend.Commit:
		maps.Copy(r.files, d.Plan.Files)
		r.staged = append(r.staged, staged{j, d})
		return true
	case d.Acts() && len(r.staged) > 0:
		return false // its branch must start from what is in Git, not from what is staged
	case d.Acts():
		d, err = r.w.propose(r.ctx, Draft{
			Parent: r.start(), Tree: r.base, Files: d.Plan.Files, Message: message.Commit(*d.Plan), Time: world.Now,
		}, d)
	case d.Reason == amend.ReasonWithdrawn:
		err = r.w.withdraw(r.ctx, d)
	}
	j.done <- result{d, err}
	return true
}

// land makes the staged commits, each on the last, and moves the branch once.
// Jobs to decide again are returned: later, and the staged ones too when
// somebody else was first.
func (r *round) land(later []*job) ([]*job, error) {
	if len(r.staged) == 0 {
		return later, nil
	}
	jobs := make([]*job, 0, len(r.staged)+len(later))
	for _, s := range r.staged {
		jobs = append(jobs, s.job)
	}
	jobs = append(jobs, later...)

	drafts, commits, err := r.commits()
	if err != nil {
		return jobs, err
	}
	err = r.w.cfg.Host.UpdateBranch(r.ctx, r.w.cfg.Branch, commits[len(commits)-1].SHA)
	if amend.KindOf(err) == amend.Conflict {
		r.w.cfg.Log.Info("branch moved, deciding again", "branch", r.w.cfg.Branch, "commits", len(commits))
		return jobs, nil
	}
	if err != nil {
		return jobs, err
	}
	for i, d := range drafts {
		if !r.w.cfg.Repo.Adopt(r.w.cfg.Branch, d, commits[i]) {
			break // the next refresh fetches
		}
	}
	for i, s := range r.staged {
		s.decision.Change = &amend.Change{Kind: amend.KindCommit, Commit: commits[i].SHA, Branch: r.w.cfg.Branch}
		s.decision.ChangedAt = r.w.cfg.Now()
		r.w.record(r.ctx, commits[i].SHA, drafts[i])
		s.job.done <- result{decision: s.decision}
	}
	return later, nil
}

func (r *round) commits() (drafts []Draft, commits []Committed, err error) {
	parent := r.start()
	for _, s := range r.staged {
		d := Draft{Parent: parent, Tree: r.base, Files: s.decision.Plan.Files, Message: message.Commit(*s.decision.Plan), Time: r.w.cfg.Now()}
		if parent, err = r.w.cfg.Host.Commit(r.ctx, d); err != nil {
			return nil, nil, err
		}
		drafts, commits = append(drafts, d), append(commits, parent)
	}
	return drafts, commits, nil
}

// start is the commit that the round read.
func (r *round) start() Committed {
	c := Committed{SHA: r.head}
	if h, ok := r.base.(tree.Hasher); ok {
		c.Tree, _ = h.Hash(".")
	}
	return c
}

// refresh returns the branch's head with the local copy and the index of past
// changes brought up to it.
func (w *Writer) refresh(ctx context.Context) (string, error) {
	head, err := w.cfg.Host.Head(ctx, w.cfg.Branch)
	if err != nil {
		return "", err
	}
	if !w.cfg.Repo.Has(head) {
		if err := w.cfg.Repo.Fetch(ctx); err != nil {
			return "", err
		}
	}
	if head == w.indexed {
		return head, nil
	}
	return head, w.reindex(head)
}

// reindex reads the commits since the last indexed one. When the new head does
// not descend from that one, history was rewritten and is read anew.
func (w *Writer) reindex(head string) error {
	until, descends := w.indexed, w.indexed == ""
	var commits []Logged
	for c, err := range w.cfg.Repo.Commits(head, until) {
		if err != nil {
			return err
		}
		for _, p := range c.Parents {
			descends = descends || p == until
		}
		commits = append(commits, c)
	}
	if !descends {
		w.index, w.ours, w.indexed = ledger.Index{}, map[string]bool{}, ""
		return w.reindex(head)
	}
	for _, c := range commits {
		w.index.Add(c.Commit)
		if _, ok := ledger.FromCommit(c.SHA, c.At, c.Message); ok {
			w.ours[c.SHA] = true
		}
	}
	w.indexed = head
	return nil
}

// Episodes implements pipeline.Past: what landed, what is staged and, for a
// playbook that opens pull requests, what waits on the host or was closed there.
func (r *round) Episodes(incident string, mode amend.Mode) ([]amend.Episode, error) {
	episodes := r.w.index.Episodes(incident)
	last := 0
	for _, e := range episodes {
		last = max(last, e.N)
	}
	for _, s := range r.staged {
		if s.decision.Incident == incident {
			last = max(last, s.decision.Episode)
			episodes = append(episodes, amend.Episode{N: s.decision.Episode, State: amend.EpisodeLanded, At: s.decision.DecidedAt})
		}
	}
	if mode != amend.PullRequest {
		return episodes, nil
	}
	// The last landed one is looked up too: it landed when it was merged,
	// which is later than its commit says.
	for n := max(last, 1); ; n++ {
		branch := amend.Branch(incident, n)
		pull, ok, err := r.w.cfg.Host.FindPull(r.ctx, branch)
		if err != nil || !ok && n > last {
			return episodes, err
		}
		if !ok {
			continue
		}
		episodes = slices.DeleteFunc(episodes, func(e amend.Episode) bool { return e.N == n })
		episodes = append(episodes, amend.Episode{N: n, State: pull.State, At: pull.At, Change: amend.Change{
			Kind: amend.KindPullRequest, Commit: pull.Commit, Branch: branch, Number: pull.Number, URL: pull.URL,
		}})
	}
}

// Versions implements pipeline.Past.
func (r *round) Versions(path amend.RepoPath) iter.Seq2[pipeline.Version, error] {
	return func(yield func(pipeline.Version, error) bool) {
		for v, err := range r.w.cfg.Repo.Versions(r.head, path) {
			if !yield(pipeline.Version{Content: v.Content, Ours: r.w.ours[v.Commit]}, err) {
				return
			}
		}
	}
}
