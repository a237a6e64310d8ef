package writer

import (
	"context"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/tree"
)

// A round is one read of the branch and what was decided on it.
type round struct {
	w     *Writer
	start Committed // the commit that was read
	base  fs.FS     // its files
	files map[amend.RepoPath][]byte
	// staged are the commits to land together, in order; files is what they
	// change.
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
		w.doubtful = true
		return jobs, err
	}
	r := &round{w: w, start: Committed{SHA: head}, base: base, files: map[amend.RepoPath][]byte{}}
	if h, ok := base.(tree.Hasher); ok {
		r.start.Tree, _ = h.Hash(".")
	}
	var later []*job
	for _, j := range jobs {
		if !r.handle(ctx, j) {
			later = append(later, j)
		}
	}
	return append(r.land(ctx), later...), nil
}

// handle decides about one job and either answers it, stages its commit, or
// returns false. Once commits are staged only further commits join them: any
// other decision would rest on changes that may never land, and a pull request
// has to start from what is in Git.
func (r *round) handle(ctx context.Context, j *job) bool {
	d, err := r.decide(ctx, j.event)
	r.w.doubtful = r.w.doubtful || err != nil
	switch {
	case err == nil && d.Acts() && d.Mode == amend.Commit:
		maps.Copy(r.files, d.Plan.Files)
		r.staged = append(r.staged, staged{j, d})
		return true
	case len(r.staged) > 0:
		return false
	case err != nil:
	case d.Acts():
		var draft Draft
		if draft, err = r.draft(r.start, *d.Plan); err == nil {
			d.Change, err = r.w.propose(ctx, draft, d)
			d.ChangedAt = r.w.cfg.Now()
		}
	case d.Reason == amend.ReasonWithdrawn:
		err = r.w.withdraw(ctx, d)
	}
	j.answer(d, err)
	return true
}

// decide asks the pipeline. In commit mode it looks for pull requests of the
// incident only when the answer would be to act: there is one when the playbook
// was in another mode before, and then there must not be a commit beside it.
func (r *round) decide(ctx context.Context, e amend.Event) (amend.Decision, error) {
	world := pipeline.World{Tree: tree.Overlay(r.base, r.files), Past: r.view(ctx, false), Now: r.w.cfg.Now()}
	d, err := r.w.cfg.Decide(world, e)
	if err != nil || !d.Acts() || d.Mode != amend.Commit {
		return d, err
	}
	landed := r.landed(d.Incident)
	all, err := r.w.proposed(ctx, d.Incident, landed)
	if err != nil || len(all) == len(landed) {
		return d, err
	}
	world.Past = r.view(ctx, true)
	return r.w.cfg.Decide(world, e)
}

// answer gives the job its one result. Of a decision that could not be carried
// out only what it was about is left.
func (j *job) answer(d amend.Decision, err error) {
	if err != nil {
		d.Reason, d.Detail, d.Plan, d.Change = "", "", nil, nil
	}
	j.done <- result{d, err}
}

// draft is the commit of a plan. Its trailers are the only memory of the change:
// one whose trailers do not read back would be made again and again.
func (r *round) draft(parent Committed, p amend.Plan) (Draft, error) {
	text := message.Commit(p)
	if _, ok := message.ParseTrailers(text); !ok {
		return Draft{}, amend.Errorf(amend.Internal, "draft", "the trailers of incident %s do not read back, so nothing is written", p.Request.Incident())
	}
	return Draft{Parent: parent, Tree: r.base, Files: p.Files, Message: text, Time: r.w.cfg.Now().Truncate(time.Second)}, nil
}

