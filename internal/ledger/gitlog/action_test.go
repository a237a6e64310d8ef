package gitlog_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestActionInstallsWhatIsPinned runs the script of the action that finds or
// installs amend, with a go that only says what it was asked for.
func TestActionInstallsWhatIsPinned(t *testing.T) {
	var action struct {
		Runs struct {
			Steps []struct {
				Run string `yaml:"run"`
			} `yaml:"steps"`
		} `yaml:"runs"`
	}
	read(t, "actions/record-remediation/action.yml", &action)
	const sha = "0123456789012345678901234567890123456789"
	for name, c := range map[string]struct {
		version string
		module  string // of the code that the action came with
		found   bool   // amend is on the PATH
		want    string // what go is asked for
		fails   string // what is said instead
	}{
		"the runner has it":            {found: true},
		"a release":                    {version: "v1.2.3", want: "install github.com/amendhq/amend/cmd/amend@v1.2.3"},
		"a commit":                     {version: sha, want: "install github.com/amendhq/amend/cmd/amend@" + sha},
		"the action's own code":        {module: "github.com/amendhq/amend", want: "build -C ROOT -trimpath -o BIN/amend ./cmd/amend"},
		"a release beside own code":    {version: "v1.2.3", module: "github.com/amendhq/amend", want: "install github.com/amendhq/amend/cmd/amend@v1.2.3"},
		"a copy without a version":     {fails: "version"},
		"a copy beside other code":     {module: "example.com/amend", fails: "version"},
		"whatever is newest":           {version: "latest", fails: "version"},
		"a branch":                     {version: "main", fails: "version"},
		"a version that is no version": {version: "v1;id", fails: "version"},
	} {
		t.Run(name, func(t *testing.T) {
			root, temp := t.TempDir(), t.TempDir()
			path, bin := filepath.Join(temp, "path"), filepath.Join(temp, "amend-bin")
			write := func(file, text string) {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			write(filepath.Join(temp, "tools", "go"), "#!/bin/sh\necho \"asked: $*\"\n")
			if c.found {
				write(filepath.Join(temp, "tools", "amend"), "#!/bin/sh\n")
			}
			if c.module != "" {
				write(filepath.Join(root, "go.mod"), "module "+c.module+"\n")
			}
			at := filepath.Join(root, ".github", "actions", "record-remediation")
			write(filepath.Join(at, "action.yml"), "")

			cmd := exec.CommandContext(t.Context(), "bash", "-e", "-o", "pipefail", "-c", action.Runs.Steps[0].Run)
			cmd.Dir = root
			cmd.Env = []string{
				"PATH=" + filepath.Join(temp, "tools") + ":/usr/bin:/bin", "AMEND_VERSION=" + c.version,
				"RUNNER_TEMP=" + temp, "GITHUB_PATH=" + path, "GITHUB_ACTION_PATH=" + at,
			}
			out, err := cmd.CombinedOutput()
			said := strings.NewReplacer(root, "ROOT", bin, "BIN").Replace(string(out))
			if c.fails != "" {
				if err == nil || !strings.Contains(said, "::error::") || !strings.Contains(said, c.fails) || strings.Contains(said, "asked:") {
					t.Errorf("error %v, output %q", err, said)
				}
				return
			}
			if err != nil || c.want != "" && said != "asked: "+c.want+"\n" || c.want == "" && said != "" {
				t.Errorf("error %v, output %q, want %q", err, said, c.want)
			}
			if added, _ := os.ReadFile(path); c.want != "" && string(added) != bin+"\n" {
				t.Errorf("the path gets %q", added)
			}
		})
	}
}

// TestActionsInstallAlike: an action cannot use another one of its own repo, so
// each has a copy of the step that finds or installs amend.
func TestActionsInstallAlike(t *testing.T) {
	actions, err := filepath.Glob(dotGitHub + "actions/*/action.yml")
	if err != nil || len(actions) < 2 {
		t.Fatalf("%d actions, %v", len(actions), err)
	}
	type step struct {
		Run string            `yaml:"run"`
		Env map[string]string `yaml:"env"`
	}
	type action struct {
		Runs struct {
			Steps []step `yaml:"steps"`
		} `yaml:"runs"`
	}
	var first action
	read(t, "actions/record-remediation/action.yml", &first)
	for _, name := range actions {
		var a action
		text := read(t, strings.TrimPrefix(name, dotGitHub), &a)
		if diff := cmp.Diff(first.Runs.Steps[0], a.Runs.Steps[0]); diff != "" {
			t.Errorf("%s installs in another way (-record +this):\n%s", name, diff)
		}
		for _, s := range a.Runs.Steps {
			if strings.Contains(s.Run, "${{") {
				t.Errorf("%s: an expression in a script:\n%s", name, s.Run)
			}
		}
		for _, expression := range regexp.MustCompile(`\$\{\{.*?\}\}`).FindAllString(text, -1) {
			if !regexp.MustCompile(`^\$\{\{ (inputs\.[a-z-]+|github\.token|github\.event\.pull_request\.(number|base\.sha)) \}\}$`).MatchString(expression) {
				t.Errorf("%s reads %s", name, expression)
			}
		}
	}
}

// TestAuditActionTakesNoCommands: what the audit prints quotes the history, so the
// runner must not act on it, and the exit code must survive.
func TestAuditActionTakesNoCommands(t *testing.T) {
	var action struct {
		Runs struct {
			Steps []struct {
				Run string `yaml:"run"`
			} `yaml:"steps"`
		} `yaml:"runs"`
	}
	read(t, "actions/audit/action.yml", &action)
	tools := t.TempDir()
	const amend = "#!/bin/sh\necho \"::error::$*\"\nexit 3\n"
	if err := os.WriteFile(filepath.Join(tools, "amend"), []byte(amend), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-e", "-o", "pipefail", "-c", action.Runs.Steps[1].Run)
	cmd.Env = []string{"PATH=" + tools + ":/usr/bin:/bin", "AMEND_SINCE=2026-01-31"}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("ends with %v", err)
	}
	said := regexp.MustCompile(`^::stop-commands::(stop-[0-9-]+)\n::error::audit --repo \. --since 2026-01-31\n::(stop-[0-9-]+)::\n$`).FindSubmatch(out)
	if said == nil || string(said[1]) != string(said[2]) {
		t.Errorf("prints %q", out)
	}
}

// TestPolicyActionComments runs the last step of the action with programs that
// only say what they were asked for.
func TestPolicyActionComments(t *testing.T) {
	var action struct {
		Runs struct {
			Steps []struct {
				Run string `yaml:"run"`
			} `yaml:"steps"`
		} `yaml:"runs"`
	}
	read(t, "actions/review-policy/action.yml", &action)
	const asked = "amend simulate --repo . --replay events --against BASE --markdown\n"
	const listed = "gh api --paginate repos/acme/env/issues/7/comments\n"
	for name, c := range map[string]struct {
		events, comment, known string
		want                   string
	}{
		"first comment":    {"events", "true", "", asked + listed + "gh api --silent --method POST repos/acme/env/issues/7/comments --field body=@TEMP/amend-replay.md\n"},
		"again":            {"events", "true", "41\n42\n", asked + listed + "gh api --silent --method PATCH repos/acme/env/issues/comments/41 --field body=@TEMP/amend-replay.md\n"},
		"summary alone":    {"events", "false", "", asked},
		"nothing recorded": {"none", "true", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "events"), 0o755); err != nil {
				t.Fatal(err)
			}
			for program, script := range map[string]string{
				"amend": "echo \"amend $*\" >> calls; echo the comment\n",
				"gh":    "case \"$*\" in *--jq*) echo \"gh $1 $2 $3\" >> calls; printf \"$KNOWN\";; *) echo \"gh $*\" >> calls;; esac\n",
			} {
				if err := os.WriteFile(filepath.Join(dir, program), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.CommandContext(t.Context(), "bash", "-e", "-o", "pipefail", "-c", action.Runs.Steps[2].Run)
			cmd.Dir = dir
			cmd.Env = []string{
				"PATH=" + dir + ":/usr/bin:/bin", "RUNNER_TEMP=" + dir, "GITHUB_STEP_SUMMARY=" + filepath.Join(dir, "summary"), "GITHUB_REPOSITORY=acme/env",
				"AMEND_EVENTS=" + c.events, "AMEND_COMMENT=" + c.comment, "AMEND_BASE=BASE", "AMEND_PULL=7", "KNOWN=" + c.known,
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			calls, _ := os.ReadFile(filepath.Join(dir, "calls"))     // none when nothing was called
			summary, _ := os.ReadFile(filepath.Join(dir, "summary")) // as said
			got := strings.ReplaceAll(string(calls), dir, "TEMP")
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if (string(summary) == "the comment\n") != (c.want != "") {
				t.Errorf("the summary is %q", summary)
			}
		})
	}
}
