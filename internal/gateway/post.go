package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"sync"

	"github.com/cloudevents/sdk-go/v2/binding"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
)

// leastCost is what a post counts in the budget however short its body is.
const leastCost = 64 << 10

// An answer is the body of a 200: what became of each alert of the post.
type answer struct {
	Accepted int               `json:"accepted"`
	Folded   int               `json:"folded"`
	Rejected []alert.Rejection `json:"rejected"`
}

// A failure is an answer that is an error.
type failure struct {
	code int
	problem
	cause error // for the log
}

func fail(code int, text, expected string, cause error) *failure {
	return &failure{code: code, problem: problem{Error: text, Expected: expected}, cause: cause}
}

// A door is where the posts of one source come in.
type door struct {
	source string // for the log and the metrics
	bytes  int64  // the longest body
	budget *budget
}

// A taker reads one kind of body, of a sender with this credential.
type taker func(r *http.Request, credential string) (answer, *failure)

// post wraps the reading of one kind of body with what all have in common:
// limits, the budget, the answer, the metrics and one log line.
func (g *Gateway) post(d door, take taker) knowing {
	counter := sync.OnceValue(func() counter { return g.metrics.of(d.source) })
	return func(w http.ResponseWriter, r *http.Request, credential string) {
		start := g.cfg.Now()
		a, f := g.admitted(w, r, d, func(r *http.Request) (answer, *failure) { return take(r, credential) })
		code := http.StatusOK
		if f != nil {
			code = f.code
		}
		counter().count(code, a, g.cfg.Now().Sub(start).Seconds())
		g.logPost(r.Context(), d.source, a, f)
		switch {
		case f == nil:
			writeJSON(w, code, a)
		case code == http.StatusServiceUnavailable:
			unavailable(w, f.Error)
		default:
			writeJSON(w, code, f.problem)
		}
	}
}

// logPost writes the one line of a post. Nothing in it comes from an alert but
// what an error quotes, and that is cleaned.
func (g *Gateway) logPost(ctx context.Context, source string, a answer, f *failure) {
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("source", source), slog.Int("accepted", a.Accepted),
		slog.Int("folded", a.Folded), slog.Int("rejected", len(a.Rejected)),
	}
	if f != nil {
		level = slog.LevelWarn
		text := f.Error
		if f.cause != nil {
			text += ": " + f.cause.Error()
		}
		attrs = append(attrs, slog.Int("code", f.code), slog.String("error", clean(text)))
	}
	g.cfg.Log.LogAttrs(ctx, level, "post", attrs...)
}

// admitted runs take when the request may be read and memory for it is free.
func (g *Gateway) admitted(w http.ResponseWriter, r *http.Request, d door, take func(*http.Request) (answer, *failure)) (answer, *failure) {
	if enc := r.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return answer{}, fail(http.StatusUnsupportedMediaType, "the body is compressed", "a plain body", nil)
	}
	size := r.ContentLength
	if size > d.bytes {
		return answer{}, g.tooLarge(d.bytes, nil)
	}
	if size < 0 { // chunked: it may become as long as the limit
		size = d.bytes
	}
	size = max(size, leastCost)
	if !d.budget.take(size) {
		return answer{}, fail(http.StatusServiceUnavailable, "too many posts at the same time", "", nil)
	}
	defer d.budget.give(size)
	// The server closes the connection of a client that sends more.
	r.Body = http.MaxBytesReader(w, r.Body, d.bytes+1)
	return take(r)
}

func (g *Gateway) tooLarge(bytes int64, cause error) *failure {
	return fail(http.StatusRequestEntityTooLarge, "the post is too large",
		"at most "+strconv.FormatInt(bytes, 10)+" bytes and "+strconv.Itoa(g.cfg.Limits.Alerts)+" alerts", cause)
}

