// Package cli is what every program of amend does in the same way: how it starts
// and ends, what it answers to a wrong command line, and how it prints and writes
// its results.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/amendhq/amend"
)

// Run is a whole program. It carries out a command line, until the process is asked
// to end; says on stderr what went wrong, unless the command has said so itself; and
// returns the exit code. The root needs a name, its texts and its commands only.
func Run(root *cobra.Command, args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root.Version = Version()
	root.SilenceUsage, root.SilenceErrors = true, true
	root.SetFlagErrorFunc(wrongFlag)
	checkArgs(root)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var said printed
	if err != nil && !errors.As(err, &said) {
		fmt.Fprintf(stderr, "%s: %v\n", root.Name(), err)
	}
	return ExitCode(err)
}

// Version is the version of the module that the program was built from.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// usage says of a wrong command line where to read how it is done.
func usage(cmd *cobra.Command, err error) error {
	return amend.Errorf(amend.Invalid, "", "%w; see %s --help", err, cmd.CommandPath())
}

// wrongFlag is usage; of a flag that the command does not have, it names the one that
// was probably meant: the first that begins with what was given.
func wrongFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && len(unknown.GetSpecifiedName()) > 2 {
		hint := ""
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if hint == "" && !f.Hidden && strings.HasPrefix(f.Name, unknown.GetSpecifiedName()) {
				hint = f.Name
			}
		})
		if hint != "" {
			err = fmt.Errorf("%w, did you mean --%s?", err, hint)
		}
	}
	return usage(cmd, err)
}

// checkArgs gives wrong arguments the exit code of wrong input, and commands that
// say nothing of arguments none.
func checkArgs(c *cobra.Command) {
	for _, sub := range c.Commands() {
		checkArgs(sub)
	}
	check := c.Args
	if check == nil {
		check = noArgs
	}
	c.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usage(cmd, err)
		}
		return nil
	}
}

func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("it takes no arguments, and %q is one", args[0])
	}
	return nil
}

// OneArg is for cobra's Args: exactly one argument, which the use line of the command
// names.
func OneArg(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	_, name, _ := strings.Cut(cmd.Use, " ")
	return fmt.Errorf("expected one argument, %s, and found %d", name, len(args))
}

// Group makes cmd one that only holds others: alone it shows its help, and for a
// command that it does not have it names those that were probably meant.
func Group(cmd *cobra.Command) {
	cmd.SuggestionsMinimumDistance = 2 // letters that may differ
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		hint := ""
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			hint = fmt.Sprintf(", did you mean %s?", strings.Join(near, " or "))
		}
		return fmt.Errorf("unknown command %q%s", args[0], hint)
	}
}

// Required fails with amend.Invalid unless the flag was given. It is asked by the
// commands, as cobra's own check gives an error that cannot be told from an internal
// one.
func Required(cmd *cobra.Command, flag string) error {
	if cmd.Flags().Changed(flag) {
		return nil
	}
	return usage(cmd, fmt.Errorf("--%s is required", flag))
}
