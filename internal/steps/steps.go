// Package steps is what the containers of Workflows run: one command for each step of
// a remediation, which reads JSON files, asks the writer, the cluster and the
// witnesses, and writes a JSON file. docs/steps.md says what is in the files.
//
// It is to these commands what cmd/amend is to all others: flags and wiring. It is
// apart because a Workflow starts a container for each step: amend-step links nothing
// else, so that it starts at once and is small, and imports_test.go keeps it so. People
// have the same commands as amend step.
package steps

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/writerapi"
)

// EventEnv is the environment variable that a Workflow hands its event over in, in the
// form of alert.Pack.
const EventEnv = "AMEND_EVENT"

// New returns the command that holds the steps. The program is what people type before
// the name of a step, "amend step" or "amend-step", as the examples show it; its last
// word is the name of the command.
func New(program string) *cobra.Command {
	root := &cobra.Command{
		Use:   program[strings.LastIndexByte(program, ' ')+1:],
		Short: "Do one step of a Workflow",
		Long: `Do one step of a Workflow. Each step reads and writes JSON files, so that they
can be combined; docs/steps.md says what is in them. A step may be run again: what
an earlier run has done is found and not done twice.

Exit codes: 0 done or nothing to do, 2 invalid input, 3 refused or needs a person
(the reason is printed), 75 try again later.`,
		Example: "decide --event-file event.json --out decision.json",
	}
	cli.Group(root)
	root.AddCommand(newDecide(), newPropose(), newRecord(), newVerify(), newWithdraw(), newRevert(), newRequest(), newFail(), newReconcile())
	for _, c := range root.Commands() {
		markFailure(c)
		markSpan(c)
		exemplify(c, program)
	}
	exemplify(root, program)
	return root
}

// exemplify puts the program in front of each line of a command's examples.
func exemplify(c *cobra.Command, program string) {
	c.Example = "  " + program + " " + strings.ReplaceAll(c.Example, "\n", "\n  "+program+" ")
}

// A step is what the steps have in common; each registers the flags that it has
// a use for.
type step struct {
	cmd                     *cobra.Command
	writer, writerToken, ca string
	eventFile, in, out      string
	wait                    time.Duration
	request                 requestName
	kubeconfig              string
}

// writerFlags say how to reach the writer.
func (s *step) writerFlags() {
	fs := s.cmd.Flags()
	fs.StringVar(&s.writer, "writer", "http://amend-writer.amend.svc:8080", "address of amend writer")
	fs.StringVar(&s.writerToken, "writer-token-file", "/var/run/secrets/amend/token", "file with a token of the service account, for the writer's audience")
	fs.StringVar(&s.ca, "writer-ca-file", "", "file with the certificates that the writer's is signed by (default: the system's)")
}

func (s *step) eventFlags() {
	s.cmd.Flags().StringVar(&s.eventFile, "event-file", "", "file with the CloudEvent; - reads standard input (default: base64 in $"+EventEnv+")")
}

func (s *step) inFlag(help string) {
	s.cmd.Flags().StringVar(&s.in, "in", "", help+"; - reads standard input")
}

func (s *step) waitFlag() {
	s.cmd.Flags().DurationVar(&s.wait, "wait", 0, "wait so long for the file of --in, when both steps start together")
}

func (s *step) outFlag(help string) {
	s.cmd.Flags().StringVar(&s.out, "out", "-", help+"; - writes standard output")
}

func (s *step) client() (*writerapi.Client, error) {
	return writerapi.NewClient(writerapi.ClientConfig{URL: s.writer, TokenFile: s.writerToken, CAFile: s.ca})
}
