package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/pagerduty"
	"github.com/amendhq/amend/internal/slack"
	"github.com/amendhq/amend/internal/slack/slacktest"
	"github.com/amendhq/amend/internal/steps"
)

// approvalPolicy is added to the policy of the fixture.
const approvalPolicy = `
approvals:
  approvers:
    - {name: Ada, slack: U0ADA, github: ada}
    - {name: Bot Owner, slack: U0BOT, github: amend-bot}
  steps:
    - {slack: C0SHOP, wait: 10m}
`

// An asking stage has a Slack beside the host.
type asking struct {
	*stage
	slack *slacktest.Server
	flags []string
	door  string // where answers go
}

// newAsking starts serve.
func newAsking(t *testing.T) *asking {
	t.Helper()
	a := prepareAsking(t, "")
	a.flags = append(a.flags, "--fold-window", "1ns")
	a.start(a.flags...)
	return a
}

// prepareAsking makes all that a process needs to ask people. Steps are told
// after the one in Slack.
func prepareAsking(t *testing.T, steps string) *asking {
	t.Helper()
	s := newStage(t, 2, "", nil)
	a := &asking{stage: s, slack: slacktest.New(t)}
	policy := s.git("show", "main:.amend/policy.yaml") + strings.Replace(approvalPolicy, "wait: 10m}", "wait: 10m}"+steps, 1)
	s.put(".amend/policy.yaml", &policy)
	dir := filepath.Join(s.dir, "approvals")
	s.must(os.Mkdir(dir, 0o700))
	for name, content := range map[string]string{
		"key": "a key of comments", "pagerduty-payments": strings.Repeat("k", 32), "slack-bot-token": slacktest.Token, "slack-signing-secret": slacktest.Secret, pagerduty.SecretFile: pagerSecret,
	} {
		s.must(os.WriteFile(filepath.Join(dir, name), []byte(content+"\n"), 0o600))
	}
	listen := freeAddr(s)
	a.door = "http://" + listen + slack.InboundPath
	a.flags = []string{"--approvals-dir", dir, "--approvals-listen", listen, "--approvals-interval", "100ms", "--slack-api", a.slack.API()}
	return a
}

// message waits for the nth message of the channel.
func (a *asking) message(n int) slacktest.Message {
	a.Helper()
	a.eventually(fmt.Sprintf("message %d is in Slack", n), func() bool { return len(a.slack.Messages("C0SHOP")) >= n })
	return a.slack.Messages("C0SHOP")[n-1]
}

// becomes waits until the nth message says something.
func (a *asking) becomes(n int, text string) slacktest.Message {
	a.Helper()
	var m slacktest.Message
	a.eventually(fmt.Sprintf("message %d says %q", n, text), func() bool {
		m = a.message(n)
		return strings.Contains(m.Shown(), text)
	})
	return m
}

// whispered waits until a person was told something alone.
func (a *asking) whispered(user, text string) {
	a.Helper()
	a.eventually(fmt.Sprintf("%s is told %q", user, text), func() bool {
		for _, m := range a.slack.Whispers("C0SHOP", user) {
			if strings.Contains(m.Text, text) {
				return true
			}
		}
		return false
	})
}

// press answers, which the process has to take.
func (a *asking) press(p slacktest.Press) {
	a.Helper()
	if status := a.slack.Press(a.door, p); status != http.StatusOK {
		a.Fatalf("a press is answered with %d", status)
	}
}

// unmerged checks that main holds no change of amend.
func (a *asking) unmerged() {
	a.Helper()
	if changes := a.changes("main"); len(changes) > 0 {
		a.Fatalf("main holds %+v, and nobody approved that", changes)
	}
}

