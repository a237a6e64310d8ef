package forge_test

import (
	"crypto/rand"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/amendhq/amend/internal/forge"
)

func TestCloneAndPush(t *testing.T) {
	b := newBench(t, forge.Config{})
	b.withFiles(map[string]string{"a/b.yaml": "x: 1\n"})
	dir := b.clone()
	if got, err := os.ReadFile(filepath.Join(dir, "a/b.yaml")); err != nil || string(got) != "x: 1\n" {
		t.Fatalf("cloned %q, %v", got, err)
	}
	// Random bytes do not compress: the push is larger than http.postBuffer,
	// so that git sends it chunked.
	big := make([]byte, 3<<20)
	_, _ = rand.Read(big)
	if err := os.WriteFile(filepath.Join(dir, "big"), big, 0o644); err != nil {
		t.Fatal(err)
	}
	b.mustGit(dir, "add", ".")
	b.mustGit(dir, "commit", "-qm", "big")
	b.mustGit(dir, "push", "-q", "origin", "HEAD:main")
	if got, want := b.head("main"), strings.TrimSpace(b.mustGit(dir, "rev-parse", "HEAD")); got != want {
		t.Errorf("the API sees %s after the push, want %s", got, want)
	}
}

func TestPushSeesAPIAndLosesTheRace(t *testing.T) {
	b := newBench(t, forge.Config{})
	first := b.withFiles(map[string]string{"a": "1\n"})
	dir := b.clone()
	next := b.commit(first, "a", "2\n")
	if _, _, err := b.client.Git.UpdateRef(t.Context(), "acme", "env", ref("main", next), false); err != nil {
		t.Fatal(err)
	}
	b.mustGit(dir, "commit", "-q", "--allow-empty", "-m", "late")
	if out, err := b.git(dir, "push", "origin", "HEAD:main"); err == nil || !strings.Contains(out, "rejected") {
		t.Errorf("a late push ended with %v:\n%s", err, out)
	}
	b.mustGit(dir, "pull", "-q", "--rebase", "origin", "main")
	b.mustGit(dir, "push", "-q", "origin", "HEAD:main")
	if out := b.mustGit(dir, "log", "--format=%s", "-2"); out != "late\nSet a\n" {
		t.Errorf("history is %q", out)
	}
}

func TestGitAccess(t *testing.T) {
	b := newBench(t, forge.Config{})
	b.withFiles(map[string]string{"a": "1\n"})
	b.server.AddToken("reader", forge.Grant{Login: "r", Repos: []string{fullName}, Permissions: map[string]string{"contents": "read"}})
	b.server.AddToken("stranger", forge.Grant{Login: "s", Repos: []string{"acme/other"}})
	tests := []struct{ token, service, want string }{
		{token, "git-receive-pack", "200"},
		{"reader", "git-upload-pack", "200"},
		{"reader", "git-receive-pack", "403"},
		{"stranger", "git-upload-pack", "404"},
		{"unknown", "git-upload-pack", "401"},
	}
	for _, test := range tests {
		res, _ := b.call(http.MethodGet, "/acme/env.git/info/refs?service="+test.service, "", "Authorization", "Basic "+basic(test.token))
		if !strings.HasPrefix(res.Status, test.want) {
			t.Errorf("%s with %s: %s, want %s", test.service, test.token, res.Status, test.want)
		}
	}
	for _, path := range []string{"/acme/env.git/config", "/acme/env.git/objects/info/packs", "/../env.git/info/refs"} {
		if res, _ := b.call(http.MethodGet, path, ""); res.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s: %s, want 404", path, res.Status)
		}
	}
	if out, err := b.gitAs("reader", b.clone(), "push", "origin", "HEAD:refs/heads/x"); err == nil {
		t.Errorf("a reader pushed:\n%s", out)
	}
}

func TestProtocolVersion2(t *testing.T) {
	b := newBench(t, forge.Config{})
	b.withFiles(map[string]string{"a": "1\n"})
	_, body := b.call(http.MethodGet, "/acme/env.git/info/refs?service=git-upload-pack", "", "Git-Protocol", "version=2")
	if !strings.Contains(body, "version 2") {
		t.Errorf("answered %q", body)
	}
}

func TestStateSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	b := newBench(t, forge.Config{Dir: dir})
	first := b.withFiles(map[string]string{"a": "1\n"})
	b.branch("fix", b.commit(first, "a", "2\n"))
	b.openPull("fix", "Fix it")
	again := newBench(t, forge.Config{Dir: dir})
	pr, _, err := again.client.PullRequests.Get(t.Context(), "acme", "env", 1)
	if err != nil || pr.GetTitle() != "Fix it" {
		t.Errorf("after a restart: %v, %v", pr.GetTitle(), err)
	}
}
