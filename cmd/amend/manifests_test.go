package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend/internal/intake"
	"github.com/amendhq/amend/internal/steps"
)

// Every container of amend in a cluster runs a command that there is,
// with flags that it has and values that they take.
func TestManifestsRunCommandsThatExist(t *testing.T) {
	install, err := os.ReadFile("../../manifests/install.yaml")
	if err != nil {
		t.Fatal(err)
	}
	run := map[string]bool{}
	for doc := range strings.SplitSeq(string(install), "\n---\n") {
		for _, line := range commandLines(t, doc) {
			run[parsed(t, line).CommandPath()] = true
		}
	}
	for _, want := range []string{
		"amend-gateway", "amend writer", "amend-step decide", "amend-step propose", "amend-step record", "amend-step verify",
		"amend-step withdraw", "amend-step revert", "amend-step request", "amend-step fail", "amend-step reconcile",
	} {
		if !run[want] {
			t.Errorf("no container runs %s", want)
		}
	}
}

// commandLines returns the command line of every container of an object, with
// what the cluster fills in replaced by something of its kind.
func commandLines(t *testing.T, doc string) (all [][]string) {
	t.Helper()
	type containers []struct {
		Command []string `json:"command"`
		Args    []string `json:"args"`
	}
	var object struct {
		Spec struct {
			Template struct {
				Spec struct {
					Containers containers `json:"containers"`
				} `json:"spec"`
			} `json:"template"`
			Templates []struct {
				ContainerSet struct {
					Containers containers `json:"containers"`
				} `json:"containerSet"`
			} `json:"templates"`
		} `json:"spec"`
	}
	if !regexp.MustCompile(`/amend(-gateway|-step)?\n`).MatchString(doc) {
		return nil
	}
	if err := yaml.Unmarshal([]byte(doc), &object); err != nil {
		t.Fatal(err)
	}
	found := object.Spec.Template.Spec.Containers
	for _, each := range object.Spec.Templates {
		found = append(found, each.ContainerSet.Containers...)
	}
	filled := strings.NewReplacer(
		"{{inputs.parameters.commit}}", strings.Repeat("a", 40), "{{inputs.parameters.namespace}}", "shop",
		"{{inputs.parameters.name}}", "restart-web", "$(AMEND_REPO)", "https://github.com/acme/env", "$(AMEND_BRANCH)", "main",
		"$(AMEND_GITHUB_APP_ID)", "1", "$(AMEND_ALERTMANAGER)", "http://alertmanager:9093", "$(AMEND_PROMETHEUS)", "http://prometheus:9090",
	)
	for _, c := range found {
		line := append(c.Command, c.Args...)
		for i, arg := range line {
			line[i] = filled.Replace(arg)
			if strings.Contains(line[i], "{{") || strings.Contains(line[i], "$(") {
				t.Errorf("the argument %s holds something unknown", arg)
			}
		}
		all = append(all, line)
	}
	return all
}

// parsed finds the command of a command line and parses its flags.
func parsed(t *testing.T, line []string) *cobra.Command {
	t.Helper()
	root := map[string]*cobra.Command{"/amend": newRoot(), "/amend-gateway": intake.New("amend-gateway"), "/amend-step": steps.New("amend-step")}[line[0]]
	if root == nil {
		t.Fatalf("the image has no program for %v", line)
	}
	cmd, rest, err := root.Find(line[1:])
	if err != nil {
		t.Fatalf("%v: %v", line, err)
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Errorf("%v: %v", line, err)
	}
	if left := cmd.Flags().Args(); len(left) > 0 || !cmd.Runnable() || cmd.HasSubCommands() {
		t.Errorf("%v: there is no such command", line)
	}
	return cmd
}
