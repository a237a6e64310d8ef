package gitlog_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

const dotGitHub = "../../../.github/"

// The workflow that calls Reconcile may do what it needs and nothing else, and
// reads nothing that the sender of a dispatch chose.
func TestWorkflowHasNoRightsToSpare(t *testing.T) {
	type step struct {
		Uses string            `yaml:"uses"`
		Run  string            `yaml:"run"`
		Env  map[string]string `yaml:"env"`
		With map[string]string `yaml:"with"`
	}
	var workflow struct {
		On struct {
			Dispatch struct {
				Types []string `yaml:"types"`
			} `yaml:"repository_dispatch"`
			Schedule []struct {
				Cron string `yaml:"cron"`
			} `yaml:"schedule"`
		} `yaml:"on"`
		Permissions map[string]string `yaml:"permissions"`
		Concurrency struct {
			Group  string `yaml:"group"`
			Cancel bool   `yaml:"cancel-in-progress"`
		} `yaml:"concurrency"`
		Jobs map[string]struct {
			Permissions map[string]string `yaml:"permissions"`
			Timeout     int               `yaml:"timeout-minutes"`
			Steps       []step            `yaml:"steps"`
		} `yaml:"jobs"`
	}
	var action struct {
		Runs struct {
			Using string `yaml:"using"`
			Steps []step `yaml:"steps"`
		} `yaml:"runs"`
	}
	texts := read(t, "workflows/record-remediation.yml", &workflow) + read(t, "actions/record-remediation/action.yml", &action)

	if diff := cmp.Diff(map[string]string{"contents": "write", "statuses": "read"}, workflow.Permissions); diff != "" {
		t.Errorf("permissions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"remediation-requested"}, workflow.On.Dispatch.Types); diff != "" || len(workflow.On.Schedule) != 1 {
		t.Errorf("started by %+v", workflow.On)
	}
	if workflow.Concurrency.Group != "amend-record" || workflow.Concurrency.Cancel {
		t.Errorf("concurrency %+v", workflow.Concurrency)
	}
	steps := action.Runs.Steps
	for name, job := range workflow.Jobs {
		if job.Timeout == 0 || job.Permissions != nil {
			t.Errorf("job %s: timeout %d, permissions %v", name, job.Timeout, job.Permissions)
		}
		steps = append(steps, job.Steps...)
	}
	pinned := regexp.MustCompile(`^(\./\.github/actions/record-remediation|[\w-]+/[\w-]+@[0-9a-f]{40})$`)
	for _, s := range steps {
		if s.Uses != "" && !pinned.MatchString(s.Uses) {
			t.Errorf("uses %q", s.Uses)
		}
		if strings.Contains(s.Run, "${{") {
			t.Errorf("an expression in a script:\n%s", s.Run)
		}
	}
	for _, expression := range regexp.MustCompile(`\$\{\{.*?\}\}`).FindAllString(texts, -1) {
		if expression != "${{ inputs.version }}" && expression != "${{ inputs.login }}" && expression != "${{ github.token }}" {
			t.Errorf("reads %s", expression)
		}
	}
	last := action.Runs.Steps[len(action.Runs.Steps)-1].Run
	if action.Runs.Using != "composite" || !strings.Contains(last, "amend log --repo . --push ") || !strings.HasPrefix(last, "umask 077\n") || strings.Contains(last, "set -x") {
		t.Errorf("the action ends with %q", last)
	}
}

// read decodes a file of .github into doc and returns its text.
func read(t *testing.T, name string, doc any) string {
	t.Helper()
	text, err := os.ReadFile(dotGitHub + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, doc); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(text)
}
