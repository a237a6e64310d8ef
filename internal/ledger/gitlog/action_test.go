package gitlog_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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
