package writer

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/pipeline"
)

// A round is one read of the branch and what was decided on it.
type round struct {
	w     *Writer
	start Committed // the commit that was read
	base  fs.FS     // its files
	began time.Time
	// head looks where the branch is, nil when that is known. When it is over because
	// the branch has moved, or with the error that nobody can tell, nothing more is
	// decided.
	head *look[string]
	over bool
	err  error
	// asked are the looks for pull requests, by their branch.
	asked map[string]*look[*Pull]
	// staged are the commits to land together, each on the last, and tip has the files
	// of the last of them.
	staged []staged
	tip    fs.FS
	// storm is what belongs to a storm, nil as long as nothing does.
	storm *gathering
	// wrote says that a pull request was opened or closed, and old that too long
	// ago the branch was read to open or close another one.
	wrote, old bool
	// proposed are the changes of recent pull requests, once the host listed them.
	proposed []amend.Record
	listed   bool
	// took is how long reviews took, once the host was asked.
	took     []time.Duration
	reviewed bool
}

// A staged is a job with what was decided about it and the commit that follows.
type staged struct {
	job      *job
	decision amend.Decision
	files    map[amend.RepoPath][]byte // empty when nothing is to be written
	message  string
	// draft is the commit for the branch, and made what became of it.
	draft Draft
	made  Committed
	// title and body are those of the pull request that takes a change back.
	title, body string
	// together is what it is to join when it belongs to a storm, nil when that has to wait.
	together *gathering
	// unsure says that it is not known yet whether the incident has pull requests
	// beside the episodes that are known.
	unsure bool
	known  []amend.Episode
}

// lands reports whether the commit goes to the branch itself.
func (s staged) lands() bool { return len(s.files) > 0 && s.decision.Mode == amend.Commit }

// round handles the jobs on one state of the branch, and others that come meanwhile.
// It returns those that have to be decided again, or, with an error, those that got no
// result, and whether it was in vain.
func (w *Writer) round(ctx context.Context, all []*job) (left []*job, vain bool, err error) {
	looking, end := context.WithCancel(ctx)
	defer end() // whoever is asked still is not waited for
	r, err := w.newRound(looking)
	if err != nil {
		return all, true, err
	}
	var later []*job
	for i, j := range all {
		r.old = i > 0 && r.tooOld() // the first goes on, so that all do
		if r.old && r.wrote || len(r.staged) == maxCommits || !r.handle(looking, j) {
			later = append(later, j)
		}
	}
	if r.storm != nil {
		left = append(r.publish(ctx), later...)
		return left, len(left) == len(all), nil
	}
	queue := w.queue
	if all[0].reversal != nil {
		queue = w.reversals
	}
	came, more := r.join(looking, queue, maxBatch-len(all))
	again := r.settle(looking)
	left = slices.Concat(r.land(ctx), again, later, more)
	return left, len(left) == len(all)+came, r.err
}

// tooOld reports whether it is long ago that the branch was read.
func (r *round) tooOld() bool { return r.w.cfg.Now().Sub(r.began) > maxAge }

// handle decides about one job and either answers it, stages its commit, or
// returns false. Once commits are staged only further commits join them: any
// other decision would rest on changes that may never land, and a pull request
// has to start from what is in Git. What joins a storm stays apart in the same way.
func (r *round) handle(ctx context.Context, j *job) bool {
	if r.over {
		return false
	}
	s, err := r.decide(ctx, j)
	r.w.doubtful = r.w.doubtful || err != nil
	if err == nil {
		s, err = permit(ctx, s)
	}
	tried := err == nil && !j.dry && s.lands() && r.storm == nil
	if tried {
		if err = r.stage(ctx, s); err == nil {
			return true
		}
		r.w.doubtful = true
	}
	switch {
	case len(r.staged) > 0 && !tried, !r.holds():
		return false
	case err == nil && !j.dry && s.decision.Storm:
		return r.gather(ctx, s)
	case r.storm != nil:
		return false
	case err != nil, j.dry:
	case r.old && (s.decision.Acts() || s.decision.Reason == amend.ReasonWithdrawn):
		return false
	case s.decision.Acts():
		r.wrote = true
		s.decision.Change, err = r.w.propose(ctx, r.draft(r.start, s), s.decision)
		if declined(err) {
			s, err = s.refused(err), nil
			break
		}
		s.decision.ChangedAt = r.w.cfg.Now()
		r.proposed = append(r.proposed, s.decision.Record())
	case s.decision.Reason == amend.ReasonRevertProposed:
		r.wrote = true
		s, err = r.proposeBack(ctx, s)
	case s.decision.Reason == amend.ReasonWithdrawn:
		r.wrote = true
		s.decision.Detail, err = r.w.withdraw(ctx, s.decision)
	case s.decision.Reason == amend.ReasonDuplicate && s.decision.Change != nil && isSummary(s.decision.Change.Branch):
		err = r.w.over(ctx, s.decision, false)
	case s.decision.Reason == amend.ReasonDuplicate && s.decision.Change != nil:
		r.w.deliver(s.decision.Change.Branch, j.event)
	}
	j.answer(s.decision, err)
	return true
}

