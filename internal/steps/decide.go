package steps

import "github.com/spf13/cobra"

func newDecide() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "decide",
		Short: "Ask what an event would lead to; write nothing to Git",
		Long: `Ask the writer to decide about an event on the env repo as it is, and write the
decision down. Nothing is written to Git. That there is nothing to do, or no
playbook for the alert, is exit code 0; a refusal is 3.`,
		Example: `decide --out decision.json     # the event is in $AMEND_EVENT
decide --event-file event.json --out decision.json`,
	}
	s := &step{cmd: cmd}
	s.writerFlags()
	s.eventFlags()
	s.outFlag("file for the decision")
	s.requestFlags()
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.tell(cmd.Context(), func() (outcome, error) {
			packed, _, err := s.event()
			if err != nil {
				return outcome{}, err
			}
			client, err := s.client()
			if err != nil {
				return outcome{}, err
			}
			d, err := client.Decide(cmd.Context(), packed)
			if err != nil {
				return outcome{}, err
			}
			return expected(d), s.decided(d)
		})
	}
	return cmd
}
