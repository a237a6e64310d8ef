// Package writer turns events into changes of one branch of one env repo. It is
// the only part of amend that writes to Git, and there is one Writer per
// repository and branch, so that its own changes never race each other.
//
// Events that wait are taken together: one read of the branch, a decision for
// each, one commit for each that acts, and a single move of the branch for all
// of them. When somebody else moved the branch meanwhile, everything is read
// and decided again; nothing is ever rebased blindly. So every write is read →
// decide → one atomic write, and a crash between any two steps leaves either
// the old branch or the new one.
package writer

import (
	"context"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
)

// A Keeper knows how open pull requests are kept; *pipeline.Pipeline is one.
type Keeper interface {
	PullRules(files fs.FS, playbook string) (pipeline.PullRules, error)
	Replan(w pipeline.World, old pipeline.Proposal) (amend.Decision, error)
	Landing(w pipeline.World, r amend.Record) (amend.Reason, string, error)
}

// Config wires a Writer.
type Config struct {
	Host   Host // is asked several things at the same time
	Repo   Repo
	Branch string // the one that Argo CD follows
	// CommitURL is where people see a commit; nil when nowhere.
	CommitURL func(sha string) string
	Decide    func(pipeline.World, amend.Event) (amend.Decision, error)
	// Keeper is asked about the pull requests that are open; nil leaves them alone.
	Keeper Keeper
	// Alternatives finds what else a pull request could propose; nil when that is
	// not to be shown.
	Alternatives func(pipeline.World, pipeline.Proposal) ([]amend.Alternative, error)
	// KeepEvery is how often a Sweep looks after them at most.
	KeepEvery time.Duration
	// Committer is the mail of the commits that amend makes. A branch whose
	// last commit has another is in somebody else's hands.
	Committer string
	// Owners knows what is live; nil when only the env repo is asked.
	Owners Owners
	// Check says how the change of a record is verified, by the policy of a tree.
	Check func(fs.FS, amend.Record) (amend.Check, error)
	// Prover has to agree with every planned change before it lands, or before
	// its pull request is opened; nil when nobody is asked.
	Prover Prover
	// Proposed is told of every commit that the writer itself has put at the head
	// of a pull request, and must not block. Optional.
	Proposed func(number int, commit string)
	// Urgent marks a context for calls to the host that may use what its limits
	// keep for taking changes back. Optional.
	Urgent func(context.Context) context.Context
	Now    func() time.Time
	Log    *slog.Logger
}

// commitChange is the change that a commit on the branch is.
func (c Config) commitChange(sha string) *amend.Change {
	change := &amend.Change{Kind: amend.KindCommit, Commit: sha, Branch: c.Branch}
	if c.CommitURL != nil {
		change.URL = c.CommitURL(sha)
	}
	return change
}

// maxBatch bounds how many events share one read of the branch, and maxCommits
// how many of them land together.
const (
	maxBatch   = 256
	maxCommits = 64
)

// maxAge bounds how long the same read of the branch is good for opening and
// closing pull requests, so that the kill switch counts soon. For commits it
// always counts: they only land on what was read.
const maxAge = time.Second

// maxRounds bounds how often a batch is decided again in vain because others
// keep moving the branch.
const maxRounds = 20

// A Writer decides about events and writes what follows; see New. Its methods
// are safe for concurrent use.
type Writer struct {
	cfg       Config
	queue     chan *job
	reversals chan *job // go before those of queue
	errands   chan func(context.Context)
	stopped   chan struct{}  // closed when Run ends
	aside     sync.WaitGroup // what goes on beside it, and what Run waits for at its end
	looks     chan struct{}  // holds as many as are under way
	// What follows belongs to the goroutine of Run. All of it is a cache.
	past     past
	last     string               // where the branch was last; "" when that has to be asked first
	told     string               // where the host has said that it is instead
	asked    map[string]time.Time // for the entry of a commit, until it is in the log
	doubtful bool                 // reading the local copy failed; a fetch repairs it
	rest     rest                 // of the prover
	glanced  time.Time            // when the past was brought up to date for somebody who only looks
	news     map[string]*news     // of open pull requests, by branch
	tended   time.Time            // when they were last looked after
	storms   storms               // the summaries
}

// Allow says whether whoever asks may change an object. A refusal, with
// amend.ReasonForbidden unless it names another reason, becomes the decision;
// with any other error nothing is decided.
type Allow func(ctx context.Context, object amend.ObjectRef) error