// stage makes the commit of a job, on the last one. No branch has it yet.
func (r *round) stage(ctx context.Context, s staged) error {
	parent := r.start
	if n := len(r.staged); n > 0 {
		parent = r.staged[n-1].made
	}
	s.draft = r.draft(parent, s)
	var err error
	if s.made, err = r.w.cfg.Host.Commit(ctx, s.draft); err != nil {
		return err
	}
	tip, err := r.w.cfg.Repo.Tree(s.made.SHA)
	if err != nil {
		return err
	}
	r.staged, r.tip = append(r.staged, s), tip
	return nil
}

// decide says what to do about a job.
func (r *round) decide(ctx context.Context, j *job) (staged, error) {
	if j.reversal != nil {
		return r.takeBack(ctx, j)
	}
	s, err := r.judge(ctx, j)
	d := s.decision
	if err != nil || !d.Acts() {
		return s, err
	}
	s.files, s.message = d.Plan.Files, message.Commit(*d.Plan)
	// The trailers are the only memory of the change: one whose trailers do not
	// read back would be made again and again.
	if _, ok := message.ParseTrailers(s.message); !ok {
		err = amend.Errorf(amend.Internal, "draft", "the trailers of incident %s do not read back, so nothing is written", d.Incident)
	}
	return s, err
}

// judge asks the pipeline. In commit mode it looks for pull requests of the
// incident only when the answer would be to act: there is one when the playbook
// was in another mode before, and then there must not be a commit beside it. What
// belongs to a storm comes with what it is to join.
func (r *round) judge(ctx context.Context, j *job) (staged, error) {
	past := r.past(ctx)
	world := pipeline.World{Tree: r.tip, Past: past, Now: r.w.cfg.Now()}
	if owners := r.w.cfg.Owners; owners != nil {
		world.Owner = func(object amend.ObjectRef) ([]byte, error) { return owners.Owner(ctx, object) }
	}
	s := staged{job: j}
	var err error
	asked := "" // for its pull request while the change is planned
	world.Acting = func(d amend.Decision) {
		if known, err := past.known(d.Incident); err == nil && r.looksFor(j, d) {
			asked = r.askPulls(ctx, d.Incident, known)
		}
	}
	if s.decision, err = r.w.cfg.Decide(world, j.event); err != nil || !s.decision.Acts() {
		delete(r.asked, asked) // nobody waits for the answer
		return s, err
	}
	world.Acting = nil
	if s.decision.Mode == amend.Commit {
		incident := s.decision.Incident
		if s.known, err = past.known(incident); err != nil {
			return s, err
		}
		if r.looksFor(j, s.decision) {
			s.unsure = true
			r.askPulls(ctx, incident, s.known)
			return s, nil
		}
		all, err := past.all(incident)
		if err != nil || len(all) == len(s.known) {
			return s, err
		}
		past.pulls = true
		world.Past = past
		if s.decision, err = r.w.cfg.Decide(world, j.event); err != nil {
			return s, err
		}
	}
	if s.decision.Storm && len(r.staged) == 0 { // or else it has its turn later
		s.decision, s.together, err = r.judgeStorm(ctx, past, world, j.event)
	}
	return s, err
}

// looksFor reports whether the pull requests of the incident are looked for while other
// work goes on.
func (r *round) looksFor(j *job, d amend.Decision) bool {
	return d.Mode == amend.Commit && !j.dry && !j.pulls && !d.Storm && r.storm == nil
}

