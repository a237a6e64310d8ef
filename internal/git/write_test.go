package git_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/git"
)

var meta = git.CommitMeta{
	Message: "Raise replicas\n\nAmend-Incident: x\n",
	Author:  git.Person{Name: "amend", Email: "amend@example.com"},
	Time:    time.Date(2026, 5, 1, 12, 0, 0, 999, time.FixedZone("", 7200)),
}

// Git itself, given the same commit, must come to the same SHA.
func TestWriteMatchesGit(t *testing.T) {
	u := newUpstream(t)
	work := filepath.Join(t.TempDir(), "w")
	run(t, ".", "clone", "-q", u.url(), work)
	write := func(name, content string, mode os.FileMode) {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(work, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(work, name), []byte(content), mode))
	}
	write("apps/web/deploy.yaml", "replicas: 1\n", 0o644)
	write("apps/web.yaml", "x: 1\n", 0o644) // sorts between "web" and "web/"
	write("run.sh", "#!/bin/sh\n", 0o755)
	run(t, work, "add", ".")
	run(t, work, "commit", "-qm", "first")
	run(t, work, "push", "-q", "origin", "HEAD:main")
	m := open(t, u.config(t))
	fetch(t, m)
	parent := head(t, m, "main")

	got, err := m.Write(parent, map[amend.RepoPath][]byte{
		repoPath(t, "apps/web/deploy.yaml"):   []byte("replicas: 2\r\n"),
		repoPath(t, "run.sh"):                 []byte("#!/bin/sh\nexit\n"),
		repoPath(t, "new/deep/er/empty.yaml"): nil,
	}, meta)
	must(t, err)

	write("apps/web/deploy.yaml", "replicas: 2\r\n", 0o644)
	write("run.sh", "#!/bin/sh\nexit\n", 0o755)
	write("new/deep/er/empty.yaml", "", 0o644)
	run(t, work, "add", ".")
	cmd := exec.Command("git", "commit-tree", strings.TrimSpace(run(t, work, "write-tree")), "-p", parent)
	cmd.Dir, cmd.Stdin = work, strings.NewReader(meta.Message)
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=amend", "GIT_AUTHOR_EMAIL=amend@example.com", "GIT_AUTHOR_DATE=2026-05-01T10:00:00Z",
		"GIT_COMMITTER_NAME=amend", "GIT_COMMITTER_EMAIL=amend@example.com", "GIT_COMMITTER_DATE=2026-05-01T10:00:00Z")
	out, err := cmd.Output()
	must(t, err)
	if want := strings.TrimSpace(string(out)); got.SHA != want {
		t.Errorf("SHA = %s, git says %s", got.SHA, want)
	}
	if want := strings.TrimSpace(run(t, work, "write-tree")); got.TreeSHA != want {
		t.Errorf("tree = %s, git says %s", got.TreeSHA, want)
	}
	again, err := m.Write(parent, map[amend.RepoPath][]byte{
		repoPath(t, "new/deep/er/empty.yaml"): {},
		repoPath(t, "run.sh"):                 []byte("#!/bin/sh\nexit\n"),
		repoPath(t, "apps/web/deploy.yaml"):   []byte("replicas: 2\r\n"),
	}, meta)
	if err != nil || again != got {
		t.Errorf("the second time: %v, %v", again, err)
	}
	if now := head(t, m, "main"); now != parent {
		t.Errorf("Write moved the branch to %s", now)
	}
	readAllBut(t, m, got.SHA, "new/deep/er/empty.yaml", 3)
}

