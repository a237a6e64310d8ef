package steps_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/steps"
)

// Whichever program has the steps, their help and their errors name that one.
func TestStepsNameTheirProgram(t *testing.T) {
	alone := func() *cobra.Command { return steps.New("amend-step") }
	below := func() *cobra.Command {
		root := &cobra.Command{Use: "amend"}
		root.AddCommand(steps.New("amend step"))
		return root
	}
	for _, holder := range []*cobra.Command{alone(), below().Commands()[0]} {
		for _, c := range append(holder.Commands(), holder) {
			for line := range strings.Lines(c.Example) {
				if !strings.HasPrefix(line, "  "+c.CommandPath()+" ") {
					t.Errorf("the example of %s is %q", c.CommandPath(), line)
				}
			}
		}
	}
	for _, tt := range []struct {
		root func() *cobra.Command
		args []string
		want string
	}{
		{alone, []string{"decide", "--nothing"}, "amend-step: unknown flag: --nothing; see amend-step decide --help\n"},
		{alone, []string{"decline"}, "amend-step: unknown command \"decline\", did you mean decide?; see amend-step --help\n"},
		{alone, []string{"record"}, "amend-step: --in is required; see amend-step record --help\n"},
		{below, []string{"step", "record"}, "amend: --in is required; see amend step record --help\n"},
		{below, []string{"step", "decline"}, "amend: unknown command \"decline\", did you mean decide?; see amend step --help\n"},
	} {
		var stdout, stderr strings.Builder
		if code := cli.Run(tt.root(), tt.args, &stdout, &stderr); code != cli.ExitInvalid || stderr.String() != tt.want || stdout.Len() > 0 {
			t.Errorf("%v: exit code %d, printed %q and %q", tt.args, code, stdout.String(), stderr.String())
		}
	}
}

// A step that fails says so to the one that waits for its document.
func TestFailedStepLeavesItsExitCode(t *testing.T) {
	t.Setenv(steps.EventEnv, "")
	out := filepath.Join(t.TempDir(), "decision.json")
	var stdout, stderr strings.Builder
	if code := cli.Run(steps.New("amend-step"), []string{"decide", "--out", out}, &stdout, &stderr); code != cli.ExitInvalid {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
	if data, err := os.ReadFile(out + ".failed"); err != nil || string(data) != "2" {
		t.Errorf("it left %q, %v", data, err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("there is a document")
	}
}
