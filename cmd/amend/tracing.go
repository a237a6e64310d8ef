package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/git"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/tracing"
	"github.com/amendhq/amend/internal/writer"
	"github.com/amendhq/amend/internal/writerapi"
)

// traceDecision makes spans of what the times of a decision tell: from the
// accepted alert to the decision, and from there to the change in Git.
func traceDecision(t *tracing.Tracer, e amend.Event, d amend.Decision) {
	if e.TraceID() == "" || d.DecidedAt.IsZero() {
		return
	}
	about := []slog.Attr{
		slog.String("event", e.ID), slog.String("reason", string(d.Reason)), slog.String("playbook", d.Playbook),
		slog.String("action", d.Action), slog.String("incident", d.Incident),
	}
	ctx := t.Span(tracing.WithParent(context.Background(), e.Trace), "decide", tracing.Period{From: e.Time, To: d.DecidedAt}, nil, about...)
	if d.Change != nil && !d.ChangedAt.IsZero() {
		t.Span(ctx, "write", tracing.Period{From: d.DecidedAt, To: d.ChangedAt}, nil,
			append(about, slog.String("commit", d.Change.Commit), slog.String("branch", d.Change.Branch))...)
	}
}

// A tracedPen notes what the writer of a cluster decides.
type tracedPen struct {
	pen
	tracer *tracing.Tracer
}

// Handle implements writerapi.Decider.
func (p tracedPen) Handle(ctx context.Context, e amend.Event, allow writerapi.Allow) (amend.Decision, error) {
	d, err := p.pen.Handle(ctx, e, allow)
	if err == nil {
		traceDecision(p.tracer, e, d)
	}
	return d, err
}

// A tracedHost notes what happens to a change after it was made. Its trace is
// found by the trailers of its commit, however long ago that was.
type tracedHost struct {
	host
	tracer *tracing.Tracer
	mirror *git.Mirror
}

// onTrace returns the host as the writer wants it, with spans where there is a
// tracer.
func (h host) onTrace(t *tracing.Tracer, copied *git.Mirror) writer.Host {
	if t == nil {
		return h
	}
	return tracedHost{h, t, copied}
}

// Dispatch implements writer.Dispatcher.
func (h tracedHost) Dispatch(ctx context.Context, r amend.Record) error {
	began := time.Now()
	err := h.host.Dispatch(ctx, r)
	if c, id := h.trace(r.Commit); id != "" {
		h.tracer.Span(tracing.WithTrace(ctx, id), "record", tracing.Period{From: began, To: time.Now()}, err,
			slog.String("commit", c.SHA), slog.String("incident", r.Incident))
	}
	return err
}

// SetVerdict implements writer.Verdicts.
func (h tracedHost) SetVerdict(ctx context.Context, v amend.Verdict) error {
	err := h.host.SetVerdict(ctx, v)
	if c, id := h.trace(v.Commit); id != "" {
		h.tracer.Span(tracing.WithTrace(ctx, id), "verify", tracing.Period{From: c.Time, To: v.At}, err,
			slog.String("commit", c.SHA), slog.String("verdict", string(v.State)))
	}
	return err
}

// trace returns a commit and the trace that it is of, "" for none.
func (h tracedHost) trace(sha string) (git.Commit, string) { return traceOf(h.mirror, sha) }

func traceOf(copied *git.Mirror, sha string) (git.Commit, string) {
	for c, err := range copied.Log(sha, "") {
		if err != nil {
			break
		}
		t, _ := message.ParseTrailers(c.Message)
		return c, t.Trace
	}
	return git.Commit{}, ""
}

// Trace implements writerapi.History.
func (e *envWriter) Trace(commit string) string {
	_, id := traceOf(e.mirror, commit)
	return id
}