// past is the past for one decision of the round.
func (r *round) past(ctx context.Context) view {
	return view{
		round:    r,
		known:    func(incident string) ([]amend.Episode, error) { return r.known(ctx, incident) },
		together: func(since time.Time) ([]amend.Record, error) { return r.together(ctx, since) },
		waiting:  func(since time.Time) ([]amend.Record, error) { return r.proposals(ctx, since) },
		reviews:  func(since time.Time) ([]time.Duration, error) { return r.reviews(ctx, since) },
		all: func(incident string) ([]amend.Episode, error) {
			known, err := r.known(ctx, incident)
			if err != nil {
				return nil, err
			}
			return r.withPulls(ctx, incident, known)
		},
	}
}

// maxAllow bounds the wait for one answer to Allow: other jobs wait too.
const maxAllow = 5 * time.Second

// permit asks whether what was decided may be carried out. A refusal takes the
// place of the decision.
func permit(ctx context.Context, s staged) (staged, error) {
	d := s.decision
	if s.job.allow == nil || len(s.files) == 0 && d.Reason != amend.ReasonWithdrawn {
		return s, nil
	}
	ctx, cancel := context.WithTimeout(ctx, maxAllow)
	defer cancel()
	err := s.job.allow(ctx, d.Workload.ObjectRef)
	switch {
	case err == nil:
		return s, nil
	case ctx.Err() != nil:
		return s, amend.Errorf(amend.Transient, "ask for permission", "%w", err)
	case amend.KindOf(err) != amend.Refused:
		return s, fmt.Errorf("asking for permission: %w", err)
	}
	if amend.ReasonOf(err) == "" {
		err = amend.Refusef(amend.ReasonForbidden, "%w", err)
	}
	return s.refused(err), nil
}

// refused puts a refusal in the place of what was decided.
func (s staged) refused(err error) staged {
	d := s.decision
	if d.Acts() {
		d.Episode-- // the one to open stays closed
	}
	d.Reason, d.Plan, d.Change, d.Storm = amend.ReasonOf(err), nil, nil, false
	d.Detail = strings.TrimPrefix(amend.Public(err), string(d.Reason)+": ")
	return staged{job: s.job, decision: d}
}

// answer gives the job its one result. Of a decision that could not be carried
// out only what it was about is left.
func (j *job) answer(d amend.Decision, err error) {
	if err != nil {
		d.Reason, d.Detail, d.Plan, d.Change = "", "", nil, nil
	}
	j.done <- result{d, err}
}

// draft is the commit of a job on top of parent.
func (r *round) draft(parent Committed, s staged) Draft {
	return Draft{Parent: parent, Tree: r.base, Files: s.files, Message: s.message, Time: r.w.cfg.Now().Truncate(time.Second)}
}

// land moves the branch once, to the last of the staged commits. It returns the staged
// jobs that have to be decided again.
func (r *round) land(ctx context.Context) []*job {
	if len(r.staged) == 0 {
		return nil
	}
	if !r.proved(ctx) {
		return jobs(r.staged)
	}
	to := r.staged[len(r.staged)-1].made.SHA
	err := r.w.cfg.Host.UpdateBranch(ctx, r.w.cfg.Branch, r.start.SHA, to)
	if amend.KindOf(err) == amend.Conflict {
		r.w.last = "" // where it is now has to be asked first
		r.w.cfg.Log.Info("branch moved, deciding again", "branch", r.w.cfg.Branch, "commits", len(r.staged))
		return jobs(r.staged)
	}
	if err != nil {
		for _, s := range r.staged {
			s.job.answer(s.decision, err)
		}
		return nil
	}
	r.w.last = to
	for _, s := range r.staged {
		s.decision.Change = r.w.cfg.commitChange(s.made.SHA)
		s.decision.ChangedAt = r.w.cfg.Now()
		s.job.answer(s.decision, nil)
	}
	r.w.record(ctx, r.staged)
	return nil
}

func jobs(all []staged) []*job {
	jobs := make([]*job, 0, len(all))
	for _, s := range all {
		jobs = append(jobs, s.job)
	}
	return jobs
}