// onRecord waits until the pull request says in a comment what was asked: only
// then does an answer count.
func (a *asking) onRecord(text string) {
	a.Helper()
	a.eventually("a comment says "+text, func() bool {
		comments, _, err := a.api.Issues.ListComments(a.Context(), "acme", "env", 1, nil)
		a.must(err)
		for _, c := range comments {
			if strings.Contains(c.GetBody(), text) {
				return true
			}
		}
		return false
	})
}

func TestSlackApprovalMergesExactlyWhatWasShown(t *testing.T) {
	t.Parallel()
	a := newAsking(t)
	d := a.next(firing("AppOutOfMemory", app(1)))
	a.want(d, amend.ReasonAct)
	m := a.message(1)
	if shown := m.Shown(); !strings.Contains(shown, "+") || !strings.Contains(shown, "512Mi") || !strings.Contains(shown, d.Change.Commit) {
		t.Errorf("the message shows no diff or no commit:\n%s", shown)
	}
	a.onRecord("has told the Slack channel")

	// What does not count: forged, old, by a stranger, by the proposer, from another
	// workspace or channel, for another commit.
	for status, p := range map[int][]slacktest.Press{
		http.StatusUnauthorized: {{BadSignature: true}, {Secret: "guess"}, {At: time.Now().Add(-6 * time.Minute)}, {At: time.Now().Add(6 * time.Minute)}},
		http.StatusForbidden:    {{Team: "T0OTHER"}, {UserTeam: "T0OTHER"}},
		http.StatusOK: {
			{User: "U0EVE"}, {User: "U0BOT"}, {Channel: "C0OTHER"}, {TS: "1.1"},
			{Value: "pull/1 " + strings.Repeat("0", 40)}, {Value: "pull/2 " + d.Change.Commit}, {Value: "nonsense"},
		},
	} {
		for _, one := range p {
			one.Message, one.Action = m, "approve"
			if one.User == "" {
				one.User = "U0ADA"
			}
			if got := a.slack.Press(a.door, one); got != status {
				t.Errorf("%+v is answered with %d, want %d", one, got, status)
			}
		}
	}
	a.whispered("U0EVE", "does not name you")
	a.whispered("U0BOT", "somebody else has to approve")
	a.whispered("U0ADA", "no record of this message")
	a.whispered("U0ADA", "has changed since")
	a.unmerged()

	// Nothing of it is lost with the process.
	a.kill()
	a.start(a.flags...)
	a.press(slacktest.Press{Message: m, Action: "approve", User: "U0ADA"})
	if m = a.becomes(1, "Approved by Ada"); len(a.slack.Messages("C0SHOP")) != 1 {
		t.Errorf("the channel has %d messages, want the one", len(a.slack.Messages("C0SHOP")))
	}
	if _, there := m.Button("approve"); there {
		t.Error("the button is still there")
	}
	if second := strings.TrimSpace(a.git("rev-parse", "main^2")); second != d.Change.Commit {
		t.Errorf("merged %s, shown was %s", second, d.Change.Commit)
	}
	if text := a.git("log", "-1", "--format=%B", "main"); !strings.Contains(text, "Approved-by: Ada (ada)") {
		t.Errorf("the merge does not say who approved it:\n%s", text)
	}
	a.onRecord("**Ada** approved commit " + d.Change.Commit)

	// The button, pressed again.
	old := m
	old.Blocks = nil
	head := a.tip()
	a.press(slacktest.Press{Message: old, Action: "approve", User: "U0ADA", Value: "pull/1 " + d.Change.Commit})
	a.whispered("U0ADA", "decided already")
	if a.tip() != head {
		t.Error("main moved again")
	}
}

