package tracing_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/tracing"
)

var now = tracing.Period{From: time.Now(), To: time.Now()}

var quiet = slog.New(slog.DiscardHandler)

// inMemory returns a tracer and what it has made.
func inMemory() (*tracing.Tracer, *tracetest.InMemoryExporter) {
	spans := tracetest.NewInMemoryExporter()
	return tracing.New("test", sdktrace.NewSimpleSpanProcessor(spans)), spans
}

// A trace goes from a request through an event to a commit of which only the id
// of the trace is known.
func TestOneTraceAcrossProcesses(t *testing.T) {
	tracer, spans := inMemory()
	var parent string
	h := tracer.Handler("accept", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parent = tracing.Parent(r.Context())
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", http.NoBody))
	id := amend.Event{Trace: parent}.TraceID()
	if id == "" {
		t.Fatalf("the traceparent is %q", parent)
	}
	from := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ctx := tracer.Span(tracing.WithParent(t.Context(), parent), "decide", tracing.Period{From: from, To: from.Add(time.Second)}, nil, slog.String("reason", "act"), slog.String("empty", ""))
	tracer.Span(ctx, "write", tracing.Period{From: from.Add(time.Second), To: from.Add(2 * time.Second)}, amend.Errorf(amend.Transient, "x", "text of %s", "an alert"))
	tracer.Span(tracing.WithTrace(t.Context(), id), "verify", tracing.Period{From: from, To: from.Add(time.Hour)}, nil)

	got := spans.GetSpans()
	names := []string{"accept", "decide", "write", "verify"}
	if len(got) != len(names) {
		t.Fatalf("%d spans", len(got))
	}
	for i, s := range got {
		if s.Name != names[i] || s.SpanContext.TraceID().String() != id {
			t.Errorf("span %d is %s of trace %s, want %s of %s", i, s.Name, s.SpanContext.TraceID(), names[i], id)
		}
	}
	for i, want := range map[int]int{1: 0, 2: 1} {
		if got[i].Parent.SpanID() != got[want].SpanContext.SpanID() {
			t.Errorf("%s is not below %s", got[i].Name, got[want].Name)
		}
	}
	if got[3].Parent.HasSpanID() {
		t.Error("a span of which only the trace is known has a parent")
	}
	if s := got[2].Status; s.Code != codes.Error || s.Description != string(amend.Transient) {
		t.Errorf("an error is told as %+v, want its kind alone", s)
	}
	if got[0].Status.Code != codes.Error || len(got[1].Attributes) != 1 || got[1].EndTime.Sub(got[1].StartTime) != time.Second {
		t.Errorf("status %v, attributes %v, %s", got[0].Status, got[1].Attributes, got[1].EndTime.Sub(got[1].StartTime))
	}
}

// A sender's own trace goes on.
func TestSendersTraceGoesOn(t *testing.T) {
	tracer, spans := inMemory()
	h := tracer.Handler("accept", http.NotFoundHandler())
	r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
	r.Header.Set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	h.ServeHTTP(httptest.NewRecorder(), r)
	if s := spans.GetSpans()[0]; s.SpanContext.TraceID().String() != "4bf92f3577b34da6a3ce929d0e0e4736" || s.Parent.SpanID().String() != "00f067aa0ba902b7" {
		t.Errorf("trace %s below %s", s.SpanContext.TraceID(), s.Parent.SpanID())
	}
}

// What is not well-formed begins a trace of its own.
func TestForeignIDsAreNotBelieved(t *testing.T) {
	tracer, spans := inMemory()
	for _, text := range []string{"", "x", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", strings.Repeat("0", 32), "4BF92F3577B34DA6A3CE929D0E0E4736 "} {
		tracer.Span(tracing.WithParent(tracing.WithTrace(t.Context(), text), text), "x", now, nil)
	}
	seen := map[string]bool{}
	for _, s := range spans.GetSpans() {
		seen[s.SpanContext.TraceID().String()] = true
	}
	if len(seen) != 5 {
		t.Errorf("%d traces", len(seen))
	}
}

func TestNothingIsTracedUnlessAsked(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"no variables": {}, "other ones": {"OTEL_SERVICE_NAME": "x"},
		"disabled":    {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
		"no exporter": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
	} {
		if tracer, err := tracing.FromEnv(t.Context(), "x", func(k string) string { return env[k] }, quiet); tracer != nil || err != nil {
			t.Errorf("%s: %v, %v", name, tracer, err)
		}
	}
	grpc := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
	if _, err := tracing.FromEnv(t.Context(), "x", func(k string) string { return grpc[k] }, quiet); amend.KindOf(err) != amend.Invalid {
		t.Errorf("grpc: %v", err)
	}
	var none *tracing.Tracer
	if ctx := none.Span(t.Context(), "x", now, errors.New("x")); ctx != t.Context() || none.Close(t.Context()) != nil {
		t.Error("no tracer does something")
	}
	if h := none.Handler("x", http.NotFoundHandler()); tracing.Parent(t.Context()) != "" || h == nil {
		t.Error("no tracer changes a handler")
	}
}

// A collector gets the spans by OTLP over HTTP when the process ends; one that
// does not answer holds nobody up.
func TestOTLP(t *testing.T) {
	var mu sync.Mutex
	var path, body string
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		path, body = r.URL.Path, body+string(data)
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	tracer, err := tracing.FromEnv(t.Context(), "amend-test", os.Getenv, quiet)
	if err != nil {
		t.Fatal(err)
	}
	tracer.Span(t.Context(), "decide", now, nil, slog.String("reason", "act"))
	if err := tracer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if path != "/v1/traces" || !strings.Contains(body, "amend-test") || !strings.Contains(body, "decide") || !strings.Contains(body, "amend.reason") {
		t.Errorf("the collector got %q at %s", body, path)
	}

	hung := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server sees that the client left
		<-r.Context().Done()
	}))
	defer hung.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", hung.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "200") // milliseconds
	if tracer, err = tracing.FromEnv(t.Context(), "x", os.Getenv, quiet); err != nil {
		t.Fatal(err)
	}
	tracer.Span(t.Context(), "x", now, nil)
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if err := tracer.Close(ctx); amend.KindOf(err) != amend.Transient {
		t.Errorf("a collector that hangs: %v", err)
	}
}
