package steps

import (
	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
)

func newWithdraw() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "withdraw",
		Short: "Close the open pull request of an alert that has resolved",
		Long: `Ask the writer to close the pull request of an alert that is over before it was
merged, and to delete its branch. What is merged or committed already stays.`,
		Example: "withdraw --out decision.json     # the event is in $AMEND_EVENT",
	}
	s := &step{cmd: cmd}
	s.writerFlags()
	s.eventFlags()
	s.outFlag("file for the decision")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		packed, e, err := s.event()
		if err != nil {
			return err
		}
		if e.Alert.Status != amend.Resolved {
			return amend.Errorf(amend.Invalid, "withdraw", "the alert has not resolved")
		}
		client, err := s.client()
		if err != nil {
			return err
		}
		d, err := client.Propose(cmd.Context(), packed)
		if err != nil {
			return err
		}
		return s.decided(d)
	}
	return cmd
}
