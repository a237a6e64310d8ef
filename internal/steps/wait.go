package steps

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cli"
)

// Argo starts a container of a pod up to a second after the one that it depends
// on has ended, so the steps of the fast way start together, and the later one
// waits for the file of the earlier one itself.

// failureSuffix is added to the name of a document that there will not be. The
// file holds the exit code of the step that was to write it.
const failureSuffix = ".failed"

// waitPause is the pause between two looks. It is short, as an alert waits.
const waitPause = 10 * time.Millisecond

// markFailure has a step that fails tell those that wait for its document.
func markFailure(cmd *cobra.Command) {
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		err := run(cmd, args)
		out := cmd.Flag("out")
		if err == nil || out == nil || out.Value.String() == "-" {
			return err
		}
		return errors.Join(err, cli.WriteFile(out.Value.String()+failureSuffix, []byte(strconv.Itoa(cli.ExitCode(err))), 0o644))
	}
}

// await returns when the file of --in is there, or will not be.
func (s *step) await(ctx context.Context) error {
	if s.wait == 0 {
		return nil
	}
	const op = "wait for the step before"
	ctx, cancel := context.WithTimeout(ctx, s.wait)
	defer cancel()
	for {
		if _, err := os.Stat(s.in); !errors.Is(err, fs.ErrNotExist) {
			return nil // whatever is wrong with it, reading says
		}
		if code, err := os.ReadFile(s.in + failureSuffix); err == nil {
			if strings.TrimSpace(string(code)) == strconv.Itoa(cli.ExitTransient) {
				return amend.Errorf(amend.Transient, op, "it is to be run again")
			}
			return amend.Errorf(amend.Refused, op, "it has failed; its log says why")
		}
		select {
		case <-ctx.Done():
			return amend.Errorf(amend.Transient, op, "there is no %s after %s", s.in, s.wait)
		case <-time.After(waitPause):
		}
	}
}
