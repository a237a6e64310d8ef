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
	m := &metrics{
		questions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "amend_approval_questions_total", Help: "Questions by kind of place and result: asked, failed, unreachable.",
		}, []string{"via", "result"}),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "amend_approval_answers_total", Help: "Answers by verb and result: done, or why they did not count.",
		}, []string{"verb", "result"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "amend_approval_dropped_total", Help: "What was not told to anybody because too much waited, by kind.",
		}, []string{"what"}),
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
