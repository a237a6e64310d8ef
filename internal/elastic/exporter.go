package elastic

import (
	"context"
	"log/slog"
	"regexp"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/amendhq/amend"
)

// A Job is an anomaly detection job under the name that the metric has for it.
type Job struct{ Label, ID string }

// jobID is the form of the ids that Elasticsearch gives; the id is a part of a path.
var jobID = regexp.MustCompile(`^[a-z0-9]([a-z0-9_.-]{0,62}[a-z0-9])?$`)

// Config is what an exporter is made of. Client and Registry are required.
type Config struct {
	Client *Client
	Jobs   []Job
	// MaxAge is how long after the end of its bucket a score is served. It has to
	// be longer than the buckets of the jobs.
	MaxAge time.Duration
	// Now is the clock; time.Now when nil.
	Now      func() time.Time
	Log      *slog.Logger
	Registry *prometheus.Registry
}

// An Exporter keeps the newest score of each job. It is a prometheus.Collector.
type Exporter struct {
	cfg     Config
	score   *prometheus.Desc
	success *prometheus.GaugeVec
	errors  *prometheus.CounterVec

	mu     sync.Mutex
	latest map[string]Result // by label
}

// New returns an exporter that serves its metrics through the registry. It fails
// with amend.Invalid without a job, and for one whose id Elasticsearch cannot have
// given or whose label is there twice.
func New(cfg Config) (*Exporter, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	e := &Exporter{
		cfg: cfg, latest: map[string]Result{},
		score: prometheus.NewDesc("elastic_anomaly_score", "Score of the newest bucket of an anomaly detection job, 0 to 100.", []string{"job"}, nil),
		success: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "elastic_last_success_timestamp_seconds", Help: "When a job was last read.",
		}, []string{"job"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "elastic_errors_total", Help: "Reads of a job that failed, by what went wrong.",
		}, []string{"job", "kind"}),
	}
	if err := check(cfg.Jobs); err != nil {
		return nil, err
	}
	for _, c := range []prometheus.Collector{e, e.success, e.errors} {
		if err := cfg.Registry.Register(c); err != nil {
			return nil, amend.Errorf(amend.Invalid, "make exporter", "%w", err)
		}
	}
	return e, nil
}

func check(jobs []Job) error {
	const op = "read jobs"
	if len(jobs) == 0 {
		return amend.Errorf(amend.Invalid, op, "no job is named")
	}
	seen := map[string]bool{}
	for _, j := range jobs {
		switch {
		case !jobID.MatchString(j.ID):
			return amend.Errorf(amend.Invalid, op, "%q is not the id of a job", j.ID)
		case j.Label == "" || seen[j.Label]:
			return amend.Errorf(amend.Invalid, op, "the label %q is empty or there twice", j.Label)
		}
		seen[j.Label] = true
	}
	return nil
}

// Run reads all jobs at once and then at every interval, until ctx ends. It
// returns nil.
func (e *Exporter) Run(ctx context.Context, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		e.poll(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// poll reads each job. One that cannot be read keeps its last score until that is
// too old.
func (e *Exporter) poll(ctx context.Context) {
	for _, j := range e.cfg.Jobs {
		r, err := e.cfg.Client.Newest(ctx, j.ID)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			e.errors.WithLabelValues(j.Label, string(amend.KindOf(err))).Inc()
			e.cfg.Log.Warn("a job cannot be read", "job", j.Label, "error", err)
			continue
		}
		e.success.WithLabelValues(j.Label).Set(float64(e.cfg.Now().UnixMilli()) / 1000)
		e.mu.Lock()
		e.latest[j.Label] = r
		e.mu.Unlock()
	}
}

// Describe implements prometheus.Collector.
func (e *Exporter) Describe(to chan<- *prometheus.Desc) { to <- e.score }

// Collect implements prometheus.Collector: the scores that are young enough now.
func (e *Exporter) Collect(to chan<- prometheus.Metric) {
	e.mu.Lock()
	defer e.mu.Unlock()
	oldest := e.cfg.Now().Add(-e.cfg.MaxAge)
	for label, r := range e.latest {
		if r.End.After(oldest) {
			to <- prometheus.MustNewConstMetric(e.score, prometheus.GaugeValue, r.Score, label)
		}
	}
}
