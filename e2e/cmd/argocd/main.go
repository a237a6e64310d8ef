// Command argocd is the two programs of Argo CD that sync an Application: the
// application controller and the repo-server. The first argument names the
// program, the rest are its own flags; git, which the repo-server starts, asks
// for passwords by way of the environment. Upstream's own command also holds
// the API server and the client, which nothing here asks for.
package main

import (
	"fmt"
	"os"

	controller "github.com/argoproj/argo-cd/v2/cmd/argocd-application-controller/commands"
	askpass "github.com/argoproj/argo-cd/v2/cmd/argocd-git-ask-pass/commands"
	reposerver "github.com/argoproj/argo-cd/v2/cmd/argocd-repo-server/commands"
	"github.com/spf13/cobra"
)

func main() {
	programs := map[string]func() *cobra.Command{
		"application-controller": controller.NewCommand,
		"repo-server":            reposerver.NewCommand,
	}
	if os.Getenv("ARGOCD_BINARY_NAME") == "argocd-git-ask-pass" {
		if askpass.NewCommand().Execute() != nil {
			os.Exit(1)
		}
		return
	}
	if len(os.Args) < 2 || programs[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: argocd application-controller|repo-server [flags]")
		os.Exit(2)
	}
	command := programs[os.Args[1]]()
	command.SetArgs(os.Args[2:])
	if err := command.Execute(); err != nil {
		os.Exit(1)
	}
}
