package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/gateway"
)

// serveFlags is the configuration of serve.
type serveFlags struct {
	repoFlags
	listenFlags
	logFlags
	webhookTokens   []string
	webhookUser     string
	webhookPassword string
	volatile        []string
	foldWindow      time.Duration
	giveUp          time.Duration
}

func (f *serveFlags) register(cmd *cobra.Command) {
	f.repoFlags.register(cmd)
	f.listenFlags.register(cmd, "127.0.0.1:8080", "address of the gateway; one that others can reach needs webhook authentication")
	f.logFlags.register(cmd)
	fs := cmd.Flags()
	fs.StringArrayVar(&f.webhookTokens, "webhook-token-file", nil, "file with a bearer token that senders must show; repeat it to rotate")
	fs.StringVar(&f.webhookUser, "webhook-user", "", "user of basic authentication for senders")
	fs.StringVar(&f.webhookPassword, "webhook-password-file", "", "file with the password of --webhook-user")
	fs.StringSliceVar(&f.volatile, "volatile-label", alert.DefaultVolatile(), "labels that do not tell one trouble from another")
	fs.DurationVar(&f.foldWindow, "fold-window", time.Minute, "repeats of an accepted alert within this time are not looked at again")
	fs.DurationVar(&f.giveUp, "give-up-after", 10*time.Minute, "how long a change is tried before its failure is recorded")
}

func (f serveFlags) gatewayAuth() gateway.Auth {
	return gateway.Auth{TokenFiles: f.webhookTokens, User: f.webhookUser, PasswordFile: f.webhookPassword}
}
