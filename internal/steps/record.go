package steps

import (
	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/writerapi"
)

func newRecord() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "record",
		Short: "See to the entry of a change in remediation-log.yaml",
		Long: `Ask the writer whether the log of the env repo holds the entry of a change, and to
have it added when it does not. A change that waits in a pull request has no entry
yet: that is exit code 0, and the writer sees to it once it is merged.`,
		Example: "record --in change.json --out record.json",
	}
	s := &step{cmd: cmd}
	s.writerFlags()
	s.inFlag("file with the decision of step propose (required)")
	s.outFlag("file for the state of the entry")
	s.requestFlags()
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.tell(cmd.Context(), func() (outcome, error) {
			if err := cli.Required(cmd, "in"); err != nil {
				return outcome{}, err
			}
			var d amend.Decision
			if err := s.readIn(&d); err != nil {
				return outcome{}, err
			}
			if !landed(d) {
				return outcome{}, s.write(writerapi.Entry{State: writerapi.NothingYet}, "nothing to record: %s", d.Reason)
			}
			client, err := s.client()
			if err != nil {
				return outcome{}, err
			}
			entry, err := client.Record(cmd.Context(), d.Change.Commit)
			if err != nil {
				return outcome{}, err
			}
			return outcome{}, s.recorded(*d.Change, entry)
		})
	}
	return cmd
}

// recorded ends the step. That the branch does not hold a pull request's commit
// is as it should be; of a commit it means that somebody rewrote the branch.
func (s *step) recorded(c amend.Change, entry writerapi.Entry) error {
	if entry.State == writerapi.UnknownCommit && c.Kind == amend.KindPullRequest {
		entry.State = writerapi.NothingYet
	}
	if err := s.write(entry, "log entry of %s: %s", c.Commit, entry.State); err != nil {
		return err
	}
	if entry.State == writerapi.UnknownCommit {
		return amend.Errorf(amend.NotFound, "record", "the branch does not hold the commit %s any more", c.Commit)
	}
	return nil
}

// landed reports whether the decision is about a change that is in Git now, or
// was put there by an earlier run of the same Workflow.
func landed(d amend.Decision) bool {
	return d.Change != nil && d.Change.Commit != "" && (d.Reason == amend.ReasonAct || d.Reason == amend.ReasonDuplicate)
}
