package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/eventsource"
	"github.com/amendhq/amend/internal/gateway"
	"github.com/amendhq/amend/internal/kube"
	"github.com/amendhq/amend/internal/tracing"
)

func newGateway() *cobra.Command {
	var f gatewayFlags
	cmd := &cobra.Command{
		Use:   "gateway",
		Short: "Take alerts in and hand them to Argo Events",
		Long: `Take alerts in as amend serve does, and post each to a webhook EventSource of
Argo Events. An alert is accepted when the EventSource has answered that it is on
the EventBus. Nothing is kept here, so any number of replicas may run.

An event that a Sensor gave up is reported to /v1/undelivered, so that its next
delivery is not taken for a repeat. Grafana, PagerDuty, CloudWatch alarms through
SNS, Argo CD and Knative have routes and credentials of their own, and --tenant
says whose alerts a credential is good for: docs/sources.md. Alerts over 4 KiB lose
evidence, visibly; alerts named RemediationRequest are rejected.`,
		Example: `  amend gateway --webhook-token-file webhook-token \
      --eventsource http://amend-alerts-eventsource-svc:12000 --eventsource-token-file eventsource-token`,
	}
	f.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := cli.Required(cmd, "eventsource"); err != nil {
			return err
		}
		log, err := f.logger(cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		return runGateway(cmd.Context(), f, log)
	}
	return cmd
}

// runGateway serves until ctx ends.
func runGateway(ctx context.Context, f gatewayFlags, log *slog.Logger) error {
	if err := gateway.CheckListen(f.listen, f.gatewayAuth()); err != nil {
		return err
	}
	cfg, err := f.gatewayConfig(alert.ArgoLimits(), f.eventAccounts...)
	if err != nil {
		return err
	}
	if len(f.eventAccounts) > 0 {
		cluster, err := kube.New(f.kubeconfig)
		if err != nil {
			return err
		}
		cfg.EventAccounts = gateway.NewAccounts(tokenReviews{cluster, f.eventAudience}, f.eventAccounts, nil)
	}
	tracer, err := tracing.FromEnv(ctx, "amend-gateway", os.Getenv, log)
	if err != nil {
		return err
	}
	defer tracer.Flush(ctx, log)
	reg := newRegistry()
	source, err := eventsource.New(eventsource.Config{URL: f.eventSource, TokenFile: f.eventSourceToken, Registry: reg})
	if err != nil {
		return err
	}
	cfg.Publisher, cfg.Chunk, cfg.Ready = tracedPublisher{source}, eventsource.Chunk, source.Ready
	cfg.Log, cfg.Registry = log, reg
	handler, err := gateway.New(cfg)
	if err != nil {
		return err
	}
	listener, err := f.open(ctx)
	if err != nil {
		return err
	}
	log.Info("serving", "address", listener.Addr().String(), "eventsource", f.eventSource)
	return runParts(ctx, serveHTTP(gateway.NewServer(f.listen, tracedIntake(tracer, handler), log), listener))
}

// tokenReviews asks a cluster whose a token is.
type tokenReviews struct {
	cluster  *kube.Client
	audience string
}

// Account implements gateway.Reviewer. That amend itself may not ask is no fault of
// the sender.
func (t tokenReviews) Account(ctx context.Context, token string) (string, error) {
	user, err := t.cluster.ReviewToken(ctx, token, t.audience)
	if amend.KindOf(err) == amend.Refused && amend.ReasonOf(err) != amend.ReasonForbidden {
		return "", amend.Errorf(amend.Internal, "review token", "%w", err)
	}
	return user.Name, err
}
