// Package intake runs a gateway: the flags that say which alerts are taken and from whom,
// which amend serve has too, and the command that hands alerts to Argo Events.
//
// It is to that command what cmd/amend is to the others: flags and wiring. It is apart
// because a cluster runs the gateway as pods of its own: amend-gateway links nothing
// else, so that its memory is what alerts need, and imports_test.go keeps it so. People
// have the same command as amend gateway.
package intake

import (
	"context"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/daemon"
	"github.com/amendhq/amend/internal/eventsource"
	"github.com/amendhq/amend/internal/gateway"
	"github.com/amendhq/amend/internal/kube"
	"github.com/amendhq/amend/internal/tracing"
)

// New returns the command that runs a gateway. The program is what people type,
// "amend gateway" or "amend-gateway", as the example shows it; its last word is the name
// of the command.
func New(program string) *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:   program[strings.LastIndexByte(program, ' ')+1:],
		Short: "Take alerts in and hand them to Argo Events",
		Long: `Take alerts in as amend serve does, and post each to a webhook EventSource of
Argo Events. An alert is accepted when the EventSource has answered that it is on
the EventBus. Nothing is kept here, so any number of replicas may run.

An event that a Sensor gave up is reported to /v1/undelivered, so that its next
delivery is not taken for a repeat. Grafana, PagerDuty, CloudWatch alarms through
SNS, Argo CD and Knative have routes and credentials of their own, and --tenant
says whose alerts a credential is good for: docs/sources.md. Alerts over 4 KiB lose
evidence, visibly; alerts named RemediationRequest are rejected.`,
		Example: "  " + program + ` --webhook-token-file webhook-token \
      --eventsource http://amend-alerts-eventsource-svc:12000 --eventsource-token-file eventsource-token`,
	}
	s.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := cli.Required(cmd, "eventsource"); err != nil {
			return err
		}
		log, err := s.Logger(cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		return s.run(cmd.Context(), log)
	}
	return cmd
}

// settings are all flags of the command.
type settings struct {
	Flags
	daemon.ListenFlags
	cli.LogFlags
	eventSource      string
	eventSourceToken string
	eventAccounts    []string
	eventAudience    string
	kubeconfig       string
}

func (s *settings) register(cmd *cobra.Command) {
	s.Flags.Register(cmd)
	s.ListenFlags.Register(cmd, ":8080", "address to listen on; one that others can reach needs webhook authentication")
	s.LogFlags.Register(cmd)
	cmd.Flags().StringVar(&s.eventSource, "eventsource", "", "address of the webhook EventSource, e.g. http://amend-alerts-eventsource-svc:12000 (required)")
	cmd.Flags().StringArrayVar(&s.eventAccounts, "events-account", nil, "service account, system:serviceaccount:NAMESPACE:NAME, whose token is good for /v1/events; may be given again")
	cmd.Flags().StringVar(&s.eventAudience, "events-audience", "amend-gateway", "audience that the tokens of --events-account have to be for")
	cmd.Flags().StringVar(&s.kubeconfig, "kubeconfig", "", "how to reach the cluster that knows --events-account, from outside of it")
	cmd.Flags().StringVar(&s.eventSourceToken, "eventsource-token-file", "", "file with the bearer token that the EventSource asks for")
}

// run serves until ctx ends.
func (s settings) run(ctx context.Context, log *slog.Logger) error {
	if err := gateway.CheckListen(s.Listen, s.Auth()); err != nil {
		return err
	}
	cfg, err := s.Config(alert.ArgoLimits(), s.eventAccounts...)
	if err != nil {
		return err
	}
	if len(s.eventAccounts) > 0 {
		cluster, err := kube.New(s.kubeconfig)
		if err != nil {
			return err
		}
		cfg.EventAccounts = gateway.NewAccounts(tokenReviews{cluster, s.eventAudience}, s.eventAccounts, nil)
	}
	tracer, err := tracing.FromEnv(ctx, "amend-gateway", os.Getenv, log)
	if err != nil {
		return err
	}
	defer tracer.Flush(ctx, log)
	reg := daemon.NewRegistry()
	source, err := eventsource.New(eventsource.Config{URL: s.eventSource, TokenFile: s.eventSourceToken, Registry: reg})
	if err != nil {
		return err
	}
	cfg.Publisher, cfg.Chunk, cfg.Ready = TracedPublisher{source}, eventsource.Chunk, source.Ready
	cfg.Log, cfg.Registry = log, reg
	handler, err := gateway.New(cfg)
	if err != nil {
		return err
	}
	listener, err := s.Open(ctx)
	if err != nil {
		return err
	}
	log.Info("serving", "address", listener.Addr().String(), "eventsource", s.eventSource)
	return daemon.Run(ctx, daemon.Serve(gateway.NewServer(s.Listen, Traced(tracer, handler), log), listener))
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
