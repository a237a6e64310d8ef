// Command amend turns alerts into the smallest correct change in an env repo.
// See docs/architecture.md for the way of one alert through it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the whole program; it returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd := newRoot()
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cmd.ExecuteContext(ctx)
	var s silent
	if err != nil && !errors.As(err, &s) {
		fmt.Fprintln(stderr, "amend:", err)
	}
	return exitCode(err)
}

// The exit codes of every command. Workflow retry expressions test for 75.
const (
	exitOK        = 0
	exitInternal  = 1
	exitInvalid   = 2
	exitRefused   = 3
	exitTransient = 75 // EX_TEMPFAIL of sysexits.h
)

// exitCode maps the kind of an error to the exit code; nothing else does.
func exitCode(err error) int {
	switch amend.KindOf(err) {
	case "":
		return exitOK
	case amend.Invalid:
		return exitInvalid
	case amend.Refused, amend.NotFound, amend.Conflict:
		return exitRefused
	case amend.Transient:
		return exitTransient
	}
	return exitInternal
}

// silent is an outcome that the command has printed already.
type silent struct{ error }

func (s silent) Unwrap() error { return s.error }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "amend",
		Short: "Answer alerts with the smallest correct change in Git",
		Long: `amend answers alerts with the smallest correct change in an env repo: as a
commit or as a pull request, at most one per incident, within the limits of the
policy that the same repo holds in .amend/policy.yaml.

Exit codes: 0 done or nothing to do, 1 internal error, 2 invalid input,
3 refused or needs a person (the reason is printed), 75 try again later.`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return amend.Errorf(amend.Invalid, "", "%w; see %s --help", err, cmd.CommandPath())
	})
	root.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		hint := ""
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			hint = fmt.Sprintf(", did you mean %q?", near[0])
		}
		return amend.Errorf(amend.Invalid, "", "unknown command %q%s; see amend --help", args[0], hint)
	}
	root.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	root.AddCommand(newServe(), newWriter(), newGateway(), newStep(), newSimulate(), newLocate(), newEdit(), newLint(), newActions(), newLog(), newRevertByHand(), newAudit(), newExplain(), newExporter(), newCause(), newReport(), newMCP())
	root.AddCommand(newJsonnetWorker())
	for _, c := range root.Commands() {
		wrapArgs(c)
	}
	return root
}

// wrapArgs gives wrong arguments the exit code of wrong input, and commands that
// say nothing of arguments none.
func wrapArgs(c *cobra.Command) {
	for _, sub := range c.Commands() {
		wrapArgs(sub)
	}
	check := c.Args
	if check == nil {
		check = cobra.NoArgs
	}
	c.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return amend.Errorf(amend.Invalid, "", "%w; see %s --help", err, cmd.CommandPath())
		}
		return nil
	}
}

// required fails unless the flag was given. It is asked by the commands, as
// cobra's own check gives an error that cannot be told from an internal one.
func required(cmd *cobra.Command, flag string) error {
	if cmd.Flags().Changed(flag) {
		return nil
	}
	return amend.Errorf(amend.Invalid, "", "--%s is required; see %s --help", flag, cmd.CommandPath())
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
