package steps

import (
	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/verify"
)

func newRevert() *cobra.Command {
	var r amend.Reversal
	cmd := &cobra.Command{
		Use:   "revert",
		Short: "Take a change back: the same bytes as before it",
		Long: `Ask the writer for a commit after which every file of a change holds the bytes
from before it. Refused when one of them was changed since (exit code 3).

With --in the change is that of a verdict, and only one that failed is taken back:
as the playbook's verify says, and by a pull request where its files were changed
since. Any other verdict leaves nothing to do: exit code 0.`,
		Example: `revert --commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12 --out decision.json
revert --in verdict.json --out decision.json`,
	}
	s := &step{cmd: cmd}
	s.writerFlags()
	s.inFlag("file with the verdict of step verify, instead of --commit")
	s.outFlag("file for the decision")
	cmd.Flags().StringVar(&r.Commit, "commit", "", "the change, or the merge of its pull request, as a full commit id")
	cmd.Flags().BoolVar(&r.Propose, "propose", false, "open a pull request that takes it back, instead of a commit")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if (s.in == "") == (r.Commit == "") {
			return amend.Errorf(amend.Invalid, "revert", "give either --in or --commit")
		}
		client, err := s.client()
		if err != nil {
			return err
		}
		if s.in == "" {
			d, err := client.Revert(cmd.Context(), r)
			if err != nil {
				return err
			}
			return s.decided(d)
		}
		var v amend.Verdict
		if err := s.readIn(&v); err != nil {
			return err
		}
		if v.State != amend.Failed || v.OnFailure != amend.TakeBack && v.OnFailure != amend.ProposeTakeBack {
			return s.write(amend.Decision{Reason: amend.ReasonNoChange, Detail: "the verdict is " + string(v.State)}, "nothing to take back: %s", v.State)
		}
		d, err := verify.Loop{Scribe: client}.Reversal(cmd.Context(), v)
		if err != nil {
			return err
		}
		return s.decided(d)
	}
	return cmd
}
