// Package escalation runs the chain of approvals: it tells people of pull
// requests that wait and of trouble that needs them, goes on to the next place
// when nobody answers, and carries out the answers that count.
//
// Whatever it does about a pull request is read, decide, one atomic write: the
// host merges exactly the commit that was approved or nothing. What was asked
// and answered stands in comments of the pull request, so a restart asks nobody
// twice; a message that is sent and not yet written down is sent again, and no
// answer to the first of the two counts. What is kept in memory may be lost: trouble
// that goes on is raised again by the next alert about it.
package escalation

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/amendhq/amend/internal/approval"
)

// A Listed is an open pull request of amend, or one that was closed lately.
type Listed struct {
	Number  int
	Updated time.Time // grows with every change and every comment
}

// A Pull is a pull request as it is at one moment.
type Pull struct {
	Number     int
	Title, URL string
	// Matter is what the host tells of it; whether it is vouched for is not the
	// host's to say.
	Matter   approval.Matter
	Diff     string
	Comments []string // oldest first
}

// Pulls are the pull requests of amend on the host.
type Pulls interface {
	// List returns those that are open, and those that were closed within a day.
	List(ctx context.Context) ([]Listed, error)
	Read(ctx context.Context, number int) (Pull, error)
}

// Acts are what may be done to a pull request.
type Acts interface {
	Comment(ctx context.Context, number int, body string) error
	// Merge merges if the head is the commit at that moment, and else fails as
	// amend.Conflict; while a freeze holds, it refuses with amend.ReasonFrozen.
	// Who approved it becomes part of what is merged.
	Merge(ctx context.Context, number int, sha string, by approval.Approver) error
	// Decline closes it as a person does who does not want it.
	Decline(ctx context.Context, number int) error
}

// A Channel is a kind of place that can be told. An error that is no
// amend.Transient means that trying again is of no use.
type Channel interface {
	// Ask puts a question and returns what the other side calls it.
	Ask(ctx context.Context, place string, q approval.Question) (ref string, err error)
	// Tell says what a question has come to. It may be told the same twice.
	Tell(ctx context.Context, place, ref string, q approval.Question, o approval.Outcome) error
}

// Rules are what the policy says at this moment.
type Rules struct {
	Chain approval.Chain
	// Stopped says that the kill switch is set.
	Stopped bool
}

// Config wires a Desk. Nothing in it is optional.
type Config struct {
	Repo     string // owner/name, which marks are bound to
	Pulls    Pulls
	Acts     Acts
	Rules    func(context.Context) (Rules, error)
	Channels map[string]Channel // by approval.Step.Via
	Key      []byte             // of the marks
	Every    time.Duration      // between two looks at the pull requests
	Now      func() time.Time
	Log      *slog.Logger
	Registry prometheus.Registerer
}

// The bounds of what waits and of what is remembered; what is more is dropped,
// counted and logged, so that a fix never waits for a message.
const (
	maxQueue    = 256
	maxTroubles = 200
)

// vouchTime is how long the writer has to vouch for a commit that appears. Until
// then nobody is asked about it, so that the question can be answered at once.
const vouchTime = 5 * time.Second

// callTime bounds one call to a place or to the host.
const callTime = 20 * time.Second

// A Desk runs the chain; see New. Only its queues are shared between goroutines.
type Desk struct {
	cfg     Config
	metrics *metrics
	// What comes in has a queue for each kind, so that a flood of one keeps no other out.
	presses  chan Press
	proposed chan proposal
	raised   chan Trouble
	notices  chan approval.Notice
	// What follows belongs to the goroutine of Run.
	pulls    map[int]*memory
	troubles map[string]*memory
}

// A memory is what the desk remembers of one matter.
type memory struct {
	updated time.Time // of the pull request when it was last looked at
	wake    time.Time // when time alone changes something
	vouched string    // the commit that the writer says it proposed
	// head is the commit that the pull request was seen at, and since when.
	head  string
	since time.Time
	// unsaved are entries that the host has not taken yet.
	unsaved []approval.Entry
	told    map[string]approval.Outcome // by place and message
	fails   int                         // of the step that is to be told
	// trouble is nil for a pull request; its entries are only here.
	trouble *Trouble
	opened  time.Time
	folded  map[string]bool // the keys of many in one, see fold; nil for a single one
	state   approval.State
}

type proposal struct {
	number int
	sha    string
}

// New returns a Desk that works while Run does. It fails with amend.Invalid when
// the registry holds the metrics of another.
func New(cfg Config) (*Desk, error) {
	m, err := newMetrics(cfg.Registry)
	if err != nil {
		return nil, err
	}
	return &Desk{
		cfg: cfg, metrics: m, presses: make(chan Press, maxQueue), proposed: make(chan proposal, maxQueue), raised: make(chan Trouble, maxQueue),
		notices: make(chan approval.Notice, maxQueue),
		pulls:   map[int]*memory{}, troubles: map[string]*memory{},
	}, nil
}

// Proposed says that the writer has just put this commit, and nothing else, at
// the head of a pull request: it vouches for it. It never blocks.
func (d *Desk) Proposed(number int, sha string) {
	select {
	case d.proposed <- proposal{number, sha}:
	default:
		d.drop("proposal", "pr", number)
	}
}

func (d *Desk) drop(what string, args ...any) {
	d.metrics.dropped.WithLabelValues(what).Inc()
	d.cfg.Log.Warn("too much waits to be told, so this is not: "+what, args...)
}

// Run works until ctx ends. It is called once.
func (d *Desk) Run(ctx context.Context) error {
	next := time.NewTimer(0)
	defer next.Stop()
	for ctx.Err() == nil {
		if !d.handle(ctx, next.C) && ctx.Err() == nil {
			d.sweep(ctx)
			next.Reset(d.cfg.Every)
		}
	}
	return nil
}

// handle waits for something to come in and does what is to be done about it. It is
// false when it is time for something else, or ctx has ended.
func (d *Desk) handle(ctx context.Context, instead <-chan time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-instead:
		return false
	case p := <-d.presses:
		d.answer(ctx, p)
	case p := <-d.proposed:
		d.vouched(ctx, p)
	case t := <-d.raised:
		d.raise(ctx, t)
	case n := <-d.notices:
		d.heed(ctx, n)
	}
	return true
}

// serve does what came in meanwhile: a sweep over many matters takes long, above
// all while the host is slow, and neither answers nor news can wait for its end.
func (d *Desk) serve(ctx context.Context) {
	for range len(d.presses) + len(d.proposed) + len(d.raised) + len(d.notices) {
		d.handle(ctx, nil) // never waits: nobody else takes anything out
	}
}

// vouched asks about a commit that the writer has proposed.
func (d *Desk) vouched(ctx context.Context, p proposal) {
	d.pull(p.number).vouched = p.sha
	d.look(ctx, p.number)
}

func (d *Desk) pull(number int) *memory {
	m := d.pulls[number]
	if m == nil {
		m = &memory{told: map[string]approval.Outcome{}}
		d.pulls[number] = m
	}
	return m
}
