package main

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/verify"
	"github.com/amendhq/amend/internal/writerapi"
)

// commitForm is a commit id in full; anything else names an incident.
var commitForm = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// A reverting is the command revert with its flags.
type reverting struct {
	repoFlags
	cli.LogFlags
	writer, writerToken, writerCA string
	propose                       bool
	why                           string
}

func newRevertByHand() *cobra.Command {
	var f reverting
	cmd := &cobra.Command{
		Use:   "revert COMMIT|INCIDENT",
		Short: "Take a change of amend back: the same bytes as before it",
		Long: `Take one change back, by one commit after which every file of the change holds the
exact bytes from before it. It names the change by its commit, or by its incident
for the latest one that was not taken back. Refused when a file of the change was
edited since (exit code 3); with --propose a pull request takes the lines of the
change out of the files as they are now. Doing it again does nothing.

No budget and no freeze of the policy stands in the way, only the kill switch. The
breaker of the incident opens, so amend does not make the same change again soon.

It writes to the env repo itself, with --repo and a credential, or has the writer of
a cluster do it, with --writer and a token.`,
		Example: `  amend revert 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12 --repo https://github.com/acme/env --github-token-file token
  amend revert out-of-memory-4fb26efe80 --propose --writer http://localhost:8080 --writer-token-file token`,
		Args: cli.OneArg,
	}
	f.repoFlags.register(cmd)
	f.LogFlags.Register(cmd)
	fs := cmd.Flags()
	for _, ofServers := range []string{"pull-interval", "sweep-interval"} {
		fs.Lookup(ofServers).Hidden = true
	}
	// serve and the writer hold the lock of theirs.
	data := fs.Lookup("data-dir")
	f.dataDir, data.DefValue, data.Usage = "", "", "folder of a mirror of the env repo (default: a temporary one)"
	fs.StringVar(&f.writer, "writer", "", "address of amend writer, instead of --repo")
	fs.StringVar(&f.writerToken, "writer-token-file", "", "file with a token for the writer's audience")
	fs.StringVar(&f.writerCA, "writer-ca-file", "", "file with the certificates that the writer's is signed by (default: the system's)")
	fs.BoolVar(&f.propose, "propose", false, "open a pull request instead of a commit")
	fs.StringVar(&f.why, "why", "", "what is wrong with the change, for the text of the pull request")
	out := cli.OutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r := amend.Reversal{Propose: f.propose, Why: f.why, At: time.Now()}
		switch {
		case commitForm.MatchString(args[0]):
			r.Commit = args[0]
		case strings.Contains(args[0], "-"): // what is between the playbook and the rest
			r.Incident = args[0]
		default:
			return amend.Errorf(amend.Invalid, "revert", "%.80q is neither an incident nor a commit id in full; git rev-parse prints that", args[0])
		}
		d, err := f.revert(cmd, r)
		if err != nil {
			return err
		}
		if *out == cli.JSON {
			err = cli.PrintJSON(cmd.OutOrStdout(), d)
		} else {
			cmd.Println(message.Decided(d))
		}
		if err == nil && d.Refused() {
			err = amend.Refusef(d.Reason, "%s", message.Plain(d.Detail, 1000))
		}
		return err
	}
	return cmd
}

// revert has the writer of a cluster take the change back, or is the writer for as
// long as that takes.
func (f reverting) revert(cmd *cobra.Command, r amend.Reversal) (d amend.Decision, err error) {
	if (f.writer == "") == (f.repo == "") {
		return d, amend.Errorf(amend.Invalid, "revert", "give either --repo, the address of the env repo, or --writer")
	}
	if f.writer != "" {
		client, err := writerapi.NewClient(writerapi.ClientConfig{URL: f.writer, TokenFile: f.writerToken, CAFile: f.writerCA})
		if err != nil {
			return d, err
		}
		return client.Revert(cmd.Context(), r)
	}
	log, err := f.Logger(cmd.ErrOrStderr())
	if err != nil {
		return d, err
	}
	if f.dataDir == "" {
		if f.dataDir, err = os.MkdirTemp("", "amend-revert-"); err != nil {
			return d, amend.Errorf(amend.Internal, "make a folder", "%w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(f.dataDir)) }()
	}
	env, err := openEnvWriter(cmd.Context(), f.repoFlags, advisers{}, time.Minute, log)
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, env.close()) }()
	writing, stop := context.WithCancel(cmd.Context())
	done := make(chan struct{})
	go func() { defer close(done); env.Run(writing) }()
	defer func() { stop(); <-done }()
	err = verify.Patiently(cmd.Context(), func() error {
		d, err = localScribe{env}.Revert(cmd.Context(), r)
		return err
	})
	return d, err
}
