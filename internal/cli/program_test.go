package cli_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cli"
)

// program has one command for each way to end.
func program(results map[string]error) *cobra.Command {
	root := &cobra.Command{Use: "tool"}
	cli.Group(root)
	for name, err := range results {
		cmd := &cobra.Command{Use: name, RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprintln(cmd.OutOrStdout(), "ran", name)
			return err
		}}
		cmd.Flags().Int("n", 0, "a number")
		cmd.Flags().String("output-file", "", "a file")
		root.AddCommand(cmd)
	}
	return root
}

func TestRun(t *testing.T) {
	refused := amend.Refusef(amend.ReasonAmbiguous, "two of them")
	results := map[string]error{
		"done": nil, "bug": errors.New("oops"), "invalid": amend.Errorf(amend.Invalid, "read", "no file"), "refused": refused,
		"gone": amend.Errorf(amend.NotFound, "find", "none"), "race": amend.Errorf(amend.Conflict, "write", "late"),
		"away": fmt.Errorf("asking: %w", amend.Errorf(amend.Transient, "ask", "no answer")), "shown": cli.Printed(refused),
	}
	for _, tt := range []struct {
		args   string
		code   int
		stdout string
		stderr string
	}{
		{"done", 0, "ran done\n", ""},
		{"bug", 1, "ran bug\n", "tool: oops\n"},
		{"invalid", 2, "ran invalid\n", "tool: read: no file\n"},
		{"refused", 3, "ran refused\n", "tool: ambiguous: two of them\n"},
		{"gone", 3, "ran gone\n", "tool: find: none\n"},
		{"race", 3, "ran race\n", "tool: write: late\n"},
		{"away", 75, "ran away\n", "tool: asking: ask: no answer\n"},
		{"shown", 3, "ran shown\n", ""},
		{"done extra", 2, "", "tool: it takes no arguments, and \"extra\" is one; see tool done --help\n"},
		{"done --m", 2, "", "tool: unknown flag: --m; see tool done --help\n"},
		{"done --number 1", 2, "", "tool: unknown flag: --number; see tool done --help\n"},
		{"done --out json", 2, "", "tool: unknown flag: --out, did you mean --output-file?; see tool done --help\n"},
		{"done --n x", 2, "", "tool: invalid argument \"x\" for \"--n\" flag: strconv.ParseInt: parsing \"x\": invalid syntax; see tool done --help\n"},
		{"don", 2, "", "tool: unknown command \"don\", did you mean done or gone?; see tool --help\n"},
		{"doen", 2, "", "tool: unknown command \"doen\", did you mean done?; see tool --help\n"},
		{"frobnicate", 2, "", "tool: unknown command \"frobnicate\"; see tool --help\n"},
	} {
		var stdout, stderr strings.Builder
		code := cli.Run(program(results), strings.Fields(tt.args), &stdout, &stderr)
		if code != tt.code || stdout.String() != tt.stdout || stderr.String() != tt.stderr {
			t.Errorf("%s: exit code %d, printed %q and %q", tt.args, code, stdout.String(), stderr.String())
		}
	}
}

func TestRunSaysWhatThereIs(t *testing.T) {
	for args, want := range map[string]string{"": "Available Commands:", "--version": "tool version "} {
		var stdout, stderr strings.Builder
		code := cli.Run(program(map[string]error{"done": nil}), strings.Fields(args), &stdout, &stderr)
		if code != 0 || !strings.Contains(stdout.String(), want) || stderr.Len() > 0 {
			t.Errorf("%q: exit code %d, printed %q and %q", args, code, stdout.String(), stderr.String())
		}
	}
}

func TestOneArg(t *testing.T) {
	cmd := &cobra.Command{Use: "explain COMMIT|EVENT"}
	if err := cli.OneArg(cmd, []string{"a"}); err != nil {
		t.Error(err)
	}
	for _, args := range [][]string{nil, {"a", "b"}} {
		want := fmt.Sprintf("expected one argument, COMMIT|EVENT, and found %d", len(args))
		if err := cli.OneArg(cmd, args); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", args, err, want)
		}
	}
}

func TestRequired(t *testing.T) {
	root := program(map[string]error{"done": nil})
	cmd := root.Commands()[0]
	if err := cli.Required(cmd, "n"); amend.KindOf(err) != amend.Invalid || err.Error() != "--n is required; see tool done --help" {
		t.Errorf("without the flag: %v", err)
	}
	if err := cmd.ParseFlags([]string{"--n", "0"}); err != nil {
		t.Fatal(err)
	}
	if err := cli.Required(cmd, "n"); err != nil {
		t.Errorf("with the flag: %v", err)
	}
}

func TestFormat(t *testing.T) {
	for args, want := range map[string]cli.Format{"": cli.Human, "-o json": cli.JSON, "--output=human": cli.Human, "-o yaml": ""} {
		cmd := &cobra.Command{Use: "tool"}
		got := cli.OutputFlag(cmd)
		err := cmd.ParseFlags(strings.Fields(args))
		if (err != nil) != (want == "") || err == nil && *got != want {
			t.Errorf("%q: %s, %v", args, *got, err)
		}
	}
}

func TestPrintJSON(t *testing.T) {
	var b strings.Builder
	if err := cli.PrintJSON(&b, map[string]string{"a": "<b>"}); err != nil || b.String() != "{\n  \"a\": \"<b>\"\n}\n" {
		t.Errorf("%q, %v", &b, err)
	}
	if err := cli.PrintJSON(&b, func() {}); amend.KindOf(err) != amend.Internal {
		t.Errorf("what is no JSON: %v", err)
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a.json")
	for _, want := range []string{"first", "second"} {
		if err := cli.WriteFile(name, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(name); err != nil || string(data) != want {
			t.Errorf("the file holds %q, %v", data, err)
		}
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	for _, bad := range []string{filepath.Join(dir, "none", "a.json"), dir} {
		if err := cli.WriteFile(bad, nil, 0o600); amend.KindOf(err) != amend.Invalid {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
