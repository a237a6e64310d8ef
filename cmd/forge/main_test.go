package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/github"
)

// forgeRun runs the command line in this process.
func forgeRun(ctx context.Context, args ...string) (string, error) {
	cmd := root()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	return out.String(), err
}

func TestCreateAndServe(t *testing.T) {
	dir, from := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(from, "a.yaml"), []byte("x: 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := forgeRun(t.Context(), "repo", "create", "acme/env", "--dir", dir, "--from", from); err != nil || out != "/acme/env.git\n" {
		t.Fatalf("create: %q, %v", out, err)
	}
	if _, err := forgeRun(t.Context(), "repo", "create", "acme/env", "--dir", dir); cli.ExitCode(err) != cli.ExitRefused {
		t.Errorf("the second time: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	addrFile := filepath.Join(dir, "addr")
	ended := make(chan error, 1)
	go func() {
		_, err := forgeRun(ctx, "serve", "--listen", "127.0.0.1:0", "--dir", dir, "--addr-file", addrFile)
		ended <- err
	}()
	addr := waitFor(t, addrFile)
	token := waitFor(t, filepath.Join(dir, "token"))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/api/v3/repos/acme/env/git/ref/heads/main", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("reading the branch: %v, %v", res, err)
	}
	if err == nil {
		res.Body.Close()
	}
	if info, err := os.Stat(filepath.Join(dir, "token")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the token file: %v, %v", info.Mode(), err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("serve ended with %v", err)
	}
}

// The App of --app-repo gets tokens with its key, and has it still after a restart.
func TestServeWithAnApp(t *testing.T) {
	dir, from := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(from, "a.yaml"), []byte("x: 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := forgeRun(t.Context(), "repo", "create", "acme/env", "--dir", dir, "--from", from); err != nil {
		t.Fatalf("create: %q, %v", out, err)
	}
	for range 2 {
		ctx, stop := context.WithCancel(t.Context())
		addrFile := filepath.Join(t.TempDir(), "addr")
		ended := make(chan error, 1)
		go func() {
			_, err := forgeRun(ctx, "serve", "--listen", "127.0.0.1:0", "--dir", dir, "--addr-file", addrFile, "--app-repo", "acme/env")
			ended <- err
		}()
		client, err := github.New(github.Config{
			BaseURL: "http://" + waitFor(t, addrFile) + "/api/v3", Owner: "acme", Repo: "env",
			Auth: github.Auth{AppID: 1, KeyFile: filepath.Join(dir, "app-key.pem")},
		})
		if err == nil {
			_, err = client.Head(ctx, "main")
		}
		if err != nil {
			t.Error(err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("serve ended with %v", err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "app-key.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info, err)
	}
}

func waitFor(t *testing.T, file string) string {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if text, err := os.ReadFile(file); err == nil {
			return strings.TrimSpace(string(text))
		}
	}
	t.Fatalf("%s does not appear", file)
	return ""
}

func TestServeChecksTheWebhook(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"--webhook-url", "nonsense"},
		{"--webhook-url", "http://127.0.0.1:1/", "--webhook-secret-file", empty},
		{"--webhook-url", "http://127.0.0.1:1/", "--webhook-secret-file", empty + ".missing"},
	} {
		args = append([]string{"serve", "--listen", "127.0.0.1:0", "--dir", t.TempDir()}, args...)
		if _, err := forgeRun(t.Context(), args...); cli.ExitCode(err) != cli.ExitInvalid {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// TestServePostsWebhooks: what the flags name reaches the forge.
func TestServePostsWebhooks(t *testing.T) {
	signature := make(chan string, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		signature <- r.Header.Get("X-Hub-Signature-256")
	}))
	defer receiver.Close()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("word\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	addrFile := filepath.Join(dir, "addr")
	ended := make(chan error, 1)
	go func() {
		_, err := forgeRun(ctx, "serve", "--listen", "127.0.0.1:0", "--dir", dir, "--addr-file", addrFile,
			"--webhook-url", receiver.URL, "--webhook-secret-file", secret)
		ended <- err
	}()
	env := twoBranches(t, dir)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+waitFor(t, addrFile)+"/api/v3/repos/"+env+"/pulls",
		strings.NewReader(`{"title":"Fix","head":"fix","base":"main"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+waitFor(t, filepath.Join(dir, "token")))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("opening a pull request: %s", res.Status)
	}
	select {
	case got := <-signature:
		if !strings.HasPrefix(got, "sha256=") {
			t.Errorf("the signature is %q", got)
		}
	case <-time.After(time.Minute):
		t.Error("no webhook arrives")
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("serve ended with %v", err)
	}
}

// twoBranches makes a repository whose branch fix is ahead of main.
func twoBranches(t *testing.T, dir string) string {
	t.Helper()
	from := t.TempDir()
	if err := os.WriteFile(filepath.Join(from, "a.yaml"), []byte("x: 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := forgeRun(t.Context(), "repo", "create", "acme/env", "--dir", dir, "--from", from); err != nil {
		t.Fatal(err)
	}
	git := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"--git-dir", filepath.Join(dir, "repos/acme/env.git"),
			"-c", "user.name=a", "-c", "user.email=a@b"}, args...)...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("git %v: %v", args, err)
		}
		return strings.TrimSpace(string(out))
	}
	git("branch", "fix", git("commit-tree", "main^{tree}", "-p", "main", "-m", "Fix"))
	return "acme/env"
}

func TestServeStaysLocal(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:0", "nonsense"} {
		if _, err := forgeRun(t.Context(), "serve", "--listen", listen, "--dir", t.TempDir()); cli.ExitCode(err) != cli.ExitInvalid {
			t.Errorf("listening on %s: %v", listen, err)
		}
	}
}
