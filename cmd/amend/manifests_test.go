package main

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// Every container that runs amend in a cluster runs a command that there is,
// with flags that it has and values that they take.
func TestManifestsRunCommandsThatExist(t *testing.T) {
	install, err := os.ReadFile("../../manifests/install.yaml")
	if err != nil {
		t.Fatal(err)
	}
	run := map[string]bool{}
	for doc := range strings.SplitSeq(string(install), "\n---\n") {
		for _, args := range containerArgs(t, doc) {
			cmd := parsed(t, args)
			run[cmd.CommandPath()] = true
		}
	}
	for _, want := range []string{
		"amend gateway", "amend writer", "amend step decide", "amend step propose", "amend step record", "amend step verify",
		"amend step withdraw", "amend step revert", "amend step request", "amend step fail", "amend step reconcile",
	} {
		if !run[want] {
			t.Errorf("no container runs %s", want)
		}
	}
}

// containerArgs returns the arguments of every container of an object, with
// what the cluster fills in replaced by something of its kind.
func containerArgs(t *testing.T, doc string) (all [][]string) {
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
	if !strings.Contains(doc, "/amend\n") {
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
		if len(c.Command) != 1 || c.Command[0] != "/amend" {
			t.Errorf("a container runs %v", c.Command)
		}
		for i, arg := range c.Args {
			c.Args[i] = filled.Replace(arg)
			if strings.Contains(c.Args[i], "{{") || strings.Contains(c.Args[i], "$(") {
				t.Errorf("the argument %s holds something unknown", arg)
			}
		}
		all = append(all, c.Args)
	}
	return all
}

// parsed finds the command of a line of arguments and parses its flags.
func parsed(t *testing.T, args []string) *cobra.Command {
	t.Helper()
	cmd, rest, err := newRoot().Find(args)
	if err != nil {
		t.Fatalf("amend %s: %v", strings.Join(args, " "), err)
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Errorf("amend %s: %v", strings.Join(args, " "), err)
	}
	if left := cmd.Flags().Args(); len(left) > 0 || !cmd.Runnable() || cmd.HasSubCommands() {
		t.Errorf("amend %s: there is no such command", strings.Join(args, " "))
	}
	return cmd
}
