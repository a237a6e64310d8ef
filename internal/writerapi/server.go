package writerapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/amendhq/amend"
)

// maxRequests bounds the requests in work. The writer takes 64 in one batch and
// lets as many wait; more would only grow the queue.
const maxRequests = 256

// answerWithin bounds the work on one request. The writer finishes what it has
// begun, and the same request then finds it.
const answerWithin = time.Minute

// Allow says whether a change of the object may be made for whoever asked.
type Allow = func(ctx context.Context, object amend.ObjectRef) error

// A Decider turns events and commits into decisions.
type Decider interface {
	// Preview decides and writes nothing.
	Preview(ctx context.Context, e amend.Event) (amend.Decision, error)
	// Handle decides and carries the decision out, if allow has no objection.
	Handle(ctx context.Context, e amend.Event, allow Allow) (amend.Decision, error)
	// Revert takes a change back, if allow has no objection.
	Revert(ctx context.Context, r amend.Reversal, allow Allow) (amend.Decision, error)
}

// A Ledger knows the changes in the branch and the log of them.
type Ledger interface {
	// Record sees to the log entry of a change.
	Record(ctx context.Context, commit string) (amend.Record, RecordState, error)
	// Change fails with amend.NotFound for a commit that is no change of ours.
	Change(ctx context.Context, commit string) (amend.Record, error)
	// Sweep sees to all log entries that are missing.
	Sweep(ctx context.Context) error
}

// A Verifier says how changes are verified, and takes what came of it.
type Verifier interface {
	Check(ctx context.Context, r amend.Record) (amend.Check, error)
	// Superseded names the commit that took a commit's change back or took its place.
	Superseded(ctx context.Context, commit string) (amend.Successor, error)
	// Judge shows a verdict beside its change.
	Judge(ctx context.Context, v amend.Verdict) (amend.Record, error)
}

// A History knows which commit stands on which, and what they took back.
type History interface {
	Contains(ctx context.Context, revision, commit string) (bool, error)
	// TakenBack returns the change that a commit took back; amend.NotFound for none.
	TakenBack(ctx context.Context, commit string) (amend.Record, error)
	// Trace returns the id of the trace that a commit is part of, "" for none.
	Trace(commit string) string
}

// Config is what a Server is made of. All fields are required but for those
// that say otherwise.
type Config struct {
	// Repo is the address of the env repo, for those who look for it elsewhere.
	Repo          string
	Decider       Decider
	Ledger        Ledger
	Verifier      Verifier
	History       History
	Authenticator Authenticator
	Authorizer    Authorizer
	// Unpack reads the packed event of a request and checks it.
	Unpack func(string) (amend.Event, error)
	// Observe is told of every decision that was carried out or refused, not of
	// previews. Optional.
	Observe func(amend.Decision)
	// Ready says why requests cannot be answered now, for /readyz. Optional.
	Ready func(context.Context) error
	// RetryAt says when it makes sense to try again after an error, if that is
	// known. Optional.
	RetryAt  func(error) (time.Time, bool)
	Now      func() time.Time
	Log      *slog.Logger
	Registry *prometheus.Registry
}

// A Server is the http.Handler of the package's paths.
type Server struct {
	cfg     Config
	mux     *http.ServeMux
	access  *access
	metrics *metrics
	slots   chan struct{}
}

