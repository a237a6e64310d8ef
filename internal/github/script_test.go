package github_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/github"
)

const (
	secret = "ghp_verysecrettoken"
	sha1   = "1111111111111111111111111111111111111111"
	sha2   = "2222222222222222222222222222222222222222"
	sha3   = "3333333333333333333333333333333333333333"
)

// An exchange is one expected request and what becomes of it.
type exchange struct {
	want   string // METHOD path?query, below the API's root
	body   string // JSON that the request must carry; empty: not compared
	status int
	header map[string]string
	answer string
	lost   bool // the connection breaks instead of an answer
}

// A script is a host that expects exactly these requests in this order.
type script struct {
	t     *testing.T
	mu    sync.Mutex
	steps []exchange
	times []time.Time
	log   bytes.Buffer
}

func newScript(t *testing.T, steps ...exchange) *script {
	t.Helper()
	s := &script{t: t, steps: steps}
	t.Cleanup(func() {
		for _, step := range s.steps {
			t.Errorf("not requested: %s", step.want)
		}
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("the log tells the secret:\n%s", s.log.String())
		}
	})
	return s
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times = append(s.times, time.Now())
	got := r.Method + " " + strings.TrimPrefix(r.URL.RequestURI(), "/api/v3")
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	if len(s.steps) == 0 {
		s.t.Errorf("unexpected %s %s", got, body)
		return nil, errors.New("unexpected")
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	if got != step.want {
		s.t.Errorf("request %s, want %s", got, step.want)
	}
	if step.body != "" {
		if d := cmp.Diff(decode(s.t, step.body), decode(s.t, string(body))); d != "" {
			s.t.Errorf("%s (-want +got):\n%s", got, d)
		}
	}
	if strings.Contains(r.URL.String(), secret) {
		s.t.Errorf("the URL tells the secret: %s", r.URL)
	}
	if step.lost {
		return nil, errors.New("connection reset by peer")
	}
	return respond(r, step), nil
}

func respond(r *http.Request, e exchange) *http.Response {
	h := http.Header{}
	for k, v := range e.header {
		h.Set(k, v)
	}
	return &http.Response{
		StatusCode: e.status, Status: fmt.Sprint(e.status, " ", http.StatusText(e.status)), Header: h, Request: r,
		Body: io.NopCloser(strings.NewReader(e.answer)), ProtoMajor: 1, ProtoMinor: 1,
	}
}

func decode(t *testing.T, s string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Errorf("%v: %s", err, s)
	}
	return v
}

// client returns a client whose requests go to rt.
func client(t *testing.T, rt http.RoundTripper, change ...func(*github.Config)) *github.Client {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(file, []byte(secret+"\n"), 0o600))
	cfg := github.Config{
		BaseURL: "https://ghe.example.com/api/v3", Owner: "acme", Repo: "env", Auth: github.Auth{TokenFile: file},
		Transport: rt, Log: slog.New(slog.DiscardHandler),
	}
	if s, ok := rt.(*script); ok {
		cfg.Log = slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	for _, f := range change {
		f(&cfg)
	}
	c, err := github.New(cfg)
	must(t, err)
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, err error, want amend.Kind) {
	t.Helper()
	if got := amend.KindOf(err); got != want {
		t.Errorf("kind = %q, want %q (error: %v)", got, want, err)
	}
	if err != nil && strings.Contains(err.Error(), secret) {
		t.Errorf("the error tells the secret: %v", err)
	}
}

func repoPath(t *testing.T, s string) amend.RepoPath {
	t.Helper()
	p, err := amend.ParseRepoPath(s)
	must(t, err)
	return p
}

func ref(branch, sha string) string {
	return fmt.Sprintf(`{"ref":"refs/heads/%s","object":{"type":"commit","sha":"%s"}}`, branch, sha)
}

func message(m string) string {
	b, _ := json.Marshal(map[string]string{"message": m})
	return string(b)
}

var ctx = context.Background()
