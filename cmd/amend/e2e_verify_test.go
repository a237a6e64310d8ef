package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/steps"
)

// A workflow runs steps as the containers of Argo Workflows do, against a writer.
type workflow struct {
	*stage
	cluster *cluster
	prober  *prober
	token   string
}

func newWorkflow(t *testing.T, onFailure, deadline string) *workflow {
	t.Helper()
	t.Parallel()
	s := newStage(t, 1, "", nil)
	s.looping(deadline)
	policy := strings.Replace(s.git("show", "main:.amend/policy.yaml"), "verify: {", "verify: {onFailure: "+onFailure+", ", 1)
	s.put(".amend/policy.yaml", &policy)
	w := &workflow{stage: s, cluster: newCluster(s), prober: s.prober(app(1)), token: filepath.Join(s.dir, "writer-token")}
	s.start("--kubeconfig", w.cluster.kubeconfig())
	s.must(os.WriteFile(w.token, []byte("token-of-steps"), 0o600))
	s.eventually("the writer is ready", func() bool {
		code, err := httpGet("http://" + s.addr + "/readyz")
		return err == nil && code == 200
	})
	return w
}

// step runs one step and returns its exit code and the line that it prints.
func (w *workflow) step(name string, args ...string) (int, string) {
	w.Helper()
	packed, err := alert.Pack(alert.NewEvent(firing("AppStuck", app(1)), time.Now(), alert.Identity{}))
	w.must(err)
	cmd := exec.Command("amend", append([]string{"step", name, "--writer", "http://" + w.addr, "--writer-token-file", w.token, "--out", filepath.Join(w.dir, name+".json")}, args...)...)
	cmd.Env = w.environ(steps.EventEnv + "=" + packed)
	out, _ := cmd.CombinedOutput() // the exit code says it
	w.Logf("%s %v: %s", name, args, out)
	return cmd.ProcessState.ExitCode(), string(out)
}

func (w *workflow) verify(within string, args ...string) (int, string) {
	w.Helper()
	return w.step("verify", append(args, "--kubeconfig", w.cluster.kubeconfig(), "--repo", w.web.URL+"/"+envRepo,
		"--prometheus-url", w.prober.url, "--steady", "500ms", "--settle", "1s", "--within", within, "--revert")...)
}

// TestStepsOfAGoodFix: the line that docs/workflows.md shows.
func TestStepsOfAGoodFix(t *testing.T) {
	w := newWorkflow(t, "revert", "1m")
	if code, out := w.step("propose"); code != cli.ExitOK {
		t.Fatalf("%d: %s", code, out)
	}
	w.prober.heals.Store(true)
	code, out := w.verify("5m", "--in", filepath.Join(w.dir, "propose.json"))
	if want := "worked: argocd/env has applied the commit and is Healthy, and the probe finds the trouble no more\n"; code != cli.ExitOK || !strings.HasSuffix(out, want) {
		t.Errorf("%d: %s, want %s", code, out, want)
	}
}

// TestStepsOfAProposedRevert: a change fails, a pull request proposes to take it back,
// and a person merges it, of which the Sensor starts another Workflow.
func TestStepsOfAProposedRevert(t *testing.T) {
	w := newWorkflow(t, "pull-request", "2s")
	if code, out := w.step("propose"); code != cli.ExitOK {
		t.Fatalf("%d: %s", code, out)
	}
	change := w.changesOf(app(1))[0]
	if code, out := w.verify("5m", "--in", filepath.Join(w.dir, "propose.json")); code != cli.ExitRefused || !strings.Contains(out, "failed: ") || !strings.Contains(out, "A pull request proposes") {
		t.Fatalf("%d: %s", code, out)
	}
	w.verdict(change.Commit, amend.Failed, "")
	open, _, err := w.api.PullRequests.List(w.Context(), "acme", "env", nil)
	w.must(err)
	if len(open) != 1 {
		t.Fatalf("%d pull requests are open", len(open))
	}
	merged, _, err := w.api.PullRequests.Merge(w.Context(), "acme", "env", open[0].GetNumber(), "", &github.PullRequestOptions{})
	w.must(err)
	for range 2 { // the second time it is known
		if code, out := w.verify("5m", "--commit", merged.GetSHA()); code != cli.ExitOK || !strings.Contains(out, "reverted") {
			t.Errorf("%d: %s", code, out)
		}
		w.verdict(change.Commit, amend.Reverted, "taken back by ")
	}
}

// TestARevertIsAppliedLate: Argo CD applies it when amend serve has waited for that in vain
// before, more than once.
func TestARevertIsAppliedLate(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1, "", nil)
	s.looping("3s")
	c, p := newCluster(s), s.prober(app(1))
	s.command = "serve"
	s.start("--kubeconfig", c.kubeconfig(), "--prometheus-url", p.url, "--steady", "500ms", "--within", "10s", "--sweep-interval", "200ms")
	c.holdNext()
	s.post(firing("AppStuck", app(1)))
	s.want(s.decided(app(1), 1)[0], amend.ReasonAct)
	change := s.changesOf(app(1))[0]
	s.eventually("it is waited for twice", func() bool {
		log, err := os.ReadFile(s.logFile())
		s.must(err)
		return bytes.Count(log, []byte("is not known to be applied")) > 1
	})
	s.verdict(change.Commit, amend.Failed, "")
	c.hold("")
	s.verdict(change.Commit, amend.Reverted, "taken back by ")
}

// TestStepsOfALateRevert: the step ends before Argo CD has applied the revert, and is run
// for that commit later.
func TestStepsOfALateRevert(t *testing.T) {
	w := newWorkflow(t, "revert", "2s")
	if code, out := w.step("propose"); code != cli.ExitOK {
		t.Fatalf("%d: %s", code, out)
	}
	change := w.changesOf(app(1))[0]
	w.cluster.hold(change.Commit)
	if code, out := w.verify("10s", "--in", filepath.Join(w.dir, "propose.json")); code != cli.ExitRefused || !strings.Contains(out, "is not known to be applied") {
		t.Fatalf("%d: %s", code, out)
	}
	w.verdict(change.Commit, amend.Failed, "")
	w.cluster.hold("")
	if code, out := w.verify("5m", "--commit", strings.TrimSpace(w.git("rev-parse", "main"))); code != cli.ExitOK || !strings.Contains(out, "reverted") {
		t.Errorf("%d: %s", code, out)
	}
	w.verdict(change.Commit, amend.Reverted, "taken back by ")
}
