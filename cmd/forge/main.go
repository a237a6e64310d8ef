// Command forge runs the local GitHub-compatible host of the demo and of the
// tests. It is never part of the product's image.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend/internal/cli"
)

func main() { os.Exit(cli.Run(root(), os.Args[1:], os.Stdout, os.Stderr)) }

func root() *cobra.Command {
	cmd := &cobra.Command{Use: "forge", Short: "A local GitHub-compatible host: Git, pull requests, repository_dispatch"}
	repo := &cobra.Command{Use: "repo", Short: "Manage the repositories of a forge"}
	repo.AddCommand(repoCreate())
	cmd.AddCommand(serve(), repo)
	cli.Group(repo)
	cli.Group(cmd)
	return cmd
}
