package gateway

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/sender"
)

// A Publisher stores events; nil means that all of them are durable. What they hold may
// stay in use after that.
type Publisher interface {
	Publish(ctx context.Context, events []amend.Event) error
}

// A DecisionLog returns the latest n decisions, newest last.
type DecisionLog interface {
	Decisions(ctx context.Context, n int) ([]amend.Decision, error)
}

// Config is what a gateway is made of. Publisher, Folder and Registry are
// required.
type Config struct {
	Publisher Publisher
	// Decisions answers /v1/decisions; without it the path is not found.
	Decisions DecisionLog
	// Ready says why events cannot be accepted now, for /readyz.
	Ready func(context.Context) error
	Auth  Auth
	// EventTokenFiles hold bearer tokens that are good for CloudEvents only,
	// beside Auth.
	EventTokenFiles []string
	// EventAccounts may post CloudEvents too, with tokens of their own; nobody when
	// nil.
	EventAccounts *Accounts
	// ArgoCDTokenFiles hold bearer tokens of Argo CD's notifications. Without one
	// they have no route.
	ArgoCDTokenFiles []string
	// Tenants says for which tenant a credential is good: by the file of a token,
	// password or secret, the ARN of a topic, or the name of an account. Alerts get the label
	// amend.TenantLabel, and the credential opens nothing but the routes of alerts.
	Tenants map[string]string
	// Sources are the senders that sign their posts. Each has a route of its name.
	Sources []sender.Source
	// Identity tells which alerts are the same trouble.
	Identity alert.Identity
	Folder   *alert.Folder
	// Limits bound one post; DefaultLimits when zero. No gateway takes alerts
	// that stand for a RemediationRequest.
	Limits alert.Limits
	// Chunk is how many events are published at once; 500 when zero. After each
	// chunk its events are remembered, so a post that failed half-way goes on
	// where it ended when it is sent again.
	Chunk int
	// InFlightBytes bounds the bodies of all posts in work; 32 MiB when zero,
	// and never less than one body of the largest size.
	InFlightBytes int64
	// Stall is how long one chunk may take to publish; 5 s when zero.
	Stall    time.Duration
	Now      func() time.Time
	Log      *slog.Logger
	Registry *prometheus.Registry
}

// A Gateway is the http.Handler of the package's paths.
type Gateway struct {
	cfg     Config
	mux     *http.ServeMux
	metrics *metrics
}

// signedBodies is how many of the longest bodies of a source that signs are read
// at the same time.
const signedBodies = 4

// New makes a gateway. It fails with amend.Invalid when a secret cannot be
// read, and when the registry holds a gateway's metrics already.
func New(cfg Config) (*Gateway, error) {
	if err := cfg.CheckSecrets(); err != nil {
		return nil, err
	}
	if cfg.Limits == (alert.Limits{}) {
		cfg.Limits = alert.DefaultLimits()
	}
	cfg.Limits.NoRequests = true
	if cfg.Chunk == 0 {
		cfg.Chunk = 500
	}
	if cfg.InFlightBytes == 0 {
		cfg.InFlightBytes = 32 << 20
	}
	if cfg.Stall == 0 {
		cfg.Stall = 5 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m, err := newMetrics(cfg.Registry)
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "make gateway", "%w", err)
	}
	g := &Gateway{cfg: cfg, mux: http.NewServeMux(), metrics: m}
	g.routes()
	return g, nil
}

// CheckSecrets fails as New does when a secret cannot be read.
func (c Config) CheckSecrets() error {
	for _, auth := range []Auth{c.Auth, c.events(), c.argoCD()} {
		if err := auth.Check(); err != nil {
			return err
		}
	}
	return nil
}

// events says who may post CloudEvents.
func (c Config) events() Auth {
	auth := c.Auth
	auth.TokenFiles = slices.Concat(c.Auth.TokenFiles, c.EventTokenFiles)
	auth.Accounts = c.EventAccounts
	return auth
}

// argoCD says who may post notifications of Argo CD.
func (c Config) argoCD() Auth { return Auth{TokenFiles: c.ArgoCDTokenFiles} }