func (g *Gateway) alertmanager(r *http.Request, credential string) (answer, *failure) {
	if mediaType(r) != "application/json" {
		return answer{}, fail(http.StatusUnsupportedMediaType, "the content type is wrong", "application/json", nil)
	}
	alerts, group, err := alert.DecodeAlertmanager(r.Body, g.cfg.Limits)
	if err != nil {
		return answer{}, g.undecoded(err, g.cfg.Limits.Bytes, alert.Expected)
	}
	if group.Truncated > 0 {
		g.metrics.truncated.Add(float64(group.Truncated))
		g.cfg.Log.Warn("alertmanager left alerts out", "truncated", group.Truncated,
			"receiver", clean(group.Receiver), "group", clean(group.Key))
	}
	if len(alerts) == 0 {
		f := fail(http.StatusBadRequest, "no alert of the post could be read", alert.Expected, nil)
		f.Rejected = group.Rejected
		return answer{Rejected: group.Rejected}, f
	}
	return g.accept(r.Context(), credential, alerts, group.Rejected)
}

// event takes one CloudEvent. Whoever sent it, its id and subject are computed
// again from the alert, so they can never claim another trouble's.
func (g *Gateway) event(r *http.Request, credential string) (answer, *failure) {
	body, err := io.ReadAll(g.cfg.Limits.Reader(r.Body))
	if err != nil {
		return answer{}, g.undecoded(err, g.cfg.Limits.Bytes, alert.ExpectedEvent)
	}
	msg := cehttp.NewMessage(r.Header, io.NopCloser(bytes.NewReader(body)))
	if enc := msg.ReadEncoding(); enc != binding.EncodingStructured && enc != binding.EncodingBinary {
		return answer{}, fail(http.StatusUnsupportedMediaType, "the post is not one CloudEvent",
			"application/cloudevents+json, or application/json with ce- headers; "+alert.ExpectedEvent, nil)
	}
	ce, err := binding.ToEvent(r.Context(), msg)
	if err != nil {
		return answer{}, fail(http.StatusBadRequest, "the post is not a CloudEvent", alert.ExpectedEvent, err)
	}
	a, err := alert.DecodeCloudEvent(*ce, g.cfg.Limits)
	if err != nil {
		return answer{}, g.undecoded(err, g.cfg.Limits.Bytes, alert.ExpectedEvent)
	}
	return g.accept(r.Context(), credential, []amend.Alert{a}, nil)
}

// undecoded sorts why a body of at most so many bytes could not be read: a connection that broke or was
// too slow is worth another try, what was read and is wrong is not.
func (g *Gateway) undecoded(err error, bytes int64, expected string) *failure {
	switch {
	case errors.Is(err, alert.ErrTooLarge):
		return g.tooLarge(bytes, err)
	case amend.KindOf(err) == amend.Transient:
		return fail(http.StatusServiceUnavailable, "the post did not arrive whole", "", err)
	}
	return fail(http.StatusBadRequest, clean(err.Error()), expected, nil)
}

// accept stores alerts that are no repeats, for the tenant of the credential. On a failure some of them may be
// stored; they fold when the post comes again.
func (g *Gateway) accept(ctx context.Context, credential string, alerts []amend.Alert, rejected []alert.Rejection) (answer, *failure) {
	if tenant := g.cfg.Tenants[credential]; tenant != "" {
		alert.Stamp(alerts, tenant)
	}
	events := make([]amend.Event, len(alerts))
	now := g.cfg.Now()
	for i, a := range alerts {
		events[i] = alert.NewEvent(a, now, g.cfg.Identity)
	}
	fresh := g.cfg.Folder.Split(events)
	a := answer{Folded: len(events) - len(fresh), Rejected: rejected}
	if rejected == nil {
		a.Rejected = []alert.Rejection{}
	}
	for len(fresh) > 0 {
		n := min(g.cfg.Chunk, len(fresh))
		if err := g.store(ctx, fresh[:n]); err != nil {
			return a, fail(http.StatusServiceUnavailable, "the alerts could not be stored", "", err)
		}
		g.cfg.Folder.Accept(fresh[:n])
		a.Accepted += n
		fresh = fresh[n:]
	}
	return a, nil
}

func (g *Gateway) store(ctx context.Context, events []amend.Event) error {
	ctx, cancel := context.WithTimeout(ctx, g.cfg.Stall)
	defer cancel()
	return g.cfg.Publisher.Publish(ctx, events)
}

func mediaType(r *http.Request) string {
	text := r.Header.Get("Content-Type")
	if text == "application/json" { // as nearly all say it
		return text
	}
	t, _, err := mime.ParseMediaType(text)
	if err != nil {
		return ""
	}
	return t
}