func TestAPushAfterTheQuestionIsNotMerged(t *testing.T) {
	t.Parallel()
	a := newAsking(t)
	d := a.next(firing("AppOutOfMemory", app(1)))
	a.want(d, amend.ReasonAct)
	m := a.message(1)
	a.onRecord("has told the Slack channel")
	pushed := pushTo(a.stage, d.Change.Branch)
	a.press(slacktest.Press{Message: m, Action: "approve", User: "U0ADA"})
	a.whispered("U0ADA", "has changed since")
	a.becomes(1, "has another commit or diff now")

	// What others pushed is not amend's, so no button merges it, and its diff is
	// not shown.
	m = a.becomes(2, pushed)
	if _, there := m.Button("approve"); there || strings.Contains(m.Shown(), "2Gi") {
		t.Errorf("somebody else's commit can be approved in Slack:\n%s", m.Shown())
	}
	a.press(slacktest.Press{Message: m, Action: "approve", User: "U0ADA", Value: "pull/1 " + pushed})
	a.whispered("U0ADA", "can only be merged on the Git host")
	a.unmerged()
}

// pushTo commits to a branch as a person does, and returns the commit.
func pushTo(s *stage, branch string) string {
	s.Helper()
	path := "apps/" + app(1) + "/deployment.yaml"
	content := strings.ReplaceAll(s.git("show", branch+":"+path), "512Mi", "2Gi")
	return s.putOn(branch, path, &content, "More, please")
}

func TestSlackRejectionMutes(t *testing.T) {
	t.Parallel()
	a := newAsking(t)
	alert := firing("AppOutOfMemory", app(1))
	a.want(a.next(alert), amend.ReasonAct)
	m := a.message(1)
	a.onRecord("has told the Slack channel")
	// As if amend had closed it, and somebody had opened it again just now.
	_, _, err := a.api.Issues.AddLabelsToIssue(a.Context(), "acme", "env", 1, []string{withdrawnLabel, staleLabel})
	a.must(err)
	a.press(slacktest.Press{Message: m, Action: "reject", User: "U0ADA"})
	a.becomes(1, "Rejected by Ada")
	a.onePull(app(1), "closed")
	a.want(a.next(alert), amend.ReasonMuted)
	a.unmerged()
}

// TestApprovalsWaitForFreezes: kill switch and freezes count at the moment of the
// merge.
func TestApprovalsWaitForFreezes(t *testing.T) {
	t.Parallel()
	a := newAsking(t)
	a.want(a.next(firing("AppOutOfMemory", app(1))), amend.ReasonAct)
	m := a.message(1)
	a.onRecord("has told the Slack channel")
	a.put(".amend/stop", github.String("Not now.\n"))
	a.press(slacktest.Press{Message: m, Action: "approve", User: "U0ADA"})
	a.whispered("U0ADA", ".amend/stop")
	a.put(".amend/stop", nil)
	policy := a.git("show", "main:.amend/policy.yaml")
	frozen := policy + "\nfreezes: [{name: always, schedule: '0 0 * * *', duration: 2d}]\n"
	a.put(".amend/policy.yaml", &frozen)
	a.press(slacktest.Press{Message: m, Action: "approve", User: "U0ADA"})
	a.whispered("U0ADA", "A freeze of the policy holds")
	a.unmerged()
	a.put(".amend/policy.yaml", &policy)
	a.press(slacktest.Press{Message: m, Action: "approve", User: "U0ADA"})
	a.becomes(1, "Approved by Ada")
}