func (g *Gateway) routes() {
	trusted := newBudget(max(g.cfg.InFlightBytes, g.cfg.Limits.Bytes))
	known := func(source string, auth Auth, take taker) {
		g.mux.Handle("POST /v1/"+source, g.authenticated(source, auth, g.post(door{source, g.cfg.Limits.Bytes, trusted}, take)))
	}
	known("alertmanager", g.cfg.Auth, g.alertmanager)
	known("events", g.cfg.events(), g.event)
	if auth := g.cfg.argoCD(); auth.Enabled() {
		known("argocd", auth, g.alertmanager)
	}
	for _, s := range g.cfg.Sources {
		// A body is read before its sender is known, so what strangers send takes
		// no room from anybody else.
		take := g.post(door{s.Name, s.Bytes, newBudget(signedBodies * s.Bytes)}, g.signed(s))
		g.mux.HandleFunc("POST /v1/"+s.Name, func(w http.ResponseWriter, r *http.Request) { take(w, r, "") })
	}
	g.mux.Handle("POST /v1/undelivered", g.operators("undelivered", http.HandlerFunc(g.undelivered)))
	if g.cfg.Decisions != nil {
		g.mux.Handle("GET /v1/decisions", g.operators("decisions", http.HandlerFunc(g.decisions)))
	}
	g.mux.Handle("GET /metrics", promhttp.HandlerFor(g.cfg.Registry, promhttp.HandlerOpts{}))
	g.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	g.mux.HandleFunc("GET /readyz", g.readyz)
}

// ServeHTTP answers one request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	g.mux.ServeHTTP(w, r)
}

// Guard serves next to whoever may use the paths under /v1, and answers others
// as those do. Tenants may not.
func (g *Gateway) Guard(next http.Handler) http.Handler {
	return g.operators("page", next)
}

// A knowing handler is told with which credential a request was let in: the name
// of a file, or "" where nobody is asked for one.
type knowing func(w http.ResponseWriter, r *http.Request, credential string)

// operators serves next to whoever runs amend: with a credential that is good for
// everything, and not for one tenant's alerts alone.
func (g *Gateway) operators(source string, next http.Handler) http.Handler {
	return g.authenticated(source, g.cfg.Auth, func(w http.ResponseWriter, r *http.Request, credential string) {
		if g.cfg.Tenants[credential] != "" {
			g.deny(source, "tenant")
			writeJSON(w, http.StatusForbidden, problem{Error: "forbidden"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// authenticated serves next to whoever auth lets in; source is for the metrics.
func (g *Gateway) authenticated(source string, auth Auth, next knowing) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		credential, ok, err := auth.allows(r)
		switch {
		case err != nil:
			g.cfg.Log.Error("nobody can tell who sent a request", "source", source, "error", err)
			unavailable(w, "the gateway cannot tell now who sent this")
		case !ok:
			g.deny(source, "token")
			w.Header().Add("WWW-Authenticate", `Bearer realm="amend"`)
			if auth.PasswordFile != "" {
				w.Header().Add("WWW-Authenticate", `Basic realm="amend"`)
			}
			writeJSON(w, http.StatusUnauthorized, problem{Error: "unauthorized", Expected: "a valid bearer token or password, or where none is configured a loopback address as Host"})
		default:
			next(w, r, credential)
		}
	})
}

// deny counts and logs a request that is refused before it is read.
func (g *Gateway) deny(source, reason string) {
	g.metrics.denied.WithLabelValues(source, reason).Inc()
	g.cfg.Log.Warn("unauthorized", "source", source, "reason", reason)
}

func (g *Gateway) readyz(w http.ResponseWriter, r *http.Request) {
	if g.cfg.Ready != nil {
		if err := g.cfg.Ready(r.Context()); err != nil {
			g.cfg.Log.Warn("not ready", "error", err)
			unavailable(w, "not ready")
			return
		}
	}
	w.WriteHeader(http.StatusOK)
}

const (
	defaultDecisions = 100
	maxDecisions     = 1000
)

func (g *Gateway) decisions(w http.ResponseWriter, r *http.Request) {
	limit := defaultDecisions
	if s := r.URL.Query().Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxDecisions {
			writeJSON(w, http.StatusBadRequest, problem{Error: "limit is wrong", Expected: "a number from 1 to " + strconv.Itoa(maxDecisions)})
			return
		}
		limit = n
	}
	list, err := g.cfg.Decisions.Decisions(r.Context(), limit)
	if err != nil {
		g.cfg.Log.Error("decisions cannot be read", "error", err)
		unavailable(w, "the decisions cannot be read now")
		return
	}
	if list == nil {
		list = []amend.Decision{}
	}
	writeJSON(w, http.StatusOK, list)
}

// A problem is the body of every answer that is an error.
type problem struct {
	Error    string            `json:"error"`
	Expected string            `json:"expected,omitempty"`
	Rejected []alert.Rejection `json:"rejected,omitempty"`
}

func unavailable(w http.ResponseWriter, text string) {
	w.Header().Set("Retry-After", "1")
	writeJSON(w, http.StatusServiceUnavailable, problem{Error: text})
}

func writeJSON(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // a client that went away is its own fault
}

// clean makes alert text fit for a log line that a terminal shows: one line,
// nothing invisible, and not too long.
func clean(s string) string {
	if runes := []rune(s); len(runes) > 200 {
		s = string(runes[:200]) + "…"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
