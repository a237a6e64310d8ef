package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend/internal/ledger/gitlog"
)

func newLog() *cobra.Command {
	var opt gitlog.Options
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Bring remediation-log.yaml up to date with the history",
		Long: `Add an entry to remediation-log.yaml for every change of amend that the history
of a clone holds and the log does not, commit it and, with --push, push it. It is
what the record workflow of an env repo runs. Running it again, or in many
places at once, adds nothing twice: the history says what is missing.`,
		Example: "  amend log --repo .\n  amend log --repo . --push",
	}
	out := outputFlag(cmd)
	fs := cmd.Flags()
	fs.StringVar(&opt.Dir, "repo", ".", "folder of the clone")
	fs.BoolVar(&opt.Push, "push", false, "push the commit; when others pushed first, begin again on theirs")
	fs.StringVar(&opt.Remote, "remote", "origin", "remote to push to")
	fs.StringVar(&opt.Branch, "branch", "", "branch to push to (default: the one that is checked out)")
	fs.StringVar(&opt.Name, "author-name", "amend", "author of the commit")
	fs.StringVar(&opt.Email, "author-email", defaultEmail, "e-mail of the author")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		added, err := gitlog.Reconcile(cmd.Context(), opt)
		if err != nil {
			return err
		}
		if *out == asJSON {
			return printJSON(cmd.OutOrStdout(), struct {
				Added int `json:"added"`
			}{added})
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "added to the log: %d\n", added)
		return err
	}
	return cmd
}
