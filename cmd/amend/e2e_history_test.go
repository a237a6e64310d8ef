package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/forge/forgetest"
)

// TestRollBackToBelowTheEdge: the version to go back to is older than what the mirror
// begins with, so it is fetched for the decision; what is made of it is as good as ever.
func TestRollBackToBelowTheEdge(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1, "", map[string]string{".amend/policy.yaml": `apiVersion: amend.dev/v1alpha1
kind: Policy
budgets: []
playbooks:
  - name: crash-loop
    match: ['alertname="AppCrashLooping"']
    workload: {kind: Deployment, namespace: {value: shop}, name: {label: deployment}, container: {label: container}}
    action: roll-back-image
    mode: commit
`})
	path := "apps/" + app(1) + "/deployment.yaml"
	good := s.git("show", "main:"+path)
	at := s.tip()
	commit := func(file, content string) {
		at = forgetest.Commit(s, s.repoDir(), at, forgetest.Change{By: "jo", Message: "Change " + file, Files: map[string]string{file: content}})
	}
	commit(path, strings.Replace(good, ":1.0.0", ":1.1.0", 1))
	for i := range 120 {
		commit("README.md", fmt.Sprintln("note", i))
	}
	_, _, err := s.api.Git.UpdateRef(t.Context(), "acme", "env", &github.Reference{
		Ref: github.String("refs/heads/main"), Object: &github.GitObject{SHA: &at},
	}, false)
	s.must(err)

	s.start()
	s.want(s.next(firing("AppCrashLooping", app(1))), amend.ReasonAct)
	if got := s.git("show", "main:"+path); got != good {
		t.Errorf("the file is\n%s\nwant\n%s", got, good)
	}
	log, err := os.ReadFile(s.logFile())
	s.must(err)
	if !strings.Contains(string(log), "the files of older commits are fetched") {
		t.Error("nothing was fetched for it: the test does not test what it says")
	}
}
