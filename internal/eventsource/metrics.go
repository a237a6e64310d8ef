package eventsource

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	posts   *prometheus.CounterVec
	seconds prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		posts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "amend_eventsource_posts_total", Help: "Posts to the EventSource by result: stored, refused (3xx, 4xx), failed (5xx), unreachable.",
		}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "amend_eventsource_post_seconds", Help: "Time until the EventSource answered one event.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}),
	}
	for _, result := range []string{"stored", "refused", "failed", "unreachable"} {
		m.posts.WithLabelValues(result) // so that a rate sees the first one
	}
	for _, c := range []prometheus.Collector{m.posts, m.seconds} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// count adds one post that was answered with a status, 0 for no answer.
func (m *metrics) count(code int) {
	result := "refused"
	switch {
	case code == 0:
		result = "unreachable"
	case code >= 200 && code < 300:
		result = "stored"
	case code >= 500:
		result = "failed"
	}
	m.posts.WithLabelValues(result).Inc()
}