// New makes a server. It fails with amend.Invalid when the registry holds the
// metrics of another one.
func New(cfg Config) (*Server, error) {
	if cfg.Observe == nil {
		cfg.Observe = func(amend.Decision) {}
	}
	if cfg.Ready == nil {
		cfg.Ready = func(context.Context) error { return nil }
	}
	if cfg.RetryAt == nil {
		cfg.RetryAt = func(error) (time.Time, bool) { return time.Time{}, false }
	}
	m, err := newMetrics(cfg.Registry)
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "make writer API", "%w", err)
	}
	s := &Server{cfg: cfg, mux: http.NewServeMux(), access: newAccess(cfg), metrics: m, slots: make(chan struct{}, maxRequests)}
	s.mux.Handle("POST /v1/decide", endpoint(s, "decide", s.decide))
	s.mux.Handle("POST /v1/propose", endpoint(s, "propose", s.propose))
	s.mux.Handle("POST /v1/revert", endpoint(s, "revert", s.revert))
	s.mux.Handle("POST /v1/record", endpoint(s, "record", s.record))
	s.mux.Handle("POST /v1/change", endpoint(s, "change", s.change))
	s.mux.Handle("POST /v1/verdict", endpoint(s, "verdict", s.verdict))
	s.mux.Handle("POST /v1/superseded", endpoint(s, "superseded", s.superseded))
	s.mux.Handle("POST /v1/contains", endpoint(s, "contains", s.contains))
	s.mux.Handle("POST /v1/sweep", endpoint(s, "sweep", s.sweep))
	s.mux.Handle("GET /metrics", promhttp.HandlerFor(cfg.Registry, promhttp.HandlerOpts{}))
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	s.mux.HandleFunc("GET /readyz", s.readyz)
	return s, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	s.mux.ServeHTTP(w, r)
}

// NewHTTPServer returns a server for h that gives slow and huge clients up.
func NewHTTPServer(addr string, h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      answerWithin + 30*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// endpoint wraps one route with what all have in common: who calls, limits, the
// answer, the metrics and the log.
func endpoint[Q, A any](s *Server, route string, work func(context.Context, Caller, Q) (A, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.cfg.Now()
		ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
		defer cancel()
		code := http.StatusOK
		caller, answer, err := admitted(s, w, r.WithContext(ctx), work)
		if err != nil {
			code = s.problem(w, err)
			s.cfg.Log.Log(ctx, levelOf(code), "request failed", "route", route, "code", code, "caller", caller.Name, "error", amend.Public(err))
		} else {
			writeJSON(w, code, answer)
		}
		s.metrics.count(route, code, s.cfg.Now().Sub(start))
	})
}

// admitted finds out who calls, before a byte of the body is read, and does the work.
func admitted[Q, A any](s *Server, w http.ResponseWriter, r *http.Request, work func(context.Context, Caller, Q) (A, error)) (caller Caller, answer A, err error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		return caller, answer, amend.Errorf(amend.Transient, "admit", "%d requests are in work already", maxRequests)
	}
	if caller, err = s.access.caller(r); err != nil {
		return Caller{}, answer, unidentified{err}
	}
	var request Q
	if err = decodeStrict(http.MaxBytesReader(w, r.Body, maxBody), &request); err != nil {
		return caller, answer, err
	}
	answer, err = work(r.Context(), caller, request)
	return caller, answer, err
}

// unidentified marks the error of a caller that is nobody.
type unidentified struct{ error }

func (u unidentified) Unwrap() error { return u.error }

// problem answers with an error and returns the status.
func (s *Server) problem(w http.ResponseWriter, err error) int {
	p := Problem{Kind: amend.KindOf(err), Reason: amend.ReasonOf(err), Message: amend.Public(err)}
	code := statusOf(p.Kind)
	switch {
	case p.Kind == amend.Refused && errors.As(err, &unidentified{}):
		code = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", `Bearer realm="amend-writer"`)
	case p.Kind == amend.Transient:
		p.RetryAfterSeconds = 1
		if at, ok := s.cfg.RetryAt(err); ok {
			p.RetryAfterSeconds = max(1, int(math.Ceil(at.Sub(s.cfg.Now()).Seconds())))
		}
		w.Header().Set("Retry-After", strconv.Itoa(p.RetryAfterSeconds))
	}
	writeJSON(w, code, p)
	return code
}

func levelOf(code int) slog.Level {
	switch {
	case code == http.StatusInternalServerError:
		return slog.LevelError
	case code == http.StatusNotFound || code == http.StatusConflict:
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if err := s.cfg.Ready(r.Context()); err != nil {
		w.Header().Set("Retry-After", "1")
		writeJSON(w, http.StatusServiceUnavailable, Problem{Kind: amend.Transient, Message: "not ready: " + err.Error(), RetryAfterSeconds: 1})
		return
	}
	w.WriteHeader(http.StatusOK)
}

func writeJSON(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // a client that went away is its own fault
}
