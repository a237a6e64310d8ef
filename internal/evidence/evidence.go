// Package evidence collects what is known about the trouble of one workload, for
// package report.
//
// Everything is only read, and within the namespace of the workload. Each part is
// asked for by itself with its own time, so that what cannot be read costs nobody
// the rest: it is named in the evidence with the reason.
package evidence

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/amendhq/amend"
)

// Sources are where evidence comes from. A source that is nil is not asked.
type Sources struct {
	Workloads Workloads
	Around    Around
	Deploys   Deploys
	Metrics   Metrics
	Causes    Causes
}

// Workloads reads the workload itself.
type Workloads interface {
	// Pods returns the pods and the PersistentVolumeClaims that they mount.
	Pods(ctx context.Context, ref amend.ObjectRef) ([]amend.Pod, []string, error)
	// Rollouts returns the revisions of the pods, newest first.
	Rollouts(ctx context.Context, ref amend.ObjectRef) ([]amend.Rollout, error)
	// Scaler returns the autoscaler, nil for none, and what it scales: ref itself
	// unless that is the autoscaler.
	Scaler(ctx context.Context, ref amend.ObjectRef) (*amend.Scaler, amend.ObjectRef, error)
}

// Around reads what belongs to a workload.
type Around interface {
	// Events returns those about objects of a namespace, newest first.
	Events(ctx context.Context, namespace string, about []amend.ObjectRef) ([]amend.ClusterEvent, error)
	// Log returns the last lines of a container, or of the one before its restart.
	Log(ctx context.Context, namespace, pod, container string, previous bool) (string, error)
	Claims(ctx context.Context, namespace string, names []string) ([]amend.Claim, error)
}

// Deploys reads the syncs of the Application that deploys a workload, newest first.
type Deploys interface {
	Deploys(ctx context.Context, ref amend.ObjectRef) ([]amend.Deploy, error)
}

// Metrics reads series. The expression of an alert comes from the rules of the
// server and never from the alert, whose text anybody may write.
type Metrics interface {
	Expression(ctx context.Context, a amend.Alert) (string, error)
	Range(ctx context.Context, expr string, from, to time.Time) ([]amend.Series, error)
	// Filled returns the used share of the volumes of claims, by their names.
	Filled(ctx context.Context, namespace string, claims []string) (map[string]float64, error)
}

// Causes searches Git for the commits that changed the workload before the alert,
// the most likely cause first. The evidence holds what else is known by then.
type Causes interface {
	Commits(ctx context.Context, e amend.Evidence) ([]amend.SuspectCommit, error)
}

// The bounds of what is collected.
const (
	maxLogs     = 4
	maxHappened = 100
	maxSeries   = 8
	before      = time.Hour     // that a plot begins before the alert
	longest     = 6 * time.Hour // that a plot covers
)

// A Collector collects evidence. It is safe for concurrent use if its sources are.
type Collector struct {
	sources Sources
	timeout time.Duration
	now     func() time.Time
}

// New returns a Collector that gives each part so much time.
func New(s Sources, timeout time.Duration, now func() time.Time) *Collector {
	return &Collector{sources: s, timeout: timeout, now: now}
}

// Collect adds to what is known already: the event, the workload, and what was
// decided. It does not fail; what could not be read is named in Unread.
func (c *Collector) Collect(ctx context.Context, known amend.Evidence) amend.Evidence {
	t := &task{Collector: c, Evidence: known, ref: known.Workload.ObjectRef}
	t.At = c.now()
	if t.ref.Name != "" && t.ref.Namespace != "" {
		t.workload(ctx)
		t.around(ctx)
		if c.sources.Deploys != nil {
			t.part(ctx, "deployments by Argo CD", func(ctx context.Context) (err error) {
				t.Deploys, err = c.sources.Deploys.Deploys(ctx, t.ref)
				return err
			})
		}
	}
	t.metrics(ctx)
	if c.sources.Causes != nil && t.ref.Name != "" {
		t.part(ctx, "commits", func(ctx context.Context) (err error) {
			t.Commits, err = c.sources.Causes.Commits(ctx, t.Evidence)
			return err
		})
	}
	return t.Evidence
}

// A task is one collection.
type task struct {
	*Collector
	amend.Evidence
	ref    amend.ObjectRef // what makes the pods
	claims []string
}

// part runs one part with its own time and notes why it failed.
func (t *task) part(ctx context.Context, name string, read func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	if err := read(ctx); err != nil {
		t.Unread = append(t.Unread, amend.Unread{Part: name, Reason: amend.Public(err)})
	}
}

