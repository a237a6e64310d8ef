package steps

import (
	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
)

func newPropose() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "propose",
		Short: "Have the change made: as a commit or as a pull request",
		Long: `Ask the writer to decide about an event and to carry the decision out, and write
down what became of it. The decision of the step before only says whether there is
anything to do: the writer decides again, on the env repo as it is then. A decision
that asks for no change is passed on as it is.`,
		Example: `propose --in decision.json --out change.json     # the event is in $AMEND_EVENT
propose --event-file event.json --out change.json`,
	}
	s := &step{cmd: cmd}
	s.writerFlags()
	s.eventFlags()
	s.inFlag("file with the decision of step decide (default: none, so the writer alone decides)")
	s.waitFlag()
	s.outFlag("file for the decision, with the change")
	s.requestFlags()
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.tell(cmd.Context(), func() (outcome, error) {
			packed, e, err := s.event()
			if err != nil {
				return outcome{}, err
			}
			if err := s.await(cmd.Context()); err != nil {
				return outcome{}, err
			}
			d, known, err := s.earlier(e)
			if err != nil {
				return outcome{}, err
			}
			if known && !d.Acts() && d.Reason != amend.ReasonWithdrawn {
				return done(d), s.decided(d)
			}
			client, err := s.client()
			if err != nil {
				return outcome{}, err
			}
			if d, err = client.Propose(cmd.Context(), packed); err != nil {
				return outcome{}, err
			}
			return done(d), s.decided(d)
		})
	}
	return cmd
}

// earlier returns the decision of the step before, if there was one.
func (s *step) earlier(e amend.Event) (d amend.Decision, known bool, err error) {
	if s.in == "" {
		return d, false, nil
	}
	if err := s.readIn(&d); err != nil {
		return d, false, err
	}
	if d.EventID != e.ID {
		return d, false, amend.Errorf(amend.Invalid, "read "+s.in, "the decision is about event %q, not about %q", d.EventID, e.ID)
	}
	return d, true, nil
}
