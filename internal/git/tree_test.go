package git_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/tree"
)

func TestTreeIsAFileSystem(t *testing.T) {
	u := newUpstream(t)
	sha := u.commit(t, "main", map[string]string{
		"a.yaml": "one\n", "a/b.yaml": "two\n", "a/b/c.yaml": "three\n", "a.b": "four\n", "ü/ß.yaml": "five\n",
	})
	m := open(t, u.config(t))
	fetch(t, m)
	view, err := m.Tree(sha)
	must(t, err)
	if err := fstest.TestFS(view, "a.yaml", "a/b.yaml", "a/b/c.yaml", "a.b", "ü/ß.yaml"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"none", "a/none", "a.yaml/x", "none/x"} {
		if _, err := fs.ReadFile(view, name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("read %s: %v, want not exist", name, err)
		}
	}
	for _, name := range []string{"../x", "/a.yaml", "a//b.yaml", ""} {
		if _, err := fs.ReadFile(view, name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("read %q: %v, want invalid", name, err)
		}
	}
	if _, err := fs.ReadFile(view, "a"); err == nil {
		t.Error("a folder reads as a file")
	}
	if _, err := fs.ReadDir(view, "a.yaml"); err == nil {
		t.Error("a file lists as a folder")
	}
}

func TestTreeModesAndHashes(t *testing.T) {
	u := newUpstream(t)
	work := filepath.Join(t.TempDir(), "w")
	run(t, ".", "clone", "-q", u.url(), work)
	blob := strings.TrimSpace(run(t, work, "hash-object", "-w", "-t", "blob", "/dev/null"))
	sub := strings.Repeat("a", 40)
	for _, entry := range []string{"100755," + blob + ",run.sh", "100644," + blob + ",dir/x", "120000," + blob + ",link", "160000," + sub + ",module",
		"100644," + blob + ",latin\xe9"} {
		run(t, work, "update-index", "--add", "--cacheinfo", entry)
	}
	run(t, work, "commit", "-qm", "all modes")
	run(t, work, "push", "-q", "origin", "HEAD:main")
	m := open(t, u.config(t))
	fetch(t, m)
	view, err := m.Tree(head(t, m, "main"))
	must(t, err)

	entries, err := fs.ReadDir(view, ".")
	must(t, err)
	got := map[string]fs.FileMode{}
	for _, e := range entries {
		i, err := e.Info()
		must(t, err)
		got[e.Name()] = i.Mode()
	}
	want := map[string]fs.FileMode{
		"run.sh": 0o755, "dir": fs.ModeDir | 0o755, "link": fs.ModeIrregular, "module": fs.ModeIrregular, "latin\xe9": fs.ModeIrregular,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("modes (-want +got):\n%s", d)
	}
	hasher := view.(tree.Hasher)
	for _, name := range []string{"link", "module", "link/x", "none"} {
		if _, err := fs.ReadFile(view, name); err == nil {
			t.Errorf("%s can be read", name)
		}
		if h, ok := hasher.Hash(name); ok {
			t.Errorf("%s has the hash %s", name, h)
		}
	}
	for name, rev := range map[string]string{".": "main^{tree}", "dir": "main:dir", "dir/x": "main:dir/x", "run.sh": "main:run.sh"} {
		if h, ok := hasher.Hash(name); !ok || h != u.rev(t, rev) {
			t.Errorf("hash of %s = %s, want %s", name, h, u.rev(t, rev))
		}
	}
}

func TestTreeOfUnknownCommit(t *testing.T) {
	u := newUpstream(t)
	u.commit(t, "main", map[string]string{"a": "x"})
	m := open(t, u.config(t))
	fetch(t, m)
	blob := u.rev(t, "main:a")
	for sha, want := range map[string]amend.Kind{
		strings.Repeat("1", 40): amend.NotFound, blob: amend.NotFound, "main": amend.Invalid, "": amend.Invalid, blob[:7]: amend.Invalid,
	} {
		_, err := m.Tree(sha)
		wantKind(t, err, want)
	}
	if m.Has("main") || m.Has(strings.Repeat("1", 40)) || !m.Has(blob) {
		t.Error("Has is wrong about what is here")
	}
}
