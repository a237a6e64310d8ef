package steps

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/alertmanager"
	"github.com/amendhq/amend/internal/prometheus"
	"github.com/amendhq/amend/internal/verify"
)

// WitnessFlags say whom to ask whether a change helped, as flags of step verify and of
// amend serve.
type WitnessFlags struct {
	alertmanagers    []string
	alertmanagerAuth alertmanager.Auth
	prometheus       prometheus.Config
	steady           time.Duration
}

// Register adds the flags to a command.
func (f *WitnessFlags) Register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringArrayVar(&f.alertmanagers, "alertmanager-url", nil, "address of an Alertmanager to ask whether the alert still fires, with its route prefix; repeat it for a cluster")
	fs.StringVar(&f.alertmanagerAuth.TokenFile, "alertmanager-token-file", "", "file with a bearer token for the Alertmanagers")
	fs.StringVar(&f.alertmanagerAuth.User, "alertmanager-user", "", "user of basic authentication for the Alertmanagers")
	fs.StringVar(&f.alertmanagerAuth.PasswordFile, "alertmanager-password-file", "", "file with the password of --alertmanager-user")
	fs.StringVar(&f.prometheus.URL, "prometheus-url", "", "address of a Prometheus to ask the probes of the policy, with its route prefix")
	fs.StringVar(&f.prometheus.TokenFile, "prometheus-token-file", "", "file with a bearer token for Prometheus")
	fs.StringVar(&f.prometheus.CAFile, "prometheus-ca-file", "", "file with the certificates that Prometheus' is signed by (default: the system's)")
	fs.DurationVar(&f.steady, "steady", time.Minute, "how long the trouble has to stay away to be over")
}

// Wire adds the witnesses to the configuration of a verification. An alert is
// known by its labels but for the volatile ones, which have to be the gateway's.
// An error is amend.Invalid, and names the flag.
func (f WitnessFlags) Wire(cfg *verify.Config, volatile []string) error {
	cfg.Steady = f.steady
	var clients []*alertmanager.Client
	for _, address := range f.alertmanagers {
		if address == "" {
			continue // a setting that was left empty
		}
		c, err := alertmanager.NewClient(address, f.alertmanagerAuth)
		if err != nil {
			return amend.Errorf(amend.Invalid, "--alertmanager-url", "%w", err)
		}
		clients = append(clients, c)
	}
	if len(clients) > 0 {
		cfg.Alerts = alerts{clients, alert.NewIdentity(volatile)}
	}
	if f.prometheus.URL == "" {
		return nil
	}
	p, err := prometheus.New(f.prometheus)
	if err != nil {
		return amend.Errorf(amend.Invalid, "--prometheus-url", "%w", err)
	}
	cfg.Prober = p
	return nil
}

// alerts are Alertmanagers as a verification wants them.
type alerts struct {
	clients []*alertmanager.Client
	ids     alert.Identity
}

// Fires implements verify.Alerts: an event and an alert are the same trouble when
// their identities are equal.
func (a alerts) Fires(ctx context.Context, event string) (bool, error) {
	identity, ok := alert.IdentityOf(event)
	if !ok {
		return false, amend.Errorf(amend.Invalid, "find the alert", "%.80q is the id of no event", event)
	}
	return alertmanager.Fires(ctx, a.clients, func(one amend.Alert) bool { return a.ids.Of(one.Labels) == identity })
}
