package bus

import "github.com/prometheus/client_golang/prometheus"

// The results of handing out one event, as label values.
const (
	resultDone  = "done"
	resultRetry = "retry"
	resultDead  = "dead"
)

type metrics struct {
	published prometheus.Counter
	handled   *prometheus.CounterVec
	waiting   prometheus.GaugeFunc
}

func newMetrics(waiting func() float64) metrics {
	return metrics{
		published: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "amend_bus_published_total", Help: "Events that were durably stored.",
		}),
		handled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "amend_bus_handled_total", Help: "Events handed out, by result: done, retry (failed, comes again), dead (could not be read).",
		}, []string{"result"}),
		waiting: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "amend_bus_waiting", Help: "Events stored and not handled yet; -1 when the bus does not answer.",
		}, waiting),
	}
}

func (m metrics) register(r prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{m.published, m.handled, m.waiting} {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	return nil
}
