package steps

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/kube"
	"github.com/amendhq/amend/internal/message"
)

func newFail() *cobra.Command {
	var text string
	cmd := &cobra.Command{
		Use:   "fail",
		Short: "Say in a RemediationRequest that its Workflow ended without an outcome",
		Long: `Set a RemediationRequest to Failed, unless it has an outcome already. It is for a
Workflow's exit handler: a step that was killed cannot say so itself.`,
		Example: "fail --request shop/restart-web --message 'the Workflow has failed'",
	}
	s := &step{cmd: cmd}
	s.requestFlags()
	cmd.Flags().StringVar(&text, "message", "The Workflow of the request ended without an outcome.", "why, in one sentence for people")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := cli.Required(cmd, "request"); err != nil {
			return err
		}
		o := outcome{phase: kube.Failed, reason: string(amend.ReasonFailed), message: message.Plain(text, maxMessage), onlyUnsettled: true}
		if err := s.report(cmd.Context(), o); err != nil {
			return err
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "request %s has an outcome\n", &s.request)
		return err
	}
	return cmd
}
