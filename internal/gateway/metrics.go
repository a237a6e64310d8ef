package gateway

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics have labels out of closed lists only: an alert must not be able to
// make a series.
type metrics struct {
	posts     *prometheus.CounterVec
	alerts    *prometheus.CounterVec
	truncated prometheus.Counter
	denied    *prometheus.CounterVec
	repeated  *prometheus.CounterVec
	// undelivered is about the way behind the gateway, hence its name.
	undelivered prometheus.Counter
	seconds     *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		posts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "amend_gateway_posts_total", Help: "Posts by source and HTTP status.",
		}, []string{"source", "code"}),
		alerts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "amend_gateway_alerts_total", Help: "Alerts by source and what became of them: accepted, folded, rejected.",
		}, []string{"source", "result"}),
		truncated: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "amend_gateway_truncated_alerts_total", Help: "Alerts that Alertmanager left out of its posts (max_alerts).",
		}),
		denied: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "amend_gateway_unauthorized_total", Help: "Requests that did not prove who sent them, by source and what was wrong.",
		}, []string{"source", "reason"}),
		repeated: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "amend_gateway_repeated_total", Help: "Signed posts that were accepted before, by source.",
		}, []string{"source"}),
		undelivered: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "amend_undelivered_total", Help: "Events that a Sensor gave up, those whose Workflow exists already included.",
		}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "amend_gateway_post_seconds", Help: "Time from the header of a post to its answer.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}, []string{"source"}),
	}
	for _, c := range []prometheus.Collector{m.posts, m.alerts, m.truncated, m.denied, m.repeated, m.undelivered, m.seconds} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// A counter counts the posts of one source. It has most series at hand: to find one by
// its labels takes longer than to add to it.
type counter struct {
	posts                      *prometheus.CounterVec // by code
	accepted, folded, rejected prometheus.Counter
	seconds                    prometheus.Observer
}

// of returns the counter of a source, whose series begin with that.
func (m *metrics) of(source string) counter {
	return counter{
		posts: m.posts.MustCurryWith(prometheus.Labels{"source": source}), seconds: m.seconds.WithLabelValues(source),
		accepted: m.alerts.WithLabelValues(source, "accepted"), folded: m.alerts.WithLabelValues(source, "folded"),
		rejected: m.alerts.WithLabelValues(source, "rejected"),
	}
}

// count adds one answered post, and what became of its alerts.
func (c counter) count(code int, a answer, seconds float64) {
	c.posts.WithLabelValues(strconv.Itoa(code)).Inc()
	c.seconds.Observe(seconds)
	c.accepted.Add(float64(a.Accepted))
	c.folded.Add(float64(a.Folded))
	c.rejected.Add(float64(len(a.Rejected)))
}
