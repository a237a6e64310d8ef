// Command forge runs the local GitHub-compatible host of the demo and of the
// tests. It is never part of the product's image.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := root().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "forge:", err)
		os.Exit(exitCode(err))
	}
}

// exitCode follows the codes of the amend command: 1 our mistake, 2 invalid
// input, 3 a person has to look.
func exitCode(err error) int {
	switch amend.KindOf(err) {
	case amend.Invalid:
		return 2
	case amend.Conflict, amend.NotFound, amend.Refused:
		return 3
	}
	return 1
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "forge",
		Short:         "A local GitHub-compatible host: Git, pull requests, repository_dispatch",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	repo := &cobra.Command{Use: "repo", Short: "Manage the repositories of a forge"}
	repo.AddCommand(repoCreate())
	cmd.AddCommand(serve(), repo)
	return cmd
}
