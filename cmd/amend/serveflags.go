package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/daemon"
	"github.com/amendhq/amend/internal/intake"
	"github.com/amendhq/amend/internal/steps"
)

// serveFlags is the configuration of serve.
type serveFlags struct {
	repoFlags
	daemon.ListenFlags
	cli.LogFlags
	argocdFlags
	pageFlags
	closingFlags
	steps.WitnessFlags
	approvalFlags
	intake       intake.Flags
	giveUp       time.Duration
	recordEvents string
}

func (f *serveFlags) register(cmd *cobra.Command) {
	f.repoFlags.register(cmd)
	f.ListenFlags.Register(cmd, "127.0.0.1:8080", "address of the gateway; one that others can reach needs webhook authentication")
	f.LogFlags.Register(cmd)
	f.intake.Register(cmd)
	f.argocdFlags.register(cmd)
	f.pageFlags.register(cmd)
	f.approvalFlags.register(cmd)
	f.closingFlags.register(cmd)
	f.WitnessFlags.Register(cmd)
	cmd.Flags().DurationVar(&f.giveUp, "give-up-after", 10*time.Minute, "how long a change is tried before its failure is recorded")
	cmd.Flags().StringVar(&f.recordEvents, "record-events", "", "folder to keep accepted events in, one file each, for amend simulate --replay")
}
