package git_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/git"
)

func TestOpenDir(t *testing.T) {
	u := newUpstream(t)
	for _, v := range []string{"1", "2", "3"} {
		u.commit(t, "main", map[string]string{"dir/f": v})
	}
	sha := u.rev(t, "main")
	for name, prepare := range map[string]func(dir string){
		"work tree": func(dir string) { run(t, ".", "clone", "-q", u.url(), dir) },
		"bare":      func(dir string) { run(t, ".", "clone", "-q", "--bare", u.url(), dir) },
		"worktree": func(dir string) {
			other := filepath.Join(t.TempDir(), "first")
			run(t, ".", "clone", "-q", u.url(), other)
			run(t, other, "worktree", "add", "-q", "--force", dir, "main")
		},
		"detached": func(dir string) {
			run(t, ".", "clone", "-q", u.url(), dir)
			run(t, dir, "checkout", "-q", "--detach")
		},
		"packed refs": func(dir string) {
			run(t, ".", "clone", "-q", u.url(), dir)
			run(t, dir, "pack-refs", "--all")
		},
		"sparse": func(dir string) {
			run(t, ".", "clone", "-q", u.url(), dir)
			run(t, dir, "sparse-checkout", "set", "nothing")
		},
		"odd configuration": func(dir string) {
			run(t, ".", "clone", "-q", u.url(), dir)
			run(t, dir, "config", "remote.other.fetch", "+refs/x:refs/y") // without an address
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "clone")
			prepare(dir)
			c, err := git.OpenDir(dir)
			must(t, err)
			for _, branch := range []string{"main", "HEAD"} {
				if got, err := c.Head(branch); err != nil || got != sha {
					t.Errorf("%s = %s, %v; want %s", branch, got, err, sha)
				}
			}
			_, err = c.Head("none")
			wantKind(t, err, amend.NotFound)
			count(t, c, sha, "", 3)
			view, err := c.Tree(sha)
			must(t, err)
			if b, err := fs.ReadFile(view, "dir/f"); err != nil || string(b) != "3" {
				t.Errorf("dir/f = %q, %v", b, err)
			}
			n := 0
			for _, err := range c.Versions(sha, repoPath(t, "dir/f")) {
				must(t, err)
				n++
			}
			if n != 3 {
				t.Errorf("%d versions, want 3", n)
			}
		})
	}
}

// A shallow clone shows what it has and says that this is not all.
func TestOpenShallow(t *testing.T) {
	u := newUpstream(t)
	for _, v := range []string{"1", "2", "3"} {
		u.commit(t, "main", map[string]string{"f": v})
	}
	dir := filepath.Join(t.TempDir(), "clone")
	run(t, ".", "clone", "-q", "--depth", "2", u.url(), dir)
	c, err := git.OpenDir(dir)
	must(t, err)
	sha, err := c.Head("HEAD")
	must(t, err)
	var seen int
	var last error
	for _, err := range c.Log(sha, "") {
		if last = err; err == nil {
			seen++
		}
	}
	if seen != 2 || !errors.Is(last, git.ErrShallow) {
		t.Errorf("%d commits and %v, want 2 and ErrShallow", seen, last)
	}
	wantKind(t, last, amend.Invalid)
	count(t, c, sha, u.rev(t, "main~1"), 1) // not cut off before it ends
	seen = 0
	for _, err := range c.Versions(sha, repoPath(t, "f")) {
		if last = err; err == nil {
			seen++
		}
	}
	if seen != 1 || !errors.Is(last, git.ErrShallow) {
		t.Errorf("%d versions and %v, want 1 and ErrShallow", seen, last)
	}
}

func TestOpenDirRefuses(t *testing.T) {
	_, err := git.OpenDir(t.TempDir())
	wantKind(t, err, amend.NotFound)
	_, err = git.OpenDir(filepath.Join(t.TempDir(), "none"))
	wantKind(t, err, amend.NotFound)

	dir := t.TempDir()
	run(t, dir, "init", "-q", "-b", "main", "--object-format=sha256")
	_, err = git.OpenDir(dir)
	wantKind(t, err, amend.Invalid)

	u := newUpstream(t)
	u.commit(t, "main", map[string]string{"f": "1"})
	dir = filepath.Join(t.TempDir(), "clone")
	run(t, ".", "clone", "-q", "--shared", u.dir, dir)
	_, err = git.OpenDir(dir)
	wantKind(t, err, amend.Invalid)

	dir = t.TempDir()
	run(t, dir, "init", "-q", "-b", "main")
	c, err := git.OpenDir(dir)
	must(t, err)
	_, err = c.Head("HEAD")
	wantKind(t, err, amend.NotFound)
}

// A partial clone lacks objects: the error says so, and not that the file is missing.
func TestOpenPartialClone(t *testing.T) {
	u := newUpstream(t)
	run(t, u.dir, "config", "uploadpack.allowFilter", "true")
	sha := u.commit(t, "main", map[string]string{"f": "1"})
	dir := filepath.Join(t.TempDir(), "clone")
	run(t, ".", "clone", "-q", "--filter=blob:none", "--no-checkout", u.url(), dir)
	c, err := git.OpenDir(dir)
	must(t, err)
	view, err := c.Tree(sha)
	must(t, err)
	_, err = fs.ReadFile(view, "f")
	wantKind(t, err, amend.Invalid)
	if errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "lost") {
		t.Errorf("error = %v", err)
	}
}

// TestHeadOfRemote: what was fetched of a branch is found, and a branch of that very
// name before it.
func TestHeadOfRemote(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "repo")
	run(t, ".", "init", "-q", "-b", "main", dir)
	run(t, dir, "commit", "-q", "--allow-empty", "-m", "first")
	run(t, dir, "update-ref", "refs/remotes/origin/topic", "HEAD")
	c, err := git.OpenDir(dir)
	must(t, err)
	first, err := c.Head("main")
	must(t, err)
	if got, err := c.Head("origin/topic"); err != nil || got != first {
		t.Errorf("origin/topic = %s, %v; want %s", got, err, first)
	}
	_, err = c.Head("origin/none")
	wantKind(t, err, amend.NotFound)

	run(t, dir, "commit", "-q", "--allow-empty", "-m", "second")
	run(t, dir, "branch", "origin/topic")
	if got, err := c.Head("origin/topic"); err != nil || got == first {
		t.Errorf("origin/topic = %s, %v; want the branch", got, err)
	}
}
