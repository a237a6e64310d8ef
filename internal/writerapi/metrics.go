package writerapi

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics have labels out of closed lists only.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	verdicts *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "amend_writer_requests_total", Help: "Requests to the writer by route and HTTP status.",
		}, []string{"route", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "amend_writer_request_seconds", Help: "Time from the header of a request to its answer.",
			Buckets: prometheus.ExponentialBuckets(0.005, 3, 9),
		}, []string{"route"}),
		verdicts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "amend_verdicts_total", Help: "Verdicts on changes by state.",
		}, []string{"state"}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.seconds, m.verdicts} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// count adds one answered request.
func (m *metrics) count(route string, code int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(code)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}