func (t *task) workload(ctx context.Context) {
	from := t.sources.Workloads
	if from == nil {
		return
	}
	if t.ref.Kind == "PersistentVolumeClaim" {
		t.claims = []string{t.ref.Name}
		return
	}
	t.part(ctx, "autoscaler", func(ctx context.Context) (err error) {
		t.Scaler, t.ref, err = from.Scaler(ctx, t.ref)
		return err
	})
	t.part(ctx, "pods", func(ctx context.Context) (err error) {
		t.Pods, t.claims, err = from.Pods(ctx, t.ref)
		return err
	})
	t.part(ctx, "rollouts", func(ctx context.Context) (err error) {
		t.Rollouts, err = from.Rollouts(ctx, t.ref)
		return err
	})
}

func (t *task) around(ctx context.Context) {
	from := t.sources.Around
	if from == nil {
		return
	}
	t.part(ctx, "events", func(ctx context.Context) error {
		all, err := from.Events(ctx, t.ref.Namespace, t.related())
		t.Happened = all[:min(len(all), maxHappened)]
		return err
	})
	if len(t.claims) > 0 {
		t.part(ctx, "volumes", func(ctx context.Context) (err error) {
			t.Claims, err = from.Claims(ctx, t.ref.Namespace, t.claims)
			return err
		})
	}
	for _, l := range failing(t.Pods) {
		t.part(ctx, fmt.Sprintf("log of %s in %s", l.Container, l.Pod), func(ctx context.Context) (err error) {
			if l.Text, err = from.Log(ctx, t.ref.Namespace, l.Pod, l.Container, l.Previous); l.Text != "" {
				t.Logs = append(t.Logs, l)
			}
			return err
		})
	}
}

// related lists the objects whose events matter.
func (t *task) related() []amend.ObjectRef {
	all := []amend.ObjectRef{t.Workload.ObjectRef, t.ref}
	add := func(kind, name string) {
		all = append(all, amend.ObjectRef{Kind: kind, Namespace: t.ref.Namespace, Name: name})
	}
	for _, p := range t.Pods {
		add("Pod", p.Name)
	}
	for _, r := range t.Rollouts {
		add("ReplicaSet", r.Name)
	}
	for _, name := range t.claims {
		add("PersistentVolumeClaim", name)
	}
	if t.Scaler != nil {
		add("HorizontalPodAutoscaler", t.Scaler.Name)
	}
	return all
}

// failing lists the logs that may tell why containers fail: of those that were
// restarted what the last one said, the most restarted first.
func failing(pods []amend.Pod) []amend.Log {
	type found struct {
		log      amend.Log
		restarts int
	}
	var all []found
	for _, p := range pods {
		for _, c := range p.Containers {
			starting := slices.Contains([]string{"ContainerCreating", "PodInitializing", "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "CreateContainerConfigError"}, c.Waiting)
			if (c.Ready && c.Restarts == 0) || starting || p.Phase == "Pending" || p.Phase == "Succeeded" {
				continue
			}
			all = append(all, found{amend.Log{Pod: p.Name, Container: c.Name, Previous: c.Restarts > 0}, c.Restarts})
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return cmp.Compare(b.restarts, a.restarts) })
	logs := make([]amend.Log, 0, maxLogs)
	for _, f := range all[:min(len(all), maxLogs)] {
		logs = append(logs, f.log)
	}
	return logs
}

func (t *task) metrics(ctx context.Context) {
	from := t.sources.Metrics
	if from == nil || t.Event.Alert.Name() == "" {
		return
	}
	t.part(ctx, "metrics of the alert", func(ctx context.Context) error {
		expr, err := from.Expression(ctx, t.Event.Alert)
		if err != nil {
			return err
		}
		to := t.At
		start := t.Event.Alert.StartsAt.Add(-before)
		if earliest := to.Add(-longest); start.Before(earliest) {
			start = earliest
		}
		all, err := from.Range(ctx, expr, start, to)
		t.Series = about(t.Event.Alert, all)
		return err
	})
	if len(t.Claims) == 0 {
		return
	}
	t.part(ctx, "use of volumes", func(ctx context.Context) error {
		used, err := from.Filled(ctx, t.ref.Namespace, t.claims)
		for i, c := range t.Claims {
			if share, ok := used[c.Name]; ok {
				t.Claims[i].Used = &share
			}
		}
		return err
	})
}

// about keeps the series that the alert may be about: those that contradict none
// of its labels.
func about(a amend.Alert, all []amend.Series) []amend.Series {
	var kept []amend.Series
	for _, s := range all {
		fits := true
		for name, value := range s.Labels {
			said, ok := a.Labels[name]
			fits = fits && (!ok || said == value)
		}
		if fits && len(kept) < maxSeries {
			kept = append(kept, s)
		}
	}
	return kept
}
