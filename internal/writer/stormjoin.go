package writer

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/tree"
)

// A gathering is what the jobs of a round that belong to a storm join: a summary, or
// the beginning of one.
type gathering struct {
	into  *summary // nil when it begins with this round
	base  fs.FS    // of the commit that the summary stands on
	files map[amend.RepoPath][]byte
	head  Committed
	// What this round adds, in order: staged, and the commits that follow.
	staged []staged
	drafts []Draft
	made   []Committed
}

// gathering returns what a job of this round would join: what others have joined
// already, or else the latest summary if it can be added to, or else a new one.
func (r *round) gathering(ctx context.Context) (*gathering, error) {
	if r.storm != nil {
		return r.storm, nil
	}
	all, err := r.w.summaries(ctx)
	if err != nil || len(all) == 0 {
		return r.anew(), err
	}
	s := all[len(all)-1]
	if err := r.look(ctx, s); err != nil {
		return nil, err
	}
	if s.State != amend.EpisodeOpen || s.Reopened || slices.Contains(s.Labels, handsOff) || slices.Contains(s.Labels, reopened) {
		return r.anew(), nil
	}
	head, ours, err := r.w.own(ctx, s.Pull)
	if err != nil || !ours {
		return r.anew(), err
	}
	return r.onto(s, head.SHA)
}

// anew is the beginning of a summary.
func (r *round) anew() *gathering {
	return &gathering{base: r.base, head: r.start, files: map[amend.RepoPath][]byte{}}
}

