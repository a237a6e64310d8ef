package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/github"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/ledger/gitlog"
)

// verdictFlags say where the verdicts are that the log lacks.
type verdictFlags struct{ host, api, token, login string }

func (f *verdictFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.host, "host", "", "address of the env repo on its host, e.g. https://github.com/acme/env; without it verdicts stay as they are")
	fs.StringVar(&f.api, "api", "", "root of the host's REST API (default: api.github.com, or /api/v3 of any other host)")
	fs.StringVar(&f.token, "github-token-file", "", "file with a token that may read commit statuses")
	fs.StringVar(&f.login, "github-login", "", loginUsage+" (required with --host)")
}

// verdicts is nil without a host.
func (f verdictFlags) verdicts(log *slog.Logger) (func(context.Context, string) (amend.Verdict, error), error) {
	if f.host == "" {
		return nil, nil
	}
	if f.login == "" {
		return nil, amend.Errorf(amend.Invalid, "--github-login", "it is required with --host: name the account that amend writes as, whose verdicts are noted")
	}
	where, err := parseRepoURL(f.host, f.api)
	if err != nil {
		return nil, err
	}
	client, err := github.New(github.Config{
		BaseURL: where.api, Owner: where.owner, Repo: where.name, Auth: github.Auth{TokenFile: f.token}, Login: f.login, RetryFor: 20 * time.Second, Log: log,
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, commit string) (amend.Verdict, error) {
		s, ok, err := client.Status(ctx, commit, ledger.VerdictContext)
		if err != nil || !ok {
			return amend.Verdict{}, err
		}
		state, _ := ledger.ParseVerdict(s.State, s.Description)
		return amend.Verdict{State: state, At: s.At}, nil
	}, nil
}

func newLog() *cobra.Command {
	var opt gitlog.Options
	var on verdictFlags
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Bring remediation-log.yaml up to date with the history",
		Long: `Add an entry to remediation-log.yaml for every change of amend that the history
of a clone holds and the log does not, commit it and, with --push, push it. With
--host, note in the entries of the last week the verdicts that the account of
--github-login shows beside their commits. It is what the record workflow of an env
repo runs. Running it again, or in many places at once, adds nothing twice: the
history says what is missing.`,
		Example: "  amend log --repo .\n  amend log --repo . --push\n  amend log --repo . --push --host https://github.com/acme/env --github-token-file token --github-login the-app[bot]",
	}
	out := cli.OutputFlag(cmd)
	fs := cmd.Flags()
	fs.StringVar(&opt.Dir, "repo", ".", "folder of the clone")
	fs.BoolVar(&opt.Push, "push", false, "push the commit; when others pushed first, begin again on theirs")
	fs.StringVar(&opt.Remote, "remote", "origin", "remote to push to")
	fs.StringVar(&opt.Branch, "branch", "", "branch to push to (default: the one that is checked out)")
	fs.StringVar(&opt.Name, "author-name", "amend", "author of the commit")
	fs.StringVar(&opt.Email, "author-email", defaultEmail, "e-mail of the author")
	on.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		opt.Log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
		var err error
		if opt.Verdicts, err = on.verdicts(opt.Log); err != nil {
			return err
		}
		added, err := gitlog.Reconcile(cmd.Context(), opt)
		if err != nil {
			return err
		}
		if *out == cli.JSON {
			return cli.PrintJSON(cmd.OutOrStdout(), struct {
				Added int `json:"added"`
			}{added})
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "added to the log: %d\n", added)
		return err
	}
	return cmd
}
