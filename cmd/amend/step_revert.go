package main

import "github.com/spf13/cobra"

func newRevert() *cobra.Command {
	var commit string
	cmd := &cobra.Command{
		Use:   "revert",
		Short: "Take a change back: the same bytes as before it",
		Long: `Ask the writer for a commit after which every file of a change holds the bytes
from before it. Refused when one of them was changed since (exit code 3).`,
		Example: "  amend step revert --commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12 --out decision.json",
	}
	s := &step{cmd: cmd}
	s.writerFlags()
	s.outFlag("file for the decision")
	cmd.Flags().StringVar(&commit, "commit", "", "the change, or the merge of its pull request, as a full commit id (required)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := required(cmd, "commit"); err != nil {
			return err
		}
		client, err := s.client()
		if err != nil {
			return err
		}
		d, err := client.Revert(cmd.Context(), commit)
		if err != nil {
			return err
		}
		return s.decided(d)
	}
	return cmd
}
