package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// work is how long an answer takes when nobody waits before it.
const work = 100 * time.Millisecond

// serve answers one request after another, so that an answer takes the longer
// the more others wait for theirs, until it is told to end. Who waits longer
// than patience gets 503. A patience that is no duration is a mistake in the
// settings of which this program only says 500, to everybody.
func serve(ctx context.Context, address, patience string) error {
	registry := prometheus.NewRegistry()
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.Handle("/", measured(registry, answer(patience)))
	server := &http.Server{Addr: address, Handler: mux, BaseContext: func(net.Listener) context.Context { return ctx }}
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func answer(patience string) http.Handler {
	limit, err := time.ParseDuration(patience)
	turn := make(chan struct{}, 1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err != nil {
			http.Error(w, "PATIENCE: "+err.Error(), http.StatusInternalServerError)
			return
		}
		select {
		case turn <- struct{}{}:
			time.Sleep(work)
			<-turn
		case <-time.After(limit):
			http.Error(w, "too many wait", http.StatusServiceUnavailable)
		case <-r.Context().Done():
		}
	})
}

// measured counts requests and their times under the names that the rules of
// manifests/monitoring ask for.
func measured(registry *prometheus.Registry, next http.Handler) http.Handler {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "http_requests_total", Help: "Requests that were answered."}, []string{"code"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "http_request_duration_seconds", Help: "How long answers took."}, nil)
	registry.MustRegister(requests, seconds)
	return promhttp.InstrumentHandlerCounter(requests, promhttp.InstrumentHandlerDuration(seconds, next))
}