// TestWriterPagesWhenNobodyAnswers: a step of a Workflow proposes, Slack stays
// silent, PagerDuty is paged, and an approval resolves the incident there.
func TestWriterPagesWhenNobodyAnswers(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var paged []string
	pager := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e struct {
			Action string `json:"event_action"`
			Key    string `json:"dedup_key"`
		}
		err := json.NewDecoder(r.Body).Decode(&e)
		mu.Lock()
		defer mu.Unlock()
		paged = append(paged, fmt.Sprint(e.Action, " ", e.Key, err))
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte(`{"status":"success"}`)) // the client may have left
	}))
	t.Cleanup(pager.Close)
	wasPaged := func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(paged, "\n")
	}
	a := prepareAsking(t, "\n    - {pagerduty: payments}")
	policy := strings.Replace(a.git("show", "main:.amend/policy.yaml"), "wait: 10m}", "wait: 1s}", 1)
	a.put(".amend/policy.yaml", &policy)
	c := newCluster(a.stage)
	a.start(append(a.flags, "--kubeconfig", c.kubeconfig(), "--pagerduty-events-api", pager.URL)...)
	a.eventually("the writer is ready", func() bool {
		code, err := httpGet("http://" + a.addr + "/readyz")
		return err == nil && code == http.StatusOK
	})
	token := filepath.Join(a.dir, "writer-token")
	a.must(os.WriteFile(token, []byte("token-of-steps"), 0o600))
	packed, err := alert.Pack(alert.NewEvent(firing("AppOutOfMemory", app(1)), time.Now(), alert.Identity{}))
	a.must(err)
	cmd := exec.Command("amend", "step", "propose", "--writer", "http://"+a.addr, "--writer-token-file", token)
	cmd.Env = a.environ(steps.EventEnv + "=" + packed)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	m := a.message(1)
	a.eventually("PagerDuty is paged", func() bool { return wasPaged() != "" })
	a.onRecord("has told the PagerDuty service payments")
	a.acknowledge("Grace")
	a.becomes(1, "Grace looks after this")
	a.unmerged()
	a.press(slacktest.Press{Message: m, Action: "approve", User: "U0ADA"})
	a.becomes(1, "Approved by Ada")
	const key = "amend/acme/env/pull/1<nil>"
	a.eventually("the incident is resolved", func() bool { return wasPaged() == "trigger "+key+"\nacknowledge "+key+"\nresolve "+key })
	if n := len(a.changes("main")); n != 1 {
		t.Errorf("main holds %d changes, want 1", n)
	}
}

// pagerSecret signs the webhooks of PagerDuty.
const pagerSecret = "pager-s3cret"

// acknowledge is what PagerDuty posts when a person acknowledges the incident of
// the first pull request.
func (a *asking) acknowledge(by string) {
	a.Helper()
	body := fmt.Sprintf(`{"event": {"event_type": "incident.acknowledged", "occurred_at": %q, "agent": {"summary": %q}, "data": {"incident_key": "amend/acme/env/pull/1"}}}`,
		time.Now().UTC().Format(time.RFC3339), by)
	mac := hmac.New(sha256.New, []byte(pagerSecret))
	mac.Write([]byte(body))
	r, err := http.NewRequestWithContext(a.Context(), http.MethodPost, strings.TrimSuffix(a.door, slack.InboundPath)+pagerduty.InboundPath, strings.NewReader(body))
	a.must(err)
	r.Header.Set("X-PagerDuty-Signature", "v1="+hex.EncodeToString(mac.Sum(nil)))
	res, err := http.DefaultClient.Do(r)
	a.must(err)
	a.must(res.Body.Close())
	if res.StatusCode != http.StatusAccepted {
		a.Fatalf("the acknowledgement is answered with %d", res.StatusCode)
	}
}

// TestRefusalsAreTold: what amend can do nothing about reaches a person, and the
// person can say that they look after it.
func TestRefusalsAreTold(t *testing.T) {
	t.Parallel()
	a := newAsking(t)
	alert := firing("AppOutOfMemory", "no-such-app")
	a.want(a.next(alert), amend.ReasonNotInRepo)
	m := a.becomes(1, "needs a person")
	a.next(alert)
	if _, there := m.Button("approve"); there {
		t.Error("there is a button to approve nothing")
	}
	a.press(slacktest.Press{Message: m, Action: "acknowledge", User: "U0ADA"})
	a.becomes(1, "Ada looks after this")
	a.want(a.next(resolved(alert)), amend.ReasonResolved)
	a.becomes(1, "This is over")
	if n := len(a.slack.Messages("C0SHOP")); n != 1 {
		t.Errorf("the channel has %d messages about one trouble", n)
	}
}
