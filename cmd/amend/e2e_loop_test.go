package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/ledger"
)

// looping adds to the policy of the fixture how changes are verified: within
// seconds, and by what a Prometheus says of the application.
func (s *stage) looping(deadline string) {
	s.Helper()
	policy := strings.Replace(s.git("show", "main:.amend/policy.yaml"), "  cooldown: 1h\n",
		"  cooldown: 1h\n  verify: {after: 200ms, deadline: "+deadline+", probe: 'hangs{namespace=\"$namespace\", deployment=\"$name\"} > 0'}\n", 1)
	s.put(".amend/policy.yaml", &policy)
}

// A prober is a Prometheus by which an application hangs until it is healed, and
// which understands no other question.
type prober struct {
	url   string
	asked atomic.Int64
	hangs atomic.Bool
	heals atomic.Bool  // the next time that it is found to hang is the last one
	last  atomic.Int64 // the second for which it was last found to hang, which stays so
}

func (s *stage) prober(app string) *prober {
	p := &prober{}
	p.hangs.Store(true)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if want := fmt.Sprintf("hangs{namespace=\"shop\", deployment=%q} > 0", app); r.FormValue("query") != want {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"status":"error","errorType":"bad_data","error":"no such question"}`)
			return
		}
		result := []any{}
		at, err := strconv.ParseFloat(r.FormValue("time"), 64)
		s.must(err)
		if p.hangs.Load() {
			p.last.Store(max(p.last.Load(), int64(at)))
			if p.heals.Load() {
				p.hangs.Store(false)
			}
		}
		if int64(at) <= p.last.Load() {
			result = append(result, map[string]any{"metric": map[string]string{}, "value": []any{0, "1"}})
		}
		answer(w, map[string]any{"status": "success", "data": map[string]any{"resultType": "vector", "result": result}})
		p.asked.Add(1)
	}))
	s.Cleanup(web.Close)
	p.url = web.URL
	return p
}

// verdict waits until the host shows a final verdict beside a commit.
func (s *stage) verdict(commit string, want amend.VerdictState, says string) {
	s.Helper()
	s.eventually("the verdict "+string(want)+" on "+commit, func() bool {
		all, _, err := s.api.Repositories.GetCombinedStatus(s.Context(), "acme", "env", commit, nil)
		s.must(err)
		for _, one := range all.Statuses {
			state, ok := ledger.ParseVerdict(one.GetState(), one.GetDescription())
			if one.GetContext() != ledger.VerdictContext || !ok || state == amend.Pending {
				continue
			}
			if state != want && !(want == amend.Reverted && state == amend.Failed) || state == want && !strings.Contains(one.GetDescription(), says) {
				s.Fatalf("the verdict is %q, want %s with %q", one.GetDescription(), want, says)
			}
			return state == want
		}
		return false
	})
}

// judgements counts the verdicts that were written to the host since the last call.
func (s *stage) judgements() (n int) {
	for _, w := range s.door.written() {
		if isVerdict(w) {
			n++
		}
	}
	return n
}

// fire has a real Alertmanager know an alert, and serve.
func (s *stage) fire(alertmanager string, a amend.Alert) {
	s.Helper()
	body, err := json.Marshal([]any{map[string]any{"labels": a.Labels, "startsAt": a.StartsAt}})
	s.must(err)
	res, err := http.Post(alertmanager+"/api/v2/alerts", "application/json", bytes.NewReader(body))
	s.must(err)
	s.must(res.Body.Close())
	if res.StatusCode != http.StatusOK {
		s.Fatalf("Alertmanager answered %s", res.Status)
	}
	s.post(a)
}

// newLoop starts serve beside a cluster, a Prometheus and a real Alertmanager.
func newLoop(t *testing.T, deadline string) (s *stage, c *cluster, alertmanager string, p *prober) {
	t.Helper()
	program := os.Getenv("AMEND_TEST_ALERTMANAGER")
	if program == "" {
		t.Skip("set AMEND_TEST_ALERTMANAGER to the path of alertmanager to run this with the real one")
	}
	t.Parallel()
	s = newStage(t, 2, "", nil)
	s.looping(deadline)
	c = newCluster(s)
	s.command = "serve"
	alertmanager = startAlertmanager(t, program)
	p = s.prober(app(1))
	s.start("--kubeconfig", c.kubeconfig(), "--alertmanager-url", alertmanager, "--prometheus-url", p.url, "--steady", "500ms")
	return s, c, alertmanager, p
}

// TestBadFixIsRevertedByItself: the probe still finds the trouble at the deadline,
// so the file holds its old bytes again, the cluster runs them, and the incident
// rests.
func TestBadFixIsRevertedByItself(t *testing.T) {
	s, _, alertmanager, _ := newLoop(t, "2s")
	path := "apps/" + app(1) + "/deployment.yaml"
	before := s.git("show", "main:"+path)
	alert := firing("AppStuck", app(1))
	s.fire(alertmanager, alert)
	s.want(s.decided(app(1), 1)[0], amend.ReasonAct)
	change := s.changesOf(app(1))[0]
	s.verdict(change.Commit, amend.Reverted, "taken back by ")
	if after := s.git("show", "main:"+path); after != before {
		t.Errorf("the file is\n%s\nand was\n%s", after, before)
	}
	if log := s.git("log", "--format=%B", "-1", "main"); !strings.Contains(log, "This reverts commit "+change.Commit) {
		t.Errorf("the last commit says\n%s", log)
	}
	s.eventually("the decision shows the verdict", func() bool {
		v := s.decided(app(1), 1)[0].Verdict
		return v != nil && v.State == amend.Reverted
	})
	metrics, err := http.Get("http://" + s.addr + "/metrics")
	s.must(err)
	defer metrics.Body.Close()
	var text bytes.Buffer
	_, err = text.ReadFrom(metrics.Body)
	s.must(err)
	if !strings.Contains(text.String(), `amend_verdicts_total{state="reverted"} 1`) {
		t.Error("the metrics do not count the verdict")
	}
	alert.StartsAt = time.Now().UTC()
	alert.Labels["pod"] = "another"
	s.kill()
	s.start()
	s.want(s.next(alert), amend.ReasonBreaker)
	if len(s.changesOf(app(1))) != 1 {
		t.Error("the same change was made again")
	}
}

// TestGoodFixWithALaggingAlert: the alert goes on firing, the probe does not, and
// the change stays.
func TestGoodFixWithALaggingAlert(t *testing.T) {
	s, _, alertmanager, p := newLoop(t, "1m")
	s.fire(alertmanager, firing("AppStuck", app(1)))
	s.want(s.decided(app(1), 1)[0], amend.ReasonAct)
	change := s.changesOf(app(1))[0]
	s.eventually("the probe has seen the trouble", func() bool { return p.asked.Load() > 0 })
	p.hangs.Store(false)
	s.verdict(change.Commit, amend.Worked, "the probe finds the trouble no more")
	if text := s.git("log", "--format=%B", "main"); strings.Contains(text, "This reverts") {
		t.Error("the change was taken back")
	}
}

// killedInVerification returns a serve that was killed while it found out whether
// a commit of its own helps, which the next one does soon.
func killedInVerification(t *testing.T) (s *stage, commit string) {
	t.Helper()
	s, _, alertmanager, _ := newLoop(t, "10m")
	s.fire(alertmanager, firing("AppStuck", app(1)))
	s.want(s.decided(app(1), 1)[0], amend.ReasonAct)
	commit = s.changesOf(app(1))[0].Commit
	s.eventually("it is being found out", func() bool { return s.judgements() == 1 })
	s.kill()
	policy := strings.Replace(s.git("show", "main:.amend/policy.yaml"), "deadline: 10m", "deadline: 1s", 1)
	s.put(".amend/policy.yaml", &policy)
	return s, commit
}

// TestVerdictsSurviveACrash: what was being found out is found out by the next
// process, and what was is not asked for again.
func TestVerdictsSurviveACrash(t *testing.T) {
	s, commit := killedInVerification(t)
	s.start()
	s.verdict(commit, amend.Reverted, "taken back by ")
	s.judgements()
	s.kill()
	s.start()
	s.eventually("the decision shows the verdict", func() bool {
		v := s.decided(app(1), 1)[0].Verdict
		return v != nil && v.State == amend.Reverted
	})
	if n := s.judgements(); n > 0 {
		t.Error("the verdict was shown again")
	}
}

// TestARevertSurvivesACrash: the process ended between saying that a change failed and
// taking it back.
func TestARevertSurvivesACrash(t *testing.T) {
	s, commit := killedInVerification(t)
	state, description := ledger.VerdictStatus(amend.Verdict{State: amend.Failed, Detail: "the probe still finds the trouble"})
	name := ledger.VerdictContext
	serve, err := github.NewClient(nil).WithAuthToken(serveToken).WithEnterpriseURLs(s.web.URL, s.web.URL)
	s.must(err)
	_, _, err = serve.Repositories.CreateStatus(s.Context(), "acme", "env", commit, &github.RepoStatus{State: &state, Description: &description, Context: &name})
	s.must(err)
	s.start()
	s.verdict(commit, amend.Reverted, "taken back by ")
}

// TestAForgedVerdictStopsNothing: somebody who may write statuses says that a change
// worked, which did not.
func TestAForgedVerdictStopsNothing(t *testing.T) {
	s, commit := killedInVerification(t)
	state, description := ledger.VerdictStatus(amend.Verdict{State: amend.Worked, Detail: "the alert has ended"})
	name := ledger.VerdictContext
	_, _, err := s.api.Repositories.CreateStatus(s.Context(), "acme", "env", commit, &github.RepoStatus{State: &state, Description: &description, Context: &name})
	s.must(err)
	s.start()
	s.eventually("the change is taken back", func() bool {
		return strings.Contains(s.git("log", "--format=%B", "main"), "This reverts commit "+commit)
	})
	s.verdict(commit, amend.Reverted, "taken back by ")
	log, err := os.ReadFile(s.logFile())
	s.must(err)
	if !bytes.Contains(log, []byte("a status is not believed")) {
		t.Error("nobody is told of it")
	}
}

// TestAProposedRevertThatAPersonMerges: the policy wants a pull request, and a person
// merges it, when another process is at work.
func TestAProposedRevertThatAPersonMerges(t *testing.T) {
	s, _, alertmanager, _ := newLoop(t, "2s")
	policy := strings.Replace(s.git("show", "main:.amend/policy.yaml"), "verify: {", "verify: {onFailure: pull-request, ", 1)
	s.put(".amend/policy.yaml", &policy)
	s.fire(alertmanager, firing("AppStuck", app(1)))
	s.want(s.decided(app(1), 1)[0], amend.ReasonAct)
	change := s.changesOf(app(1))[0]
	s.verdict(change.Commit, amend.Failed, "")
	var proposed []*github.PullRequest
	s.eventually("a pull request proposes to take it back", func() bool {
		var err error
		proposed, _, err = s.api.PullRequests.List(s.Context(), "acme", "env", nil)
		s.must(err)
		return len(proposed) == 1
	})
	s.kill()
	_, _, err := s.api.PullRequests.Merge(s.Context(), "acme", "env", proposed[0].GetNumber(), "", nil)
	s.must(err)
	s.start()
	s.verdict(change.Commit, amend.Reverted, "taken back by ")
}

// TestWithoutAClusterNothingIsVerified, and nobody is told otherwise; a person
// takes the change back by its incident.
func TestWithoutAClusterNothingIsVerified(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1, "", nil)
	s.start()
	path := "apps/" + app(1) + "/deployment.yaml"
	before := s.git("show", "main:"+path)
	s.post(firing("AppStuck", app(1)))
	d := s.decided(app(1), 1)[0]
	s.want(d, amend.ReasonAct)
	s.verdict(d.Change.Commit, amend.Unverified, "no cluster was named")

	revert := func(code int, args ...string) string {
		t.Helper()
		cmd := exec.Command("amend", append([]string{"revert", "--log-level", "error"}, args...)...)
		cmd.Env, cmd.Dir = s.environ("TMPDIR="+s.dir), s.dir
		out, _ := cmd.CombinedOutput() // the exit code says it
		if got := cmd.ProcessState.ExitCode(); got != code {
			t.Errorf("%v: exit code %d, want %d\n%s", args, got, code, out)
		}
		return string(out)
	}
	to := []string{"--repo", s.web.URL + "/" + envRepo, "--github-token-file", s.dir + "/token"}
	if out := revert(cli.ExitOK, append(to, d.Incident)...); !strings.HasPrefix(out, "reverted, playbook stuck, restart of Deployment/shop/app-001, commit ") {
		t.Errorf("it says %s", out)
	}
	if after := s.git("show", "main:"+path); after != before {
		t.Errorf("the file is\n%s\nand was\n%s", after, before)
	}
	var again amend.Decision
	s.must(json.Unmarshal([]byte(revert(cli.ExitOK, append(to, d.Change.Commit, "-o", "json")...)), &again))
	s.want(again, amend.ReasonReverted)
	revert(cli.ExitRefused, append(to, "no-such-incident")...)
	revert(cli.ExitInvalid, d.Incident)
	revert(cli.ExitInvalid, append(to, "--writer", "http://localhost:1", d.Incident)...)
	if left, err := os.ReadDir(s.dir); err != nil || strings.Contains(fmt.Sprint(left), "amend-revert-") {
		t.Errorf("it left a folder behind: %v, %v", left, err)
	}
}

// TestVerdictReachesTheLog: the workflow of the env repo notes it, and explain
// shows it.
func TestVerdictReachesTheLog(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1, actProgram(t), recordWorkflow(t))
	s.start()
	s.post(firing("AppStuck", app(1)))
	s.want(s.decided(app(1), 1)[0], amend.ReasonAct)
	commit := s.changesOf(app(1))[0].Commit
	s.verdict(commit, amend.Unverified, "no cluster was named")
	s.eventually("the log has the verdict", func() bool {
		log := s.log()
		return len(log) == 1 && log[0].Commit == commit && log[0].Verdict == amend.Unverified && !log[0].VerifiedAt.IsZero()
	})
	clone := s.dir + "/clone"
	s.git("clone", "--quiet", s.repoDir(), clone)
	out, err := exec.Command("amend", "explain", commit, "--repo", clone).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "verified") || !strings.Contains(string(out), "unverified") {
		t.Errorf("%v\n%s", err, out)
	}
}