// land makes the staged commits, each on the last, and moves the branch once.
// It returns the staged jobs that have to be decided again.
func (r *round) land(ctx context.Context) []*job {
	if len(r.staged) == 0 {
		return nil
	}
	drafts, commits, err := r.commits(ctx)
	if err != nil && amend.KindOf(err) != amend.Transient {
		// Only the one whose commit could not be made has failed. Those after
		// it were decided as if it had landed.
		failed := len(commits)
		r.staged[failed].job.answer(r.staged[failed].decision, err)
		r.staged = slices.Delete(r.staged, failed, failed+1)
		return r.jobs()
	}
	if err == nil {
		err = r.w.cfg.Host.UpdateBranch(ctx, r.w.cfg.Branch, commits[len(commits)-1].SHA)
	}
	if amend.KindOf(err) == amend.Conflict {
		r.w.cfg.Log.Info("branch moved, deciding again", "branch", r.w.cfg.Branch, "commits", len(commits))
		return r.jobs()
	}
	if err != nil {
		for _, s := range r.staged {
			s.job.answer(s.decision, err)
		}
		return nil
	}
	for i, s := range r.staged {
		s.decision.Change = &amend.Change{Kind: amend.KindCommit, Commit: commits[i].SHA, Branch: r.w.cfg.Branch}
		s.decision.ChangedAt = r.w.cfg.Now()
		s.job.answer(s.decision, nil)
	}
	r.w.landed(ctx, drafts, commits)
	return nil
}

func (r *round) jobs() []*job {
	jobs := make([]*job, 0, len(r.staged))
	for _, s := range r.staged {
		jobs = append(jobs, s.job)
	}
	return jobs
}

// commits makes the staged commits. With an error it returns those before the
// one that failed.
func (r *round) commits(ctx context.Context) (drafts []Draft, commits []Committed, err error) {
	parent := r.start
	for _, s := range r.staged {
		d, err := r.draft(parent, *s.decision.Plan)
		if err == nil {
			parent, err = r.w.cfg.Host.Commit(ctx, d)
		}
		if err != nil {
			return drafts, commits, err
		}
		drafts, commits = append(drafts, d), append(commits, parent)
	}
	return drafts, commits, nil
}

// landed takes over what the branch now holds and asks for the entries in the
// log. Nobody waits for it.
func (w *Writer) landed(ctx context.Context, drafts []Draft, commits []Committed) {
	for i, d := range drafts {
		if !w.cfg.Repo.Adopt(w.cfg.Branch, d, commits[i]) {
			break // the next refresh fetches
		}
	}
	w.record(ctx, drafts, commits)
}

// A view is the past as one decision of a round sees it; it implements
// pipeline.Past.
type view struct {
	*round
	episodes func(incident string, mode amend.Mode) ([]amend.Episode, error)
}

// view looks for pull requests of every incident with all, and otherwise of
// those whose playbook opens them.
func (r *round) view(ctx context.Context, all bool) view {
	return view{r, func(incident string, mode amend.Mode) ([]amend.Episode, error) {
		landed := r.landed(incident)
		if mode != amend.PullRequest && !all {
			return landed, nil
		}
		return r.w.proposed(ctx, incident, landed)
	}}
}

// Episodes implements pipeline.Past: what landed, what is staged and, for a
// playbook that opens pull requests, what waits on the host or was closed there.
func (v view) Episodes(incident string, mode amend.Mode) ([]amend.Episode, error) {
	return v.episodes(incident, mode)
}

// landed returns the episodes that landed, or will have when this round has.
func (r *round) landed(incident string) []amend.Episode {
	episodes := r.w.past.index.Episodes(incident)
	for _, s := range r.staged {
		if s.decision.Incident == incident {
			episodes = append(episodes, amend.Episode{N: s.decision.Episode, State: amend.EpisodeLanded, At: s.decision.DecidedAt})
		}
	}
	return episodes
}

// Versions implements pipeline.Past: what is staged comes before what is in Git.
func (v view) Versions(path amend.RepoPath) iter.Seq2[pipeline.Version, error] {
	return func(yield func(pipeline.Version, error) bool) {
		for _, s := range slices.Backward(v.staged) {
			if content, ok := s.decision.Plan.Files[path]; ok && !yield(pipeline.Version{Content: content, Ours: true}, nil) {
				return
			}
		}
		for version, err := range v.w.cfg.Repo.Versions(v.start.SHA, path) {
			if !yield(pipeline.Version{Content: version.Content, Ours: v.w.past.ours(version.Commit)}, err) {
				return
			}
		}
	}
}
