package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/gateway"
)

// intakeFlags say which alerts a gateway takes, and from whom.
type intakeFlags struct {
	webhookTokens   []string
	webhookUser     string
	webhookPassword string
	volatile        []string
	foldWindow      time.Duration
}

func (f *intakeFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringArrayVar(&f.webhookTokens, "webhook-token-file", nil, "file with a bearer token that senders must show; repeat it to rotate")
	fs.StringVar(&f.webhookUser, "webhook-user", "", "user of basic authentication for senders")
	fs.StringVar(&f.webhookPassword, "webhook-password-file", "", "file with the password of --webhook-user")
	fs.StringSliceVar(&f.volatile, "volatile-label", alert.DefaultVolatile(), "labels that do not tell one trouble from another")
	fs.DurationVar(&f.foldWindow, "fold-window", time.Minute, "repeats of an accepted alert within this time are not looked at again")
}

func (f intakeFlags) gatewayAuth() gateway.Auth {
	return gateway.Auth{TokenFiles: f.webhookTokens, User: f.webhookUser, PasswordFile: f.webhookPassword}
}

// gatewayFlags is the configuration of gateway.
type gatewayFlags struct {
	intakeFlags
	listenFlags
	logFlags
	eventSource      string
	eventSourceToken string
}

func (f *gatewayFlags) register(cmd *cobra.Command) {
	f.intakeFlags.register(cmd)
	f.listenFlags.register(cmd, ":8080", "address to listen on; one that others can reach needs webhook authentication")
	f.logFlags.register(cmd)
	cmd.Flags().StringVar(&f.eventSource, "eventsource", "", "address of the webhook EventSource, e.g. http://amend-alerts-eventsource-svc:12000 (required)")
	cmd.Flags().StringVar(&f.eventSourceToken, "eventsource-token-file", "", "file with the bearer token that the EventSource asks for")
}
