package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/intake"
	"github.com/amendhq/amend/internal/steps"
	"github.com/amendhq/amend/internal/tracing"
)

// A collector is an OpenTelemetry collector that keeps what it gets.
type collector struct {
	*httptest.Server
	mu  sync.Mutex
	got []byte
}

func newCollector(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.got = append(c.got, data...)
	}))
	t.Cleanup(c.Close)
	return c
}

// has reports whether all of these spans came, each in the trace.
func (c *collector) has(trace string, names ...string) bool {
	id, err := hex.DecodeString(trace)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range names {
		if !bytes.Contains(c.got, append([]byte{0x2a, byte(len(name))}, name...)) { // Span.name, field 5
			return false
		}
	}
	return err == nil && bytes.Count(c.got, append([]byte{0x0a, 16}, id...)) >= len(names) // Span.trace_id, field 1
}

// From the webhook of an alert to its commit, its record and its verdict there is
// one trace, and the commit names it.
func TestOneTraceFromAlertToCommit(t *testing.T) {
	c := newCollector(t)
	s := newStage(t, 2, "", nil)
	s.env = []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.URL, "OTEL_BSP_SCHEDULE_DELAY=20"}
	s.start("--sweep-interval", "100ms")
	s.post(firing("AppStuck", app(1)))
	commit := s.decided(app(1), 1)[0].Change.Commit
	trace := strings.TrimSpace(s.git("show", "-s", "--format=%(trailers:key=Amend-Trace,valueonly)", commit))
	if (amend.Event{Trace: "00-" + trace + "-00f067aa0ba902b7-01"}).TraceID() != trace || trace == "" {
		t.Fatalf("the commit names the trace %q", trace)
	}
	s.eventually("the spans of "+trace, func() bool { return c.has(trace, "accept", "decide", "write", "record", "verify") })
	var out, errs bytes.Buffer
	if code := run([]string{"explain", "--repo", s.repoDir(), "--branch", "main", commit}, &out, &errs); code != cli.ExitOK || !strings.Contains(out.String(), "trace     "+trace) {
		t.Errorf("explain: %d\n%s%s", code, &out, &errs)
	}
}

// Nobody traces: the commit has no such trailer.
func TestNoTraceUnlessAsked(t *testing.T) {
	s := newStage(t, 1, "", nil)
	s.start()
	s.post(firing("AppStuck", app(1)))
	if text := s.git("show", "-s", "--format=%B", s.decided(app(1), 1)[0].Change.Commit); strings.Contains(text, "Amend-Trace") {
		t.Errorf("the commit says\n%s", text)
	}
}

// The trace goes through a Workflow inside of the event, and to later steps inside
// of the decision; nothing else of the envelope says it.
func TestTraceGoesThroughSteps(t *testing.T) {
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	e := alert.NewEvent(amend.Alert{Status: amend.Firing, Labels: map[string]string{"alertname": "Busy"}}, time.Now(), alert.NewIdentity(nil))
	var sent []amend.Event
	ctx := tracing.WithParent(t.Context(), parent)
	if err := (intake.TracedPublisher{Publisher: publish(func(events []amend.Event) { sent = events })}).Publish(ctx, []amend.Event{e}); err != nil {
		t.Fatal(err)
	}
	outer, err := alert.Envelop(sent[0])
	if err != nil || len(outer.Extensions()) > 0 {
		t.Fatalf("%v, %v", outer.Extensions(), err)
	}
	packed, err := alert.Pack(sent[0])
	if err != nil {
		t.Fatal(err)
	}
	if traced, err := alert.Unpack(packed); err != nil || traced.Trace != parent {
		t.Fatalf("%q, %v", traced.Trace, err)
	}
	c := newCollector(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
	in := filepath.Join(t.TempDir(), "decision.json")
	if err := os.WriteFile(in, []byte(`{"eventId":"x","alert":"x","reason":"act","plan":{"request":{"event":{"trace":"`+parent+`"}}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, event := range map[string]string{"decide": packed, "record": ""} {
		t.Setenv(steps.EventEnv, event)
		args := []string{"step", name, "--writer", "http://127.0.0.1:1", "--writer-token-file", in, "--out", filepath.Join(t.TempDir(), "out")}
		if name == "record" {
			args = append(args, "--in", in)
		}
		run(args, io.Discard, io.Discard) // it fails, and is traced all the same
	}
	if !c.has("4bf92f3577b34da6a3ce929d0e0e4736", "step decide", "step record") {
		t.Errorf("the collector got %q", c.got)
	}
}

// A step that is only told of a commit is part of the trace that the commit names.
func TestTraceOfACommit(t *testing.T) {
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	c := newCollector(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
	t.Setenv(steps.EventEnv, "")
	writer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"record":{"target":"Deployment/shop/web"},"trace":"`+trace+`"}`)
	}))
	t.Cleanup(writer.Close)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	// It fails, without a cluster, and is traced all the same.
	run([]string{"step", "verify", "--commit", strings.Repeat("a", 40), "--kubeconfig", token, "--writer", writer.URL, "--writer-token-file", token}, io.Discard, io.Discard)
	if !c.has(trace, "step verify") {
		t.Errorf("the collector got %q", c.got)
	}
}

// publish is a gateway.Publisher.
type publish func([]amend.Event)

func (p publish) Publish(_ context.Context, events []amend.Event) error {
	p(events)
	return nil
}