// A job is one thing to decide about.
type job struct {
	event    amend.Event
	reversal *amend.Reversal // what to take back, when it is not about an event
	dry      bool            // only decide
	allow    Allow           // nil allows all
	pulls    bool            // the incident has pull requests, so they are looked at first
	done     chan result
}

type result struct {
	decision amend.Decision
	err      error
}

// New returns a Writer that works while Run does.
func New(cfg Config) *Writer {
	if cfg.Urgent == nil {
		cfg.Urgent = func(ctx context.Context) context.Context { return ctx }
	}
	return &Writer{
		cfg: cfg, queue: make(chan *job, maxBatch), reversals: make(chan *job, maxBatch), errands: make(chan func(context.Context)), stopped: make(chan struct{}),
		asked: map[string]time.Time{}, looks: make(chan struct{}, maxLooks), news: map[string]*news{},
	}
}

// Handle decides about one event and returns once what follows from it is in
// Git. Before anything is written, allow is asked about the workload; it may be
// asked again when the branch has moved. After an error the decision only says
// what it was about, and the same event may be handled again: whatever the
// failed try left in Git, or still puts there because only the caller gave up
// waiting, is found and adopted.
func (w *Writer) Handle(ctx context.Context, e amend.Event, allow Allow) (amend.Decision, error) {
	return w.submit(ctx, &job{event: e, allow: allow})
}

// Preview says what Handle would decide about the event at present, and writes
// nothing. A change that it shows may be another one by the time it is made.
func (w *Writer) Preview(ctx context.Context, e amend.Event) (amend.Decision, error) {
	return w.submit(ctx, &job{event: e, dry: true})
}

// submit queues the job and waits for its result.
func (w *Writer) submit(ctx context.Context, j *job) (amend.Decision, error) {
	j.done = make(chan result, 1) // a caller that left does not stall the batch
	queue := w.queue
	if j.reversal != nil {
		queue = w.reversals
	}
	select {
	case queue <- j:
	case <-ctx.Done():
		return amend.Decision{}, errLeft(ctx)
	case <-w.stopped:
		return amend.Decision{}, errStopped()
	}
	select {
	case r := <-j.done:
		return r.decision, r.err
	case <-ctx.Done():
		return amend.Decision{}, errLeft(ctx)
	case <-w.stopped:
	}
	select {
	case r := <-j.done: // it was answered before the writer stopped
		return r.decision, r.err
	default:
		return amend.Decision{}, errStopped()
	}
}

// Run writes until ctx ends. It is called once.
func (w *Writer) Run(ctx context.Context) {
	defer close(w.stopped)
	defer w.aside.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-w.reversals:
			w.process(w.cfg.Urgent(ctx), batch(j, w.reversals))
		case j := <-w.queue:
			w.process(ctx, batch(j, w.queue))
		case errand := <-w.errands:
			errand(ctx)
		}
	}
}

// batch returns the first job and all others that wait already.
func batch(first *job, queue <-chan *job) []*job {
	jobs := []*job{first}
	for len(jobs) < maxBatch {
		select {
		case j := <-queue:
			jobs = append(jobs, j)
		default:
			return jobs
		}
	}
	return jobs
}

// process repeats rounds until every job has its result. Changes to take back that
// come meanwhile do not wait for that: they do harm, and nothing else does. Nor do
// errands.
func (w *Writer) process(ctx context.Context, jobs []*job) {
	defer func() { w.told = "" }() // by the next time that is long ago
	for vain := 0; len(jobs) > 0; {
		if jobs[0].reversal == nil {
			w.letOthersGo(ctx)
		}
		left, inVain, err := w.round(ctx, jobs)
		if inVain {
			vain++
		}
		if err == nil && vain == maxRounds {
			err = amend.Errorf(amend.Transient, "write", "branch %s moved %d times while changes were made", w.cfg.Branch, vain)
		}
		if err != nil {
			for _, j := range left {
				j.done <- result{err: err}
			}
			return
		}
		jobs = left
	}
}

// letOthersGo handles the reversals that wait, and runs the errand of somebody who does:
// a change is taken back after some questions about it.
func (w *Writer) letOthersGo(ctx context.Context) {
	select {
	case errand := <-w.errands:
		errand(ctx)
	default:
	}
	select {
	case j := <-w.reversals:
		w.process(w.cfg.Urgent(ctx), batch(j, w.reversals))
	default:
	}
}
