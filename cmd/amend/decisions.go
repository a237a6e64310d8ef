package main

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/amendhq/amend"
)

// A decisionLog logs and counts decisions.
type decisionLog struct {
	log     *slog.Logger
	decided *prometheus.CounterVec
	seconds prometheus.Histogram
}

// newDecisionLog registers what the metrics say of decisions. Reasons and
// actions are closed lists, so no alert can add a series.
func newDecisionLog(log *slog.Logger, reg prometheus.Registerer) *decisionLog {
	l := &decisionLog{
		log: log,
		decided: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "amend_decisions_total", Help: "Decisions by reason and action.",
		}, []string{"reason", "action"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "amend_change_seconds", Help: "Time from the accepted alert to the change in Git.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 14),
		}),
	}
	reg.MustRegister(l.decided, l.seconds)
	return l
}

// observe logs and counts a decision. Alert text stays out of the log line but
// for its name, which the handler escapes.
func (l *decisionLog) observe(d amend.Decision) {
	l.decided.WithLabelValues(string(d.Reason), d.Action).Inc()
	args := []any{"request", d.EventID, "reason", d.Reason, "alert", d.Alert}
	if d.Incident != "" {
		args = append(args, "playbook", d.Playbook, "action", d.Action, "target", d.Workload.String(), "incident", d.Incident, "episode", d.Episode)
	}
	if d.Change != nil {
		args = append(args, "commit", d.Change.Commit)
		if d.Change.Branch != "" {
			args = append(args, "branch", d.Change.Branch)
		}
		if d.Change.Number > 0 {
			args = append(args, "pr", d.Change.Number)
		}
	}
	if !d.ChangedAt.IsZero() {
		l.seconds.Observe(d.ChangedAt.Sub(d.ReceivedAt).Seconds())
	}
	// An alert that no playbook is for is nobody's trouble.
	if d.Refused() && d.Reason != amend.ReasonNoPlaybook {
		l.log.Warn("refused", append(args, "detail", d.Detail)...)
		return
	}
	l.log.Info("decided", args...)
}
