// Command amend turns alerts into the smallest correct change in an env repo.
// See docs/architecture.md for the way of one alert through it.
package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/intake"
	"github.com/amendhq/amend/internal/steps"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the whole program; it returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	return cli.Run(newRoot(), args, stdout, stderr)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "amend",
		Short: "Answer alerts with the smallest correct change in Git",
		Long: `amend answers alerts with the smallest correct change in an env repo: as a
commit or as a pull request, at most one per incident, within the limits of the
policy that the same repo holds in .amend/policy.yaml.

Exit codes: 0 done or nothing to do, 1 internal error, 2 invalid input,
3 refused or needs a person (the reason is printed), 75 try again later.`,
	}
	cli.Group(root)
	for _, g := range []struct {
		title    string
		commands []*cobra.Command
	}{
		{"Write a policy:", []*cobra.Command{newInit(), newLint(), newSimulate(), newActions()}},
		{"Run amend:", []*cobra.Command{newServe(), intake.New("amend gateway"), newWriter(), steps.New("amend step"), newExporter()}},
		{"Ask, and change nothing:", []*cobra.Command{newLocate(), newCause(), newReport(), newExplain(), newAudit(), newMCP()}},
		{"Change something by hand:", []*cobra.Command{newEdit(), newRevertByHand(), newLog()}},
	} {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title})
		for _, cmd := range g.commands {
			cmd.GroupID = g.title
			root.AddCommand(cmd)
		}
	}
	root.AddCommand(newJsonnetWorker())
	return root
}
