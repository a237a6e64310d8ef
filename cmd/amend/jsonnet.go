package main

import (
	"github.com/spf13/cobra"

	"github.com/amendhq/amend/internal/jsonnet"
	"github.com/amendhq/amend/internal/locate"
)

// jsonnetWorker is the name of the command that this program starts itself with
// to evaluate Jsonnet.
const jsonnetWorker = "jsonnet-worker"

// withJsonnet has a Locator evaluate Jsonnet in processes of this program.
func withJsonnet() locate.Option { return locate.WithJsonnet(jsonnet.NewEngine(jsonnetWorker)) }

func newJsonnetWorker() *cobra.Command {
	return &cobra.Command{
		Use:     jsonnetWorker,
		Short:   "Answer one question about Jsonnet; started by amend itself",
		Example: "  amend jsonnet-worker < question.json",
		Hidden:  true,
		RunE:    func(cmd *cobra.Command, _ []string) error { return jsonnet.Work(cmd.InOrStdin(), cmd.OutOrStdout()) },
	}
}
