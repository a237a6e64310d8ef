// Package tracing tells an OpenTelemetry collector how an alert became a change:
// one trace from the webhook to the verdict, whichever processes it goes through.
//
// It hides OpenTelemetry: nobody else imports it. A trace crosses processes as a
// W3C traceparent inside the event (amend.Event.Trace), and as its id in the
// trailers of the commit, so that what is done days later still belongs to it.
// What an alert says is in no span.
package tracing

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/amendhq/amend"
)

// A Tracer makes spans. One that is nil makes none, and all its methods work.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// New returns a Tracer of a service that hands its spans to the processor.
func New(service string, processor sdktrace.SpanProcessor) *Tracer {
	// The environment (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES) comes last, so
	// that it wins. What it gets wrong is left out of the resource.
	res, _ := resource.New(context.Background(), resource.WithAttributes(attribute.String("service.name", service)), resource.WithFromEnv())
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(processor), sdktrace.WithResource(res), sdktrace.WithIDGenerator(ids{}))
	return &Tracer{provider: provider, tracer: provider.Tracer("github.com/amendhq/amend")}
}

// FromEnv returns the Tracer that the standard variables of OpenTelemetry ask for,
// nil when they name no endpoint, or ask for none. Traces are sent by OTLP over
// HTTP; what cannot be sent later is said in the log and lost. The error is
// amend.Invalid. A process calls this once: OpenTelemetry has one place for errors.
func FromEnv(ctx context.Context, service string, getenv func(string) string, log *slog.Logger) (*Tracer, error) {
	endpoint := getenv("OTEL_EXPORTER_OTLP_ENDPOINT") + getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	if endpoint == "" || strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") || getenv("OTEL_TRACES_EXPORTER") == "none" {
		return nil, nil
	}
	protocol := getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
	if protocol == "" {
		protocol = getenv("OTEL_EXPORTER_OTLP_PROTOCOL")
	}
	if protocol != "" && protocol != "http/protobuf" {
		return nil, amend.Errorf(amend.Invalid, "send traces", "OTEL_EXPORTER_OTLP_PROTOCOL is %q; only http/protobuf is spoken here", protocol)
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "send traces", "%w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces are not sent", "error", err) }))
	return New(service, sdktrace.NewBatchSpanProcessor(exporter)), nil
}

// Close sends what is left, until ctx ends.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return amend.Errorf(amend.Transient, "send traces", "%w", err)
	}
	return nil
}

// flushWithin bounds the wait for a collector when a process ends.
const flushWithin = 2 * time.Second

// Flush closes the Tracer of a process that ends, whether ctx has ended or not. A
// collector that is away is no failure of what was traced: after two seconds the log
// says that traces are lost.
func (t *Tracer) Flush(ctx context.Context, log *slog.Logger) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), flushWithin)
	defer stop()
	if err := t.Close(ctx); err != nil {
		log.Warn("traces are lost", "error", err)
	}
}

// A Period is how long something took.
type Period struct{ From, To time.Time }

// Span notes something that happened in a period, below what ctx holds, and returns
// ctx with the span in it. An error marks it as failed; only its kind is told,
// because errors may quote an alert.
func (t *Tracer) Span(ctx context.Context, name string, when Period, err error, attrs ...slog.Attr) context.Context {
	if t == nil {
		return ctx
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithTimestamp(when.From), trace.WithAttributes(attributes(attrs)...))
	if err != nil {
		span.SetStatus(codes.Error, string(amend.KindOf(err)))
	}
	span.End(trace.WithTimestamp(when.To))
	return ctx
}

// Handler makes a span of each request that next answers. A sender that traces its
// own work is the span's parent.
func (t *Tracer) Handler(name string, next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := carrier.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()
		answer := &recorder{ResponseWriter: w, code: http.StatusOK}
		next.ServeHTTP(answer, r.WithContext(ctx))
		span.SetAttributes(attribute.Int("http.response.status_code", answer.code))
		if answer.code >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, http.StatusText(answer.code))
		}
	})
}

// A recorder notes the status of an answer.
type recorder struct {
	http.ResponseWriter
	code int
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(code int) {
	r.code = code
	r.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController reach what is behind.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// carrier reads and writes W3C traceparents.
var carrier propagation.TraceContext

// Parent returns the traceparent of the span in ctx, "" when there is none.
func Parent(ctx context.Context) string {
	header := propagation.MapCarrier{}
	carrier.Inject(ctx, header)
	return header["traceparent"]
}

// WithParent returns a ctx whose spans are below the one of a traceparent. One that
// is not well-formed changes nothing.
func WithParent(ctx context.Context, traceparent string) context.Context {
	return carrier.Extract(ctx, propagation.MapCarrier{"traceparent": traceparent})
}

// traceKey is the key of the trace that WithTrace continues.
type traceKey struct{}

// WithTrace returns a ctx whose next span belongs to a trace of which only the id
// is known, as from a commit. An id that is not one changes nothing.
func WithTrace(ctx context.Context, id string) context.Context {
	parsed, err := trace.TraceIDFromHex(id)
	if err != nil {
		return ctx
	}
	return context.WithValue(ctx, traceKey{}, parsed)
}

// ids makes the ids of traces and spans: random, or that of WithTrace.
type ids struct{}

// NewIDs implements sdktrace.IDGenerator.
func (ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	id, known := ctx.Value(traceKey{}).(trace.TraceID)
	if !known {
		_, _ = rand.Read(id[:]) // crypto/rand never fails
	}
	return id, ids{}.NewSpanID(ctx, id)
}

// NewSpanID implements sdktrace.IDGenerator.
func (ids) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	_, _ = rand.Read(id[:])
	return id
}

func attributes(attrs []slog.Attr) []attribute.KeyValue {
	list := make([]attribute.KeyValue, 0, len(attrs))
	for _, a := range attrs {
		if text := a.Value.String(); text != "" {
			list = append(list, attribute.String("amend."+a.Key, text))
		}
	}
	return list
}
