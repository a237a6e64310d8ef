package forge_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend/internal/forge"
)

const hookSecret = "s3cret"

// A delivery is one webhook as it arrived.
type delivery struct {
	header http.Header
	body   []byte
}

// A listener receives webhooks and answers them with a status.
type listener struct {
	t      *testing.T
	url    string
	events chan delivery
}

func newListener(t *testing.T, status int) *listener {
	t.Helper()
	l := &listener{t: t, events: make(chan delivery, 100)}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		l.events <- delivery{r.Header, body}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	t.Cleanup(web.Close)
	l.url = web.URL + "/push"
	return l
}

// next waits for a delivery and reads it as a program that uses go-github does.
func (l *listener) next() *github.PullRequestEvent {
	l.t.Helper()
	d := l.raw()
	req := &http.Request{Header: d.header, Body: io.NopCloser(bytes.NewReader(d.body))}
	payload, err := github.ValidatePayload(req, []byte(hookSecret))
	if err != nil {
		l.t.Fatal(err)
	}
	contract, err := loadContract()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := contract.CheckWebhook(d.header.Get("X-GitHub-Event"), payload); err != nil {
		l.t.Errorf("contract: %v", err)
	}
	event, err := github.ParseWebHook(github.WebHookType(req), payload)
	if err != nil {
		l.t.Fatal(err)
	}
	return event.(*github.PullRequestEvent)
}

func (l *listener) raw() delivery {
	l.t.Helper()
	select {
	case d := <-l.events:
		return d
	case <-time.After(time.Minute):
		l.t.Fatal("no webhook arrives")
		return delivery{}
	}
}

// want waits for a delivery with this action.
func (l *listener) want(action string) *github.PullRequestEvent {
	l.t.Helper()
	e := l.next()
	if e.GetAction() != action || e.GetNumber() != e.GetPullRequest().GetNumber() || e.GetRepo().GetFullName() != fullName {
		l.t.Fatalf("got %s of #%d in %s, want %s", e.GetAction(), e.GetNumber(), e.GetRepo().GetFullName(), action)
	}
	return e
}

// silent fails if something arrived that nobody waited for. The forge is closed
// first, so nothing is under way.
func (l *listener) silent(b *bench) {
	l.t.Helper()
	if err := b.server.Close(); err != nil {
		l.t.Error(err)
	}
	select {
	case d := <-l.events:
		l.t.Errorf("one webhook too many: %s", d.body)
	default:
	}
}

func hooked(t *testing.T) (*bench, *listener) {
	t.Helper()
	l := newListener(t, http.StatusOK)
	return newBench(t, forge.Config{Webhook: forge.Webhook{URL: l.url, Secret: []byte(hookSecret)}}), l
}

