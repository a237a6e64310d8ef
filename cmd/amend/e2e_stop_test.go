package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// stop ends serve as an operator does and returns its exit code.
func (s *stage) stop() int {
	s.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.must(s.serve.cmd.Process.Signal(syscall.SIGTERM))
	<-s.serve.ended
	code := s.serve.cmd.ProcessState.ExitCode()
	s.serve = nil
	return code
}

// TestEndIsCleanWhateverClientsDo: a post that never arrives whole must not make
// a mistake of ours out of SIGTERM.
func TestEndIsCleanWhateverClientsDo(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1, "", nil)
	s.start("--sweep-interval", "1h")
	conn, err := net.Dial("tcp", s.addr)
	s.must(err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST /v1/alertmanager HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", s.addr)
	s.must(err)
	s.post(firing("AppStuck", app(1))) // another client: what came before has arrived
	s.decided(app(1), 1)
	if code := s.stop(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if rest, _ := io.ReadAll(conn); len(rest) > 0 && !strings.HasPrefix(string(rest), "HTTP/1.1 4") {
		t.Errorf("the half post was answered: %s", rest)
	}
	s.start()
	if code := s.stop(); code != 0 {
		t.Errorf("with nobody there: exit code %d, want 0", code)
	}
}

// TestEndWhileTheHostDoesNotAnswer: SIGTERM at the start is no mistake of ours either.
func TestEndWhileTheHostDoesNotAnswer(t *testing.T) {
	ctx, end := context.WithCancel(context.Background())
	defer end()
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		end()
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer host.Close()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := newServe()
	cmd.SetArgs([]string{"--repo", host.URL + "/acme/env", "--github-token-file", token, "--listen", "127.0.0.1:0", "--data-dir", t.TempDir()})
	var log strings.Builder
	cmd.SetErr(&log)
	if err := cmd.ExecuteContext(ctx); err != nil || strings.Contains(log.String(), "WARN") {
		t.Errorf("ended with %v and said\n%s", err, &log)
	}
}

// TestWhatTheHostRefuses is told as what it is: a wrong credential is not a branch that
// is not there.
func TestWhatTheHostRefuses(t *testing.T) {
	for status, want := range map[int]string{
		http.StatusUnauthorized: "refuses the credential: ",
		http.StatusNotFound:     `has no branch "main", or the credential may not read it: `,
	} {
		host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(host.Close)
		token := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(token, []byte("secret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr strings.Builder
		code := run([]string{"serve", "--repo", host.URL + "/acme/env", "--github-token-file", token, "--listen", "127.0.0.1:0", "--data-dir", t.TempDir()}, &stdout, &stderr)
		if code != 3 || !strings.Contains(stderr.String(), want) {
			t.Errorf("%d: exit code %d, said %s", status, code, &stderr)
		}
	}
}

func TestCredentialInClearIsNoticed(t *testing.T) {
	for _, c := range []struct {
		repo, api string
		want      int
	}{
		{"https://github.com/acme/env", "", 0},
		{"https://git.example.com/acme/env", "", 0},
		{"http://git.example.com/acme/env", "", 2},
		{"https://git.example.com/acme/env", "http://api.example.com", 1},
		{"http://127.0.0.1:3080/acme/env", "", 0},
		{"http://[::1]:3080/acme/env", "", 0},
		{"http://localhost/acme/env", "", 0},
		{"http://localhost.example.com/acme/env", "https://api.example.com", 1},
		{"http://10.0.0.1/acme/env", "", 2},
	} {
		var log strings.Builder
		where, err := parseRepoURL(c.repo, c.api)
		if err != nil {
			t.Fatal(err)
		}
		warnInClear(slog.New(slog.NewTextHandler(&log, nil)), where.clone, where.api)
		if got := strings.Count(log.String(), "level=WARN"); got != c.want {
			t.Errorf("%s %s: %d warnings, want %d:\n%s", c.repo, c.api, got, c.want, &log)
		}
	}
}
