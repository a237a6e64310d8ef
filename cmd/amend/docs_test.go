package main

// The tests of this file hold the pages under docs to the commands.

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/amendhq/amend/internal/intake"
	"github.com/amendhq/amend/internal/steps"
)

func page(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// flagRow is a row of a table of flags.
var flagRow = regexp.MustCompile("(?m)^\\| `--([a-z-]+)` \\| (.*?) \\|(.*)$")

// A documented flag: its default and the other columns.
type documented struct{ fallback, rest string }

// documentedFlags are those of the table in one section of a page.
func documentedFlags(t *testing.T, name, title string) map[string]documented {
	t.Helper()
	_, text, found := strings.Cut(page(t, name), "\n## "+title+"\n")
	if !found {
		t.Fatalf("%s has no section %q", name, title)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	all := map[string]documented{}
	for _, m := range flagRow.FindAllStringSubmatch(text, -1) {
		if _, twice := all[m[1]]; twice {
			t.Errorf("%s: --%s has two rows", name, m[1])
		}
		all[m[1]] = documented{m[2], m[3]}
	}
	return all
}

// checkFlags compares the flags of a command with those that a page says it has.
func checkFlags(t *testing.T, cmd *cobra.Command, said map[string]documented) {
	t.Helper()
	cmd.InitDefaultHelpFlag()
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		d, ok := said[f.Name]
		switch {
		case f.Name == "help":
		case !ok:
			t.Errorf("%s has a flag --%s that its page does not name", cmd.CommandPath(), f.Name)
		case !sameDefault(f, d.fallback):
			t.Errorf("%s: the default of --%s is %q, and its page says %s", cmd.CommandPath(), f.Name, f.DefValue, d.fallback)
		}
	})
	for name := range said {
		if cmd.Flags().Lookup(name) == nil {
			t.Errorf("%s has no flag --%s, which its page names", cmd.CommandPath(), name)
		}
	}
}

// sameDefault: a default in code is the very value; words stand for none, or
// for a text or list that is too long for a table.
func sameDefault(f *pflag.Flag, said string) bool {
	required := strings.Contains(f.Usage, "(required)")
	if quoted, ok := strings.CutPrefix(said, "`"); ok && !strings.HasPrefix(quoted, "$") {
		value, want := strings.TrimSuffix(quoted, "`"), strings.Trim(f.DefValue, "[]")
		d, err := time.ParseDuration(value)
		w, werr := time.ParseDuration(want)
		return value == want || err == nil && werr == nil && d == w
	}
	long := strings.Contains(f.DefValue, " ") || strings.Contains(f.DefValue, ",")
	if said != "none or required" && required != (said == "required") {
		return false
	}
	return f.DefValue == "" || f.DefValue == "0" || f.DefValue == "[]" || long
}

func TestPagesNameEveryFlag(t *testing.T) {
	serve := documentedFlags(t, "serve.md", "All flags")
	checkFlags(t, newServe(), serve)
	checkFlags(t, newWriter(), documentedFlags(t, "writer.md", "All flags"))
	checkFlags(t, newExporterElastic(), documentedFlags(t, "sources.md", "Elastic"))

	// The page names those that amend serve has not, or not with this default.
	gateway, own := intake.New("amend-gateway"), documentedFlags(t, "sources.md", "Flags and metrics of amend-gateway")
	for name, d := range serve {
		if _, ok := own[name]; !ok && gateway.Flags().Lookup(name) != nil {
			own[name] = d
		}
	}
	checkFlags(t, gateway, own)
}

// TestStepsPage: the table of steps has one row for each step, and the table of
// flags says which of them have each.
func TestStepsPage(t *testing.T) {
	var have, said []string
	text := page(t, "steps.md")
	_, table, _ := strings.Cut(text, "## What each one does")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\|").FindAllStringSubmatch(table, -1) {
		said = append(said, m[1])
	}
	flags := documentedFlags(t, "steps.md", "Flags")
	for _, cmd := range steps.New("amend-step").Commands() {
		have = append(have, cmd.Name())
		own := map[string]documented{}
		for name, d := range flags {
			steps, _, _ := strings.Cut(d.rest, "|")
			if slices.Contains(strings.Split(strings.TrimSpace(steps), ", "), cmd.Name()) {
				own[name] = d
			}
		}
		checkFlags(t, cmd, own)
	}
	slices.Sort(said)
	slices.Sort(have)
	if !slices.Equal(said, have) {
		t.Errorf("the steps are %v, and the page has %v", have, said)
	}
}

// TestEveryCommandExplainsItself, by example and in lines that can be read, and takes no
// secret as a value.
func TestEveryCommandExplainsItself(t *testing.T) {
	secrets := regexp.MustCompile(`^(.*-)?(token|password|secret|key)$`)
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			walk(sub)
		}
		if c.HasParent() && (c.Short == "" || !strings.Contains(c.Example, c.CommandPath())) {
			t.Errorf("%s: no summary, or no example of itself", c.CommandPath())
		}
		for line := range strings.Lines(c.Long) {
			if len(line) > 90 {
				t.Errorf("%s: its help is too wide for a terminal: %s", c.CommandPath(), line)
			}
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if secrets.MatchString(f.Name) {
				t.Errorf("%s takes a secret in --%s; name a file instead", c.CommandPath(), f.Name)
			}
		})
	}
	walk(newRoot())
	walk(intake.New("amend-gateway"))
	walk(steps.New("amend-step"))
}

// TestReadmeExample: the policy at the top of the README makes what it shows, in the
// env repo of testdata/readme.txtar.
func TestReadmeExample(t *testing.T) {
	text := page(t, "../README.md")
	shown := consoleBlock.FindStringSubmatch(text)
	_, policy, ok := strings.Cut(text, "```yaml file=.amend/policy.yaml\n")
	if !ok || shown == nil {
		t.Fatal("the README has no policy, or does not say what it does")
	}
	policy, _, _ = strings.Cut(policy, "```")
	repo, err := txtar.ParseFile("testdata/readme.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := unpack(dir, append(repo.Files, txtar.File{Name: ".amend/policy.yaml", Data: []byte(policy)})); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	var stdout, stderr strings.Builder
	run(strings.Fields(shown[1])[1:], &stdout, &stderr)
	if diff := cmp.Diff(strings.TrimSpace(shown[2]), strings.TrimSpace(stdout.String()+stderr.String())); diff != "" {
		t.Errorf("%s (-README +got):\n%s", shown[1], diff)
	}
}