func TestWebhooksTellTheLifeOfAPullRequest(t *testing.T) {
	b, l := hooked(t)
	ctx := t.Context()
	first := b.withFiles(map[string]string{"a": "1\n"})
	fix := b.commit(first, "a", "2\n")
	b.branch("fix", fix)
	b.openPull("fix", "Fix")
	if e := l.want("opened"); e.GetPullRequest().GetHead().GetSHA() != fix || e.GetSender().GetLogin() != "robot" || e.GetPullRequest().GetMerged() {
		t.Errorf("opened: %v", e)
	}

	more := b.commit(fix, "a", "3\n")
	if _, _, err := b.client.Git.UpdateRef(ctx, "acme", "env", ref("fix", more), false); err != nil {
		t.Fatal(err)
	}
	if e := l.want("synchronize"); e.GetBefore() != fix || e.GetAfter() != more || e.GetPullRequest().GetHead().GetSHA() != more {
		t.Errorf("synchronize: %v", e)
	}
	dir := b.clone()
	b.mustGit(dir, "checkout", "-q", "fix")
	b.mustGit(dir, "commit", "-q", "--allow-empty", "-m", "by push")
	b.mustGit(dir, "push", "-q", "origin", "fix")
	pushed := strings.TrimSpace(b.mustGit(dir, "rev-parse", "HEAD"))
	if e := l.want("synchronize"); e.GetBefore() != more || e.GetAfter() != pushed {
		t.Errorf("synchronize by push: %v", e)
	}

	for _, state := range []string{"closed", "open", "open"} {
		if _, _, err := b.client.PullRequests.Edit(ctx, "acme", "env", 1, &github.PullRequest{State: &state}); err != nil {
			t.Fatal(err)
		}
	}
	l.wantBoth("closed", "reopened")

	result, _, err := b.client.PullRequests.Merge(ctx, "acme", "env", 1, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	e := l.want("closed")
	if pr := e.GetPullRequest(); !pr.GetMerged() || pr.GetMergeCommitSHA() != result.GetSHA() || pr.GetBase().GetRef() != "main" || pr.GetHead().GetRef() != "fix" {
		t.Errorf("merged: %v", e)
	}
	b.pull(1)
	l.silent(b)
}

// wantBoth waits for two deliveries in any order: each is its own.
func (l *listener) wantBoth(a, b string) {
	l.t.Helper()
	one, two := l.next().GetAction(), l.next().GetAction()
	if one+two != a+b && one+two != b+a {
		l.t.Fatalf("got %s and %s, want %s and %s", one, two, a, b)
	}
}

func TestWebhookOfAPullRequestClosedByItsBranches(t *testing.T) {
	b, l := hooked(t)
	first := b.withFiles(map[string]string{"a": "1\n"})
	fix := b.commit(first, "a", "2\n")
	b.branch("fix", fix)
	b.branch("other", b.commit(first, "b", "2\n"))
	b.openPull("fix", "Fix")
	l.want("opened")
	b.openPull("other", "Other")
	l.want("opened")
	if _, err := b.client.Git.DeleteRef(t.Context(), "acme", "env", "heads/other"); err != nil {
		t.Fatal(err)
	}
	if e := l.want("closed"); e.GetNumber() != 2 || e.GetPullRequest().GetMerged() {
		t.Errorf("after its branch was deleted: %v", e)
	}
	dir := b.clone()
	b.mustGit(dir, "push", "-q", "origin", "origin/fix:main")
	if e := l.want("closed"); e.GetNumber() != 1 || !e.GetPullRequest().GetMerged() || e.GetPullRequest().GetMergeCommitSHA() != fix {
		t.Errorf("after its head was pushed to the base: %v", e)
	}
	l.silent(b)
}

func TestWebhookHeaders(t *testing.T) {
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for _, secret := range []string{hookSecret, ""} {
		l := newListener(t, http.StatusOK)
		b := newBench(t, forge.Config{Webhook: forge.Webhook{URL: l.url, Secret: []byte(secret)}})
		b.branch("fix", b.commit(b.withFiles(map[string]string{"a": "1\n"}), "a", "2\n"))
		b.openPull("fix", "Fix")
		h := l.raw().header
		if h.Get("X-GitHub-Event") != "pull_request" || h.Get("Content-Type") != "application/json" ||
			!strings.HasPrefix(h.Get("User-Agent"), "GitHub-Hookshot/") || !uuid.MatchString(h.Get("X-GitHub-Delivery")) {
			t.Errorf("headers: %v", h)
		}
		if signed := h.Get("X-Hub-Signature-256") != ""; signed != (secret != "") {
			t.Errorf("with secret %q the signature is %q", secret, h.Get("X-Hub-Signature-256"))
		}
	}
}

// TestWebhookIsDeliveredAtMostOnce: a refusal is not tried again, and a
// redirection is a refusal.
func TestWebhookIsDeliveredAtMostOnce(t *testing.T) {
	for _, status := range []int{http.StatusInternalServerError, http.StatusTemporaryRedirect} {
		l := newListener(t, status)
		var log lockedBuffer
		b := newBench(t, forge.Config{Webhook: forge.Webhook{URL: l.url, Secret: []byte(hookSecret)}, Log: slog.New(slog.NewTextHandler(&log, nil))})
		b.branch("fix", b.commit(b.withFiles(map[string]string{"a": "1\n"}), "a", "2\n"))
		b.openPull("fix", "Fix")
		l.want("opened")
		for deadline := time.Now().Add(time.Minute); !strings.Contains(log.String(), "webhook"); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the failure is not logged")
			}
		}
		l.silent(b)
		if text := log.String(); strings.Contains(text, hookSecret) || !strings.Contains(text, http.StatusText(status)) {
			t.Errorf("log: %s", text)
		}
	}
}

// TestWebhookReceiverThatHangs holds up neither calls nor Close.
func TestWebhookReceiverThatHangs(t *testing.T) {
	reached, release := make(chan bool, 1), make(chan bool)
	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		reached <- true
		<-release
	}))
	defer web.Close()
	defer close(release)
	b := newBench(t, forge.Config{Webhook: forge.Webhook{URL: web.URL}})
	b.branch("fix", b.commit(b.withFiles(map[string]string{"a": "1\n"}), "a", "2\n"))
	b.openPull("fix", "Fix")
	<-reached
	if err := b.server.Close(); err != nil {
		t.Error(err)
	}
}

func TestWebhookAddressIsChecked(t *testing.T) {
	for _, url := range []string{"hooks.example", "ftp://hooks.example/", "http://", "http://user:word@hooks.example/", ":"} {
		if server, err := forge.New(forge.Config{Dir: t.TempDir(), Webhook: forge.Webhook{URL: url}}); err == nil {
			server.Close()
			t.Errorf("webhooks may go to %q", url)
		}
	}
}

// A lockedBuffer is a log that a test reads while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
