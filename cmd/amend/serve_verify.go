package main

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/kube"
	"github.com/amendhq/amend/internal/verify"
)

// closingFlags say how serve finds out whether its changes help.
type closingFlags struct {
	kubeconfig, namespace string
	within, settle        time.Duration
}

func (f *closingFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.kubeconfig, "kubeconfig", "", "file that says how to reach the cluster that Argo CD runs in; without it every change is unverified")
	fs.StringVar(&f.namespace, "argocd-namespace", kube.ArgoCDNamespace, "with --kubeconfig: namespace of the Applications; empty for all")
	fs.DurationVar(&f.within, "within", 12*time.Minute, "how long to wait until a change is applied")
	fs.DurationVar(&f.settle, "degraded-for", time.Minute, "how long an application has to be degraded to have failed")
}

// How far back serve looks for changes that have landed, how often it looks, and how
// many it verifies side by side: each asks a little every few seconds.
const (
	closingMemory = 2 * time.Hour
	closingEvery  = 15 * time.Second
	closingAtOnce = 256
)

// A closer takes every change that lands to its verdict, whoever landed it: a
// commit of this process or of the one before it, or the merge of a pull request.
type closer struct {
	writer *envWriter
	// loop is nil when no cluster was named: then nothing can be seen.
	loop  *verify.Loop
	wake  chan struct{}
	again time.Duration // between two looks at a change that failed and was taken back
	count *prometheus.CounterVec
	log   *slog.Logger

	mu       sync.Mutex
	verdicts map[episode]amend.Verdict // of the changes that were seen; empty until known
	taken    map[episode]time.Time     // when those that had failed were last looked at as taken back
}

// An episode names a change in a way that a squash does not alter.
type episode struct {
	incident string
	n        int
}

// newCloser wires the verification; what it finds wrong is the flags' fault.
func (f serveFlags) newCloser(w *envWriter, reg prometheus.Registerer, log *slog.Logger) (*closer, error) {
	c := &closer{
		writer: w, wake: make(chan struct{}, 1), again: f.within, log: log, verdicts: map[episode]amend.Verdict{}, taken: map[episode]time.Time{},
		count: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "amend_verdicts_total", Help: "Verdicts on changes by state."}, []string{"state"}),
	}
	reg.MustRegister(c.count)
	cfg := verify.Config{History: w, Namespace: f.namespace, Repo: cmp.Or(f.sourceRepo, f.repo), Within: f.within, Settle: f.settle, Now: time.Now, Log: log}
	if err := f.WitnessFlags.Wire(&cfg, f.intake.Volatile); err != nil || f.kubeconfig == "" {
		return c, err
	}
	cluster, err := kube.New(f.kubeconfig)
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "--kubeconfig", "%w", err)
	}
	cfg.Applications = cluster
	c.loop = &verify.Loop{Config: cfg, Scribe: localScribe{w}, Revert: true}
	return c, nil
}

// localScribe is the writer of this process as a verification wants it.
type localScribe struct{ *envWriter }

// Revert implements verify.Scribe.
func (s localScribe) Revert(ctx context.Context, r amend.Reversal) (amend.Decision, error) {
	r.At = time.Now()
	return pen{s.Writer}.Revert(ctx, r, nil)
}

// observe looks soon after a change was made, so that the trouble is seen before
// it ends.
func (c *closer) observe(d amend.Decision) {
	if !d.Acts() {
		return
	}
	select {
	case c.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// run verifies until ctx ends. Nobody waits for it: the next change is made while
// this one is watched.
func (c *closer) run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	slots := make(chan struct{}, closingAtOnce)
	for {
		due, err := c.due(ctx, time.Now().Add(-closingMemory))
		if err != nil && ctx.Err() == nil {
			c.log.Warn("changes wait to be verified", "error", amend.Public(err))
		}
		for _, r := range due {
			all.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				c.verify(ctx, r)
			})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
		case <-time.After(min(closingEvery, c.writer.flags.sweepEvery)):
		}
	}
}

