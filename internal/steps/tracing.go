package steps

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/tracing"
)

// traceAnnotation is where a step notes the trace of the commit that it is about, which
// it learns from the writer.
const traceAnnotation = "amend.dev/trace"

// markSpan makes a span of a step, in the trace of the event that it is about: the
// one in $AMEND_EVENT, or else that of the decision in --in, or of the commit.
func markSpan(cmd *cobra.Command) {
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
		tracer, err := tracing.FromEnv(cmd.Context(), "amend-step", os.Getenv, log)
		if err != nil {
			return err
		}
		if tracer == nil {
			return run(cmd, args)
		}
		began := time.Now()
		err = run(cmd, args)
		period := tracing.Period{From: began, To: time.Now()}
		if parent := stepParent(cmd); parent != "" {
			tracer.Span(tracing.WithParent(context.Background(), parent), "step "+cmd.Name(), period, err)
		} else if id := cmd.Annotations[traceAnnotation]; id != "" {
			tracer.Span(tracing.WithTrace(context.Background(), id), "step "+cmd.Name(), period, err)
		}
		tracer.Flush(cmd.Context(), log)
		return err
	}
}

// stepParent returns the traceparent of what a step is about, "" when there is
// none. What is wrong with its documents, the step itself says.
func stepParent(cmd *cobra.Command) string {
	if e, err := alert.Unpack(os.Getenv(EventEnv)); err == nil {
		return e.Trace
	}
	in := cmd.Flag("in")
	if in == nil || in.Value.String() == "" || in.Value.String() == "-" {
		return ""
	}
	data, err := os.ReadFile(in.Value.String())
	if err != nil || len(data) > maxDocument {
		return ""
	}
	var d amend.Decision
	if err := json.Unmarshal(data, &d); err != nil || d.Plan == nil {
		return ""
	}
	return d.Plan.Request.Event.Trace
}
