package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/writerapi"
)

// eventEnv is the environment variable that a Workflow hands its event over in.
const eventEnv = "AMEND_EVENT"

// maxDocument bounds the files that steps read.
const maxDocument = 8 << 20

func newStep() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "step",
		Short: "Do one step of a Workflow",
		Long: `Do one step of a Workflow. Each step reads and writes JSON files, so that they
can be combined; docs/steps.md says what is in them. A step may be run again: what
an earlier run has done is found and not done twice.

Exit codes: 0 done or nothing to do, 2 invalid input, 3 refused or needs a person
(the reason is printed), 75 try again later.`,
		Example: "  amend step decide --event-file event.json --out decision.json",
		Args:    cobra.NoArgs,
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(newDecide(), newPropose(), newRecord(), newVerify(), newWithdraw(), newRevert(), newRequest(), newFail(), newReconcile())
	for _, c := range cmd.Commands() {
		markFailure(c)
		markSpan(c)
	}
	return cmd
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
	s.cmd.Flags().StringVar(&s.eventFile, "event-file", "", "file with the CloudEvent; - reads standard input (default: base64 in $"+eventEnv+")")
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

// event returns the event that the step is about, and the form it travels in.
func (s *step) event() (packed string, e amend.Event, err error) {
	packed = os.Getenv(eventEnv)
	if s.eventFile != "" {
		data, err := s.read(s.eventFile)
		if err != nil {
			return "", amend.Event{}, err
		}
		packed = base64.StdEncoding.EncodeToString(data)
	}
	if packed == "" {
		return "", amend.Event{}, amend.Errorf(amend.Invalid, "read event", "$%s is empty and there is no --event-file", eventEnv)
	}
	e, err = alert.Unpack(packed)
	return packed, e, err
}

// read returns the content of a file or of standard input.
func (s *step) read(name string) ([]byte, error) {
	in := s.cmd.InOrStdin()
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, amend.Errorf(amend.Invalid, "read file", "%w", err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxDocument+1))
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "read file", "%w", err)
	}
	if len(data) > maxDocument {
		return nil, amend.Errorf(amend.Invalid, "read file", "%s is longer than %d bytes", name, maxDocument)
	}
	return data, nil
}

// readIn reads the document that an earlier step wrote, which has no field that
// this version does not know.
func (s *step) readIn(into any) error {
	data, err := s.read(s.in)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return amend.Errorf(amend.Invalid, "read "+s.in, "%w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return amend.Errorf(amend.Invalid, "read "+s.in, "the file goes on after its document")
	}
	return nil
}

// write hands a document to the next step and says in one line what it is. The
// line goes where the document does not.
func (s *step) write(document any, format string, args ...any) error {
	var b bytes.Buffer
	if err := cli.PrintJSON(&b, document); err != nil {
		return err
	}
	lines := s.cmd.OutOrStdout()
	if s.out == "-" {
		if _, err := lines.Write(b.Bytes()); err != nil {
			return amend.Errorf(amend.Internal, "print", "%w", err)
		}
		lines = s.cmd.ErrOrStderr()
	} else if err := cli.WriteFile(s.out, b.Bytes(), 0o644); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(lines, format+"\n", args...); err != nil {
		return amend.Errorf(amend.Internal, "print", "%w", err)
	}
	return nil
}

// decided ends a step with a decision: its document, a line for people and, when
// a person has to look, the exit code that says so. An alert that no playbook is
// for is nobody's trouble; a request that nobody answers is.
func (s *step) decided(d amend.Decision) error {
	if err := s.write(d, "%s", summary(d)); err != nil {
		return err
	}
	if !d.Refused() || d.Reason == amend.ReasonNoPlaybook && s.request.isZero() {
		return nil
	}
	return amend.Refusef(d.Reason, "%s", message.Plain(d.Detail, 1000))
}

// summary is a decision in one line.
func summary(d amend.Decision) string {
	text := fmt.Sprintf("%s: %s", message.Plain(d.Alert, 100), d.Reason)
	if d.Alert == "" {
		text = string(d.Reason)
	}
	if d.Playbook != "" {
		text += fmt.Sprintf(", playbook %s, %s of %s", d.Playbook, d.Action, message.Plain(d.Workload.String(), 200))
	}
	if c := d.Change; c != nil && c.Number > 0 {
		text += fmt.Sprintf(", pull request %d at %s", c.Number, c.URL)
	} else if c != nil {
		text += ", commit " + c.Commit
	}
	return text
}