// The objects that a fix adds depend on the depth of the file alone.
func TestWriteIsFlat(t *testing.T) {
	u := newUpstream(t)
	files := map[string]string{"a/b/deploy.yaml": "x"}
	for i := range 3000 {
		files["other/"+strings.Repeat("f", i%40+1)+"/"+time.Duration(i).String()] = "y"
	}
	u.commit(t, "main", files)
	cfg := u.config(t)
	m := open(t, cfg)
	fetch(t, m)
	loose := func() int {
		names, err := filepath.Glob(filepath.Join(cfg.Dir, "amend-mirror", "objects", "??", "*"))
		must(t, err)
		return len(names)
	}
	before := loose()
	must(t, m.Advance("main", change(t, m, head(t, m, "main"), "a/b/deploy.yaml", "z")))
	must(t, m.Close())
	if got := loose() - before; got != 5 { // blob, b, a, root, commit
		t.Errorf("%d new objects, want 5", got)
	}
}

func TestWriteRefuses(t *testing.T) {
	u := newUpstream(t)
	u.commit(t, "main", map[string]string{"folder/file.yaml": "x"})
	u.link(t, "main", "link", "folder")
	m := open(t, u.config(t))
	fetch(t, m)
	parent := head(t, m, "main")
	files := func(names ...string) map[amend.RepoPath][]byte {
		f := map[amend.RepoPath][]byte{}
		for _, n := range names {
			f[repoPath(t, n)] = []byte("y")
		}
		return f
	}
	with := func(change func(*git.CommitMeta)) git.CommitMeta { c := meta; change(&c); return c }
	for name, tc := range map[string]struct {
		parent string
		files  map[amend.RepoPath][]byte
		meta   git.CommitMeta
		want   amend.Kind
	}{
		"over a folder":         {parent, files("folder"), meta, amend.Refused},
		"over a link":           {parent, files("link"), meta, amend.Refused},
		"through a link":        {parent, files("link/file.yaml"), meta, amend.Refused},
		"through a file":        {parent, files("folder/file.yaml/x"), meta, amend.Refused},
		"both file and folder":  {parent, files("new", "new/x"), meta, amend.Refused},
		"nothing":               {parent, nil, meta, amend.Invalid},
		"unknown parent":        {strings.Repeat("0", 39) + "1", files("x"), meta, amend.NotFound},
		"a branch for a parent": {"main", files("x"), meta, amend.Invalid},
		"author with a newline": {parent, files("x"), with(func(c *git.CommitMeta) { c.Author.Name = "a\ncommitter b" }), amend.Invalid},
		"author with a bracket": {parent, files("x"), with(func(c *git.CommitMeta) { c.Author.Email = "a> 1 +0000" }), amend.Invalid},
		"no author":             {parent, files("x"), with(func(c *git.CommitMeta) { c.Author = git.Person{} }), amend.Invalid},
		"no message":            {parent, files("x"), with(func(c *git.CommitMeta) { c.Message = "" }), amend.Invalid},
		"no time":               {parent, files("x"), with(func(c *git.CommitMeta) { c.Time = time.Time{} }), amend.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := m.Write(tc.parent, tc.files, tc.meta)
			wantKind(t, err, tc.want)
		})
	}
}

func TestAdvance(t *testing.T) {
	u := newUpstream(t)
	parent := u.commit(t, "main", map[string]string{"a.yaml": "one\n"})
	cfg := u.config(t)
	m := open(t, cfg)
	fetch(t, m)
	wantKind(t, m.Advance("main", strings.Repeat("1", 40)), amend.NotFound)
	c, err := m.Write(parent, map[amend.RepoPath][]byte{repoPath(t, "a.yaml"): []byte("two\n")}, meta)
	must(t, err)
	must(t, m.Advance("main", c.SHA))
	if got := head(t, m, "main"); got != c.SHA {
		t.Errorf("main = %s, want %s", got, c.SHA)
	}
	must(t, m.Close())
	m = open(t, cfg)
	if got := head(t, m, "main"); got != c.SHA {
		t.Errorf("main = %s after opening again, want %s", got, c.SHA)
	}
	fetch(t, m) // the host knows better
	if got := head(t, m, "main"); got != parent {
		t.Errorf("main = %s after a fetch, want the host's %s", got, parent)
	}
}
