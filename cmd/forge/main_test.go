package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
	if _, err := forgeRun(t.Context(), "repo", "create", "acme/env", "--dir", dir); exitCode(err) != 3 {
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

func waitFor(t *testing.T, file string) string {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if text, err := os.ReadFile(file); err == nil {
			return strings.TrimSpace(string(text))
		}
	}
	t.Fatalf("%s does not appear", file)
	return ""
}

func TestServeStaysLocal(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:0", "nonsense"} {
		if _, err := forgeRun(t.Context(), "serve", "--listen", listen, "--dir", t.TempDir()); exitCode(err) != 2 {
			t.Errorf("listening on %s: %v", listen, err)
		}
	}
}
