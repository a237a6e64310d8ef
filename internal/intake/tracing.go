package intake

import (
	"context"
	"net/http"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/gateway"
	"github.com/amendhq/amend/internal/tracing"
)

// Traced makes a span of each post to a gateway.
func Traced(t *tracing.Tracer, g http.Handler) http.Handler {
	if t == nil {
		return g
	}
	mux := http.NewServeMux()
	mux.Handle("/", g)
	mux.Handle("POST /v1/", t.Handler("accept", g))
	return mux
}

// A TracedPublisher gives events the span that they were accepted in.
type TracedPublisher struct{ gateway.Publisher }

// Publish implements gateway.Publisher.
func (p TracedPublisher) Publish(ctx context.Context, events []amend.Event) error {
	if parent := tracing.Parent(ctx); parent != "" {
		for i := range events {
			events[i].Trace = parent
		}
	}
	return p.Publisher.Publish(ctx, events)
}