// due returns the changes that have to be taken to their verdict, and notes that they
// are: those that landed, and those that failed and were taken back since, which a
// person may do long after, and Argo CD apply later still.
func (c *closer) due(ctx context.Context, since time.Time) ([]amend.Record, error) {
	landed, err := c.writer.Landed(ctx, since)
	if err != nil {
		return nil, err
	}
	reverted, err := c.writer.Reverted(ctx, since)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var due []amend.Record
	for _, r := range landed {
		key := episode{r.Incident, r.Episode}
		if _, known := c.verdicts[key]; !known {
			c.verdicts[key], due = amend.Verdict{}, append(due, r)
		}
	}
	for _, r := range reverted {
		key := episode{r.Incident, r.Episode}
		v, known := c.verdicts[key]
		if known && (v.State != amend.Failed || time.Since(c.taken[key]) < c.again) {
			continue
		}
		if known {
			c.taken[key] = time.Now()
		}
		c.verdicts[key], due = amend.Verdict{}, append(due, r)
	}
	return due, nil
}

// verify takes one change to its verdict, unless it has one already.
func (c *closer) verify(ctx context.Context, r amend.Record) {
	// What stands is not found out once more. Where nobody can say it for good, it is, and
	// then nothing is taken back: it may have worked, and its alert fire for another reason.
	var shown amend.VerdictState
	if err := verify.Patiently(ctx, func() (err error) {
		shown, err = c.writer.host.Verdict(ctx, r.Commit)
		return err
	}); err != nil {
		c.log.Warn("the host does not say whether a change has a verdict", "commit", r.Commit, "error", amend.Public(err))
	}
	v := amend.Verdict{State: shown, Commit: r.Commit, Detail: "the status of the commit says so"}
	// What failed was to be taken back, which a crash may have cut short.
	if shown == "" || shown == amend.Pending || shown == amend.Failed {
		var err error
		if v, err = c.find(ctx, r); err != nil {
			if ctx.Err() == nil {
				c.log.Error("a change stays without a verdict", "commit", r.Commit, "error", amend.Public(err))
			}
			return
		}
		if v.State != shown {
			c.count.WithLabelValues(string(v.State)).Inc()
		}
		c.log.Info("verdict", "commit", r.Commit, "verdict", string(v.State), "target", r.Target, "action", r.Action, "detail", v.Detail)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.verdicts[episode{r.Incident, r.Episode}] = v
}

// find finds a verdict out.
func (c *closer) find(ctx context.Context, r amend.Record) (amend.Verdict, error) {
	if c.loop == nil {
		v := amend.Verdict{State: amend.Unverified, Commit: r.Commit, At: time.Now().UTC(),
			Detail: "no cluster was named to amend serve, so nobody can see whether the change is applied"}
		_, _ = verify.Loop{Config: verify.Config{Log: c.log}, Scribe: localScribe{c.writer}}.Show(ctx, v)
		return v, nil
	}
	object, err := amend.ParseObjectRef(r.Target)
	if err != nil {
		return amend.Verdict{}, err
	}
	var check amend.Check
	if err := verify.Patiently(ctx, func() (err error) {
		check, err = c.writer.Check(ctx, r)
		return err
	}); err != nil {
		return amend.Verdict{}, err
	}
	return c.loop.Conclude(ctx, verify.Change{Commit: r.Commit, Object: object, Event: r.Alert, At: r.At, Check: check})
}

// judged adds the verdicts that are known to decisions, as the gateway shows them.
type judged struct {
	gateway interface {
		Decisions(ctx context.Context, n int) ([]amend.Decision, error)
	}
	closer *closer
}

// Decisions implements gateway.DecisionLog.
func (j judged) Decisions(ctx context.Context, n int) ([]amend.Decision, error) {
	all, err := j.gateway.Decisions(ctx, n)
	j.closer.mu.Lock()
	defer j.closer.mu.Unlock()
	for i := range all {
		v := j.closer.verdicts[episode{all[i].Incident, all[i].Episode}]
		if all[i].Change != nil && cmp.Or(v.State, amend.Pending) != amend.Pending {
			all[i].Verdict = &v
		}
	}
	return all, err
}
