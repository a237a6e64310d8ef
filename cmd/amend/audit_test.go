package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
)

// An auditedRepo is a clone with one change of amend.
type auditedRepo struct {
	testing.TB
	dir string
}

func (r auditedRepo) git(args ...string) string {
	r.Helper()
	cmd := exec.Command("git", append([]string{"-C", r.dir}, args...)...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=jo", "GIT_AUTHOR_EMAIL=jo@example.com", "GIT_COMMITTER_NAME=jo", "GIT_COMMITTER_EMAIL=jo@example.com",
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r auditedRepo) write(name, content string) {
	r.Helper()
	path := filepath.Join(r.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		r.Fatal(err)
	}
}

// commit commits all files and returns the commit.
func (r auditedRepo) commit(text string) string {
	r.Helper()
	r.git("add", "--all")
	r.git("commit", "-q", "-m", text)
	return r.git("rev-parse", "HEAD")
}

// changeText is the message of the change that the clone has.
func changeText(episode int) string {
	w := amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}
	path, _ := amend.ParseRepoPath("apps/web.yaml")
	return "scale-replicas Deployment shop/web: Busy\n\nWhy: alert Busy\n\n" + message.Trailers{
		Incident: amend.IncidentID("busy", w), Episode: episode, Action: "scale-replicas", Playbook: "busy",
		Alert: "5d41402abc4b2a76.firing", Workload: w, Path: path, Line: 5,
	}.String()
}

const webManifest = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  replicas: 1\n"

// newAuditedRepo makes the clone, its log included, and returns the change.
func newAuditedRepo(t testing.TB) (r auditedRepo, change string) {
	t.Helper()
	r = auditedRepo{t, t.TempDir()}
	r.git("init", "-q", "-b", "main")
	r.write(".amend/policy.yaml", "playbooks:\n  - {name: busy, action: scale-replicas}\n")
	r.write("apps/web.yaml", webManifest)
	r.commit("Start")
	r.write("apps/web.yaml", strings.Replace(webManifest, "replicas: 1", "replicas: 2", 1))
	change = r.commit(changeText(1))
	r.amend(0, "log", "--repo", r.dir)
	return r, change
}

// amend runs the program and returns what it printed.
func (r auditedRepo) amend(code int, args ...string) string {
	r.Helper()
	var stdout, stderr bytes.Buffer
	if got := run(args, &stdout, &stderr); got != code {
		r.Fatalf("amend %v: exit code %d, want %d\n%s%s", args, got, code, stdout.Bytes(), stderr.Bytes())
	}
	return stdout.String()
}

// anySHA stands for every commit id, as those depend on the time.
var anySHA = regexp.MustCompile(`\b[0-9a-f]{40}\b`)

// TestAuditPage: docs/audit.md shows what the command prints.
func TestAuditPage(t *testing.T) {
	shown := func(opening string) string {
		_, rest, ok := strings.Cut(page(t, "audit.md"), opening)
		block, _, closed := strings.Cut(rest, "```\n")
		if !ok || !closed {
			t.Fatalf("no block that begins with %q", opening)
		}
		return anySHA.ReplaceAllString(block, "SHA")
	}
	r, _ := newAuditedRepo(t)
	holds := anySHA.ReplaceAllString(r.amend(0, "audit", "--repo", r.dir), "SHA")
	if diff := cmp.Diff(shown("```console\n$ amend audit\n"), holds); diff != "" {
		t.Errorf("-shown +printed:\n%s", diff)
	}
	r.write(".amend/policy.yaml", "playbooks:\n  - {name: busy, action: scale-replicas}\n# and more\n")
	r.write("apps/web.yaml", strings.Replace(webManifest, "replicas: 1", "replicas: 3", 1))
	r.commit(changeText(2))
	broken := anySHA.ReplaceAllString(r.amend(cli.ExitRefused, "audit", "--repo", r.dir), "SHA")
	_, violation, _ := strings.Cut(broken, "\n\n")
	if diff := cmp.Diff(shown("```text\n"), violation); diff != "" {
		t.Errorf("-shown +printed:\n%s", diff)
	}
}

// audited proves the promises on the host's copy of the env repo. Entries of the
// log may be under way for as long as the test runs.
func (s *stage) audited() {
	s.Helper()
	var stdout, stderr bytes.Buffer
	if code := run([]string{"audit", "--repo", s.repoDir(), "--branch", "main", "--grace", "24h"}, &stdout, &stderr); code != cli.ExitOK {
		s.Errorf("the audit ends with %d\n%s%s", code, stdout.Bytes(), stderr.Bytes())
	}
	if _, err := s.tryGit("show", "main:"+ledger.LogFile); err == nil && !strings.Contains(stdout.String(), "entries in the log") {
		s.Errorf("the audit did not see the log:\n%s", stdout.Bytes())
	}
}