// onto is a summary with what it changes, or a new one when the branch has changed
// one of its files since.
func (r *round) onto(s *summary, head string) (*gathering, error) {
	g := &gathering{into: s, files: map[amend.RepoPath][]byte{}}
	files, err := r.w.cfg.Repo.Tree(head)
	if err != nil {
		return nil, err
	}
	g.head = Committed{SHA: head, Tree: hash(files, ".")}
	base := s.commits[0].Parents[0]
	edited, overtaken, err := r.w.overtaken(base, files, r.base)
	if amend.KindOf(err) == amend.Refused || err == nil && overtaken {
		return r.anew(), nil
	}
	if err != nil {
		return nil, err
	}
	if g.base, err = r.w.cfg.Repo.Tree(base); err != nil {
		return nil, err
	}
	for _, name := range edited {
		p, err := amend.ParseRepoPath(name)
		if err != nil {
			return r.anew(), nil
		}
		if g.files[p], err = fs.ReadFile(files, name); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// fits reports whether each file of a plan is at the head of the summary what it was
// planned on.
func (g *gathering) fits(r *round, files map[amend.RepoPath][]byte) (bool, error) {
	for p := range files {
		if _, changed := g.files[p]; changed || g.into == nil {
			continue
		}
		same, err := equal(g.base, r.base, p.String())
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

// judgeStorm decides again about what belongs to a storm: beside all pull requests,
// and on what the summary that it joins holds. It joins none in this round when others
// have joined one that it does not fit.
func (r *round) judgeStorm(ctx context.Context, past view, world pipeline.World, e amend.Event) (amend.Decision, *gathering, error) {
	past.pulls = true
	world.Past = past
	g, err := r.gathering(ctx)
	if err != nil {
		return amend.Decision{}, nil, err
	}
	for {
		world.Tree = tree.Overlay(r.base, g.files)
		d, err := r.w.cfg.Decide(world, e)
		if err != nil || !d.Acts() {
			return d, g, err
		}
		if !d.Storm {
			return d, nil, amend.Errorf(amend.Internal, "decide", "incident %s belongs to a storm and then does not", d.Incident)
		}
		fits, err := g.fits(r, d.Plan.Files)
		switch {
		case err != nil || fits:
			return d, g, err
		case r.storm != nil:
			return d, nil, nil
		}
		g = r.anew()
	}
}

// about reports whether a change of the same incident or to the same workload has joined
// in this round. What it did may never be seen, so the next one is decided after it.
func (g *gathering) about(d amend.Decision) bool {
	return slices.ContainsFunc(g.staged, func(s staged) bool {
		return s.decision.Incident == d.Incident || s.decision.Workload.ObjectRef == d.Workload.ObjectRef
	})
}

// gather makes the commit of a job on the last one of the summary, and has it proved.
// Nobody sees it before publish. It is false when the job has to be decided again.
func (r *round) gather(ctx context.Context, s staged) bool {
	g := s.together
	if g == nil || g.about(s.decision) {
		return false
	}
	draft := r.draft(g.head, s)
	made, err := r.w.cfg.Host.Commit(ctx, draft)
	if err == nil {
		err = r.w.proveAside(ctx, g.head.SHA, made.SHA, s.decision.Plan)
	}
	switch {
	case declined(err):
		s.job.answer(s.refused(err).decision, nil)
		return true
	case err != nil:
		s.job.answer(s.decision, err)
		return true
	}
	maps.Copy(g.files, s.files)
	g.staged, g.drafts, g.made, g.head = append(g.staged, s), append(g.drafts, draft), append(g.made, made), made
	r.storm = g
	return true
}

// publish shows what has joined the storm of this round: with one move of the
// summary's branch, and in the pull request. It returns the jobs that have to be
// decided again.
func (r *round) publish(ctx context.Context) []*job {
	g := r.storm
	err := r.w.checkStopNow(ctx)
	s := g.into
	switch {
	case err != nil:
	case s == nil:
		s, err = r.begin(ctx)
	default:
		err = r.w.cfg.Host.UpdateBranch(ctx, s.Branch, s.Commit, g.head.SHA)
	}
	if amend.KindOf(err) == amend.Conflict {
		r.w.storms = storms{}
		r.w.cfg.Log.Info("the branch of a summary moved, deciding again", "commits", len(g.staged))
		return jobs(g.staged)
	}
	for i, one := range g.staged {
		switch {
		case declined(err):
			one.job.answer(one.refused(err).decision, nil)
		case err != nil:
			one.job.answer(one.decision, err)
		default:
			one.decision.Change = &amend.Change{Kind: amend.KindPullRequest, Commit: g.made[i].SHA, Branch: s.Branch, Number: s.Number, URL: s.URL}
			one.decision.ChangedAt = r.w.cfg.Now()
			one.job.answer(one.decision, nil)
		}
	}
	if err != nil {
		r.w.storms = storms{} // whatever was done all the same is found again
		return nil
	}
	r.joined(ctx, s)
	return nil
}

// joined takes over what a summary holds now, and has its body say so. What the body
// lacks is added later, so a failure is not the changes'.
func (r *round) joined(ctx context.Context, s *summary) {
	g := r.storm
	for i, d := range g.drafts {
		s.add(ledger.Commit{SHA: g.made[i].SHA, Parents: []string{d.Parent.SHA}, At: d.Time, Message: d.Message, Committer: r.w.cfg.Committer}, r.w.cfg.Committer)
	}
	s.Commit = g.head.SHA
	if s.own {
		r.w.vouch(s.Number, s.Commit)
	}
	r.w.cfg.Log.Info("changes joined the summary of a storm", "pr", s.Number, "branch", s.Branch, "joined", len(g.staged), "changes", len(s.records))
	if g.into == nil {
		return
	}
	if err := r.w.rewrite(ctx, &s.Pull, func(body string) string { return message.Gathered(body, s.records) }); err != nil {
		r.w.cfg.Log.Warn("the list of a summary is brought up to date later", "pr", s.Number, "error", err)
	}
}

// begin opens a summary with what has joined it. Its branch is named after its first
// change, which is in no other one.
func (r *round) begin(ctx context.Context) (*summary, error) {
	g := r.storm
	first := g.staged[0].decision
	p := NewPull{Branch: stormBranch(first.Incident, first.Episode), Base: r.w.cfg.Branch}
	err := r.w.cfg.Host.CreateBranch(ctx, p.Branch, g.head.SHA)
	if amend.KindOf(err) == amend.Conflict {
		err = r.reclaim(ctx, p.Branch, g.head.SHA)
	}
	if err != nil {
		return nil, err
	}
	var records []amend.Record
	for i, s := range g.staged {
		one := r.w.newPull(ctx, r.base, p.Branch, s.decision)
		p.Labels, p.Reviewers = append(p.Labels, one.Labels...), append(p.Reviewers, one.Reviewers...)
		record, _ := ledger.FromCommit(g.made[i].SHA, g.drafts[i].Time, g.drafts[i].Message)
		records = append(records, record)
	}
	slices.Sort(p.Labels)
	slices.Sort(p.Reviewers)
	p.Labels, p.Reviewers = slices.Compact(p.Labels), slices.Compact(p.Reviewers)
	p.Title, p.Body = message.Summary(records)
	pull, err := r.w.cfg.Host.OpenPull(ctx, p)
	if err != nil {
		return nil, err
	}
	s := &summary{Pull: pull, looked: r, own: true}
	r.w.storms.all = append(r.w.storms.all, s)
	return s, nil
}

// reclaim takes the place of a branch that an interrupted try left behind without a
// pull request. One that holds anything else than changes of amend is somebody
// else's.
func (r *round) reclaim(ctx context.Context, branch, sha string) error {
	switch _, ok, err := r.w.cfg.Host.FindPull(ctx, branch); {
	case err != nil:
		return err
	case ok:
		return amend.Errorf(amend.Transient, "open summary", "there is a pull request from %s already, which the host did not list", branch)
	}
	found, err := r.w.cfg.Host.Head(ctx, branch)
	if err != nil {
		return err
	}
	if err := r.w.need(ctx, found); err != nil {
		return err
	}
	for c, err := range r.w.cfg.Repo.Commits(found, r.start.SHA) {
		if err != nil {
			return err
		}
		if _, ok := ledger.FromCommit(c.SHA, c.At, c.Message); !ok || c.Committer != r.w.cfg.Committer {
			return amend.Refusef(amend.ReasonFailed, "the branch %s exists and holds other commits than changes of amend; delete it to let amend open its pull request", branch)
		}
	}
	if err := r.w.cfg.Host.DeleteBranch(ctx, branch); err != nil {
		return err
	}
	return r.w.cfg.Host.CreateBranch(ctx, branch, sha)
}
