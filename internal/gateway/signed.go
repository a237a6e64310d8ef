package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/sender"
)

// signed takes the posts of a sender that signs them. Who cannot prove to be that
// sender is answered 403 and not told why; the log and the metrics say it.
func (g *Gateway) signed(s sender.Source) taker {
	guards := newReplayGuards(s.Window)
	return func(r *http.Request, _ string) (answer, *failure) {
		body, err := io.ReadAll(alert.Limits{Bytes: s.Bytes, Depth: g.cfg.Limits.Depth}.Reader(r.Body))
		if err != nil {
			return answer{}, g.undecoded(err, s.Bytes, s.Expected)
		}
		d, err := s.Open(r.Context(), r.Header, body)
		if err != nil {
			return answer{}, g.unopened(s, err)
		}
		guard := guards.of(g.cfg.Tenants[d.Credential])
		switch guard.admit(d, g.cfg.Now()) {
		case stale:
			return answer{}, g.forbidden(s.Name, sender.Stale)
		case pending:
			return answer{}, fail(http.StatusServiceUnavailable, "the same post is being accepted", "", nil)
		case known:
			g.metrics.repeated.WithLabelValues(s.Name).Inc()
			return answer{Folded: len(d.Alerts), Rejected: []alert.Rejection{}}, nil
		}
		a, f := g.deliver(r.Context(), s, d)
		guard.settle(d, f == nil)
		return a, f
	}
}

// deliver does what a fresh delivery asks for.
func (g *Gateway) deliver(ctx context.Context, s sender.Source, d sender.Delivery) (answer, *failure) {
	if d.Confirm != nil {
		if err := d.Confirm(ctx); err != nil {
			return answer{}, fail(http.StatusServiceUnavailable, "the subscription could not be confirmed", "", err)
		}
		g.cfg.Log.Info("subscription confirmed", "source", s.Name)
	}
	return g.accept(ctx, d.Credential, d.Alerts, d.Rejected)
}

// unopened sorts why a post could not be opened.
func (g *Gateway) unopened(s sender.Source, err error) *failure {
	var refused sender.Refusal
	switch {
	case errors.As(err, &refused):
		return g.forbidden(s.Name, refused)
	case amend.KindOf(err) == amend.Transient:
		return fail(http.StatusServiceUnavailable, "the signature cannot be checked now", "", err)
	}
	return g.undecoded(err, s.Bytes, s.Expected)
}

func (g *Gateway) forbidden(source string, why sender.Refusal) *failure {
	g.metrics.denied.WithLabelValues(source, string(why)).Inc()
	return fail(http.StatusForbidden, "forbidden", "", why)
}
