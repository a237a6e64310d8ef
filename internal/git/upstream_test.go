package git_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/git"
)

// upstream is a real bare repository behind git's own HTTP server.
type upstream struct {
	*httptest.Server
	dir      string // the bare repository
	requests atomic.Int64
	// intercept answers a request itself when it returns true.
	intercept atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
}

func newUpstream(t testing.TB) *upstream {
	t.Helper()
	root := t.TempDir()
	u := &upstream{dir: filepath.Join(root, "env.git")}
	run(t, root, "init", "-q", "--bare", "-b", "main", u.dir)
	run(t, u.dir, "config", "http.receivepack", "true")
	run(t, u.dir, "config", "uploadpack.allowFilter", "true") // as GitHub and GitLab do
	execPath := strings.TrimSpace(run(t, root, "--exec-path"))
	backend := &cgi.Handler{
		Path: filepath.Join(execPath, "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1"},
		// It complains about clients that go away, which some tests do.
		Logger: log.New(io.Discard, "", 0),
	}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.requests.Add(1)
		if f := u.intercept.Load(); f != nil && (*f)(w, r) {
			return
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(u.Close)
	return u
}

func (u *upstream) url() string { return u.URL + "/env.git" }

func (u *upstream) config(t testing.TB) git.Config {
	return git.Config{Dir: t.TempDir(), URL: u.url(), Log: slog.New(slog.DiscardHandler)}
}

// commit adds one commit to a branch of the bare repository without a work
// tree, and returns its SHA. An empty content deletes the file.
func (u *upstream) commit(t testing.TB, branch string, files map[string]string) string {
	t.Helper()
	u.stream(t, stream{branch: branch, files: files})
	return u.rev(t, branch)
}

type stream struct {
	branch, from, merge string
	files               map[string]string
	message             string
	time                int64
}

// stream feeds commits to git fast-import.
func (u *upstream) stream(t testing.TB, commits ...stream) {
	t.Helper()
	var b strings.Builder
	for i, c := range commits {
		if c.time == 0 {
			c.time = clock.Add(1)
		}
		if c.message == "" {
			c.message = "change"
		}
		fmt.Fprintf(&b, "commit refs/heads/%s\nmark :%d\ncommitter Ann <ann@example.com> %d +0100\ndata %d\n%s\n",
			c.branch, i+1, c.time, len(c.message), c.message)
		if c.from == "" && i == 0 && u.has(c.branch) {
			c.from = "refs/heads/" + c.branch + "^0"
		}
		if c.from != "" {
			fmt.Fprintf(&b, "from %s\n", c.from)
		}
		if c.merge != "" {
			fmt.Fprintf(&b, "merge %s\n", c.merge)
		}
		for name, content := range c.files {
			if content == "" {
				fmt.Fprintf(&b, "D %s\n", name)
				continue
			}
			fmt.Fprintf(&b, "M 100644 inline %s\ndata %d\n%s\n", name, len(content), content)
		}
		b.WriteString("\n")
	}
	cmd := exec.Command("git", "fast-import", "--quiet", "--force")
	cmd.Dir, cmd.Stdin = u.dir, strings.NewReader(b.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("fast-import: %v\n%s", err, out)
	}
}

// clock gives every commit its own second.
var clock = func() *atomic.Int64 { c := new(atomic.Int64); c.Store(1_700_000_000); return c }()

func (u *upstream) has(branch string) bool {
	cmd := exec.Command("git", "rev-parse", "-q", "--verify", "refs/heads/"+branch)
	cmd.Dir = u.dir
	return cmd.Run() == nil
}

func (u *upstream) rev(t testing.TB, rev string) string {
	t.Helper()
	return strings.TrimSpace(run(t, u.dir, "rev-parse", rev))
}

func run(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.com", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func open(t testing.TB, cfg git.Config) *git.Mirror {
	t.Helper()
	m, err := git.OpenMirror(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// warm returns a mirror of one file, a.yaml, with the commit that brought it.
func warm(t testing.TB) (u *upstream, cfg git.Config, m *git.Mirror, sha string) {
	t.Helper()
	u = newUpstream(t)
	sha = u.commit(t, "main", map[string]string{"a.yaml": "one\n"})
	cfg = u.config(t)
	m = open(t, cfg)
	fetch(t, m)
	return u, cfg, m, sha
}

func fetch(t testing.TB, m *git.Mirror) {
	t.Helper()
	if err := m.Fetch(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func head(t testing.TB, m *git.Mirror, branch string) string {
	t.Helper()
	sha, err := m.Head(branch)
	if err != nil {
		t.Fatal(err)
	}
	return sha
}

func repoPath(t testing.TB, s string) amend.RepoPath {
	t.Helper()
	p, err := amend.ParseRepoPath(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantKind(t testing.TB, err error, want amend.Kind) {
	t.Helper()
	if got := amend.KindOf(err); got != want {
		t.Errorf("kind = %q, want %q (error: %v)", got, want, err)
	}
}

// link adds a commit with a symbolic link.
func (u *upstream) link(t testing.TB, branch, name, to string) {
	t.Helper()
	in := fmt.Sprintf("commit refs/heads/%s\ncommitter Ann <ann@example.com> %d +0000\ndata 1\nl\nfrom refs/heads/%s^0\nM 120000 inline %s\ndata %d\n%s\n",
		branch, clock.Add(1), branch, name, len(to), to)
	cmd := exec.Command("git", "fast-import", "--quiet")
	cmd.Dir, cmd.Stdin = u.dir, strings.NewReader(in)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("fast-import: %v\n%s", err, out)
	}
}
