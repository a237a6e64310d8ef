package escalation

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/amendhq/amend"
)

type metrics struct {
	questions, answers, dropped *prometheus.CounterVec
	seconds                     prometheus.Histogram
}

// newMetrics registers what is counted. All labels are closed lists.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &metrics{
		questions: counter("amend_approval_questions_total", "Questions by kind of place and result: asked, failed, unreachable.", "via", "result"),
		answers:   counter("amend_approval_answers_total", "Answers by verb and result: done, or why they did not count.", "verb", "result"),
		dropped:   counter("amend_approval_dropped_total", "What was not told to anybody because too much waited, by kind.", "what"),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "amend_approval_seconds", Help: "Time from the question to the answer that was carried out.",
			Buckets: prometheus.ExponentialBuckets(1, 3, 11),
		}),
	}
	var errs error
	for _, c := range []prometheus.Collector{m.questions, m.answers, m.dropped, m.seconds} {
		errs = errors.Join(errs, reg.Register(c))
	}
	if errs != nil {
		return nil, amend.Errorf(amend.Invalid, "make approvals", "%w", errs)
	}
	return m, nil
}
