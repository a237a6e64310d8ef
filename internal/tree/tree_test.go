package tree_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/tree"
)

func path(t *testing.T, s string) amend.RepoPath {
	t.Helper()
	p, err := amend.ParseRepoPath(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestOverlayIsAFileSystem(t *testing.T) {
	base := fstest.MapFS{
		"apps/a.yaml":      {Data: []byte("old: 1\n"), Mode: 0o755},
		"apps/sub/b.yaml":  {Data: []byte("b: 1\n"), Mode: 0o644},
		"other/c.yaml":     {Data: []byte("c: 1\n"), Mode: 0o644},
		"apps/a.yaml.orig": {Data: []byte("neighbour\n"), Mode: 0o644},
	}
	over := tree.Overlay(base, map[amend.RepoPath][]byte{
		path(t, "apps/a.yaml"):     []byte("new and longer: 2\n"),
		path(t, "apps/sub/b.yaml"): nil,
	})
	if err := fstest.TestFS(over, "apps/a.yaml", "apps/sub/b.yaml", "other/c.yaml", "apps/a.yaml.orig"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"apps/a.yaml": "new and longer: 2\n", "apps/sub/b.yaml": "", "other/c.yaml": "c: 1\n", "apps/a.yaml.orig": "neighbour\n",
	} {
		if got, err := fs.ReadFile(over, name); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v; want %q", name, got, err, want)
		}
	}
	if info, err := fs.Stat(over, "apps/a.yaml"); err != nil || info.Mode() != 0o755 {
		t.Errorf("the mode of a replaced file is %v, %v; want that of base", info.Mode(), err)
	}
	if got, _ := fs.ReadFile(base, "apps/a.yaml"); string(got) != "old: 1\n" {
		t.Errorf("base was changed to %q", got)
	}
}

func TestOverlayAddsNothing(t *testing.T) {
	over := tree.Overlay(fstest.MapFS{"a/x": {}}, map[amend.RepoPath][]byte{path(t, "a/new"): []byte("1")})
	if _, err := fs.ReadFile(over, "a/new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading a file that base lacks: %v", err)
	}
	if _, err := over.Open("a/new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opening a file that base lacks: %v", err)
	}
}

// What is read belongs to the reader: changing it must not change the plan.
func TestOverlayGivesCopies(t *testing.T) {
	over := tree.Overlay(fstest.MapFS{"x": {}}, map[amend.RepoPath][]byte{path(t, "x"): []byte("abc")})
	got, err := fs.ReadFile(over, "x")
	if err != nil {
		t.Fatal(err)
	}
	got[0] = '!'
	if again, _ := fs.ReadFile(over, "x"); string(again) != "abc" {
		t.Errorf("a reader changed the overlay to %q", again)
	}
}

// hashed is a tree that knows its hashes, as a commit does.
type hashed struct{ fstest.MapFS }

func (h hashed) Hash(name string) (string, bool) { return "hash of " + name, name != "unknown" }

func TestOverlayPassesOnHashesOfWhatItLeavesAlone(t *testing.T) {
	base := hashed{fstest.MapFS{"apps/a.yaml": {}, "apps/b.yaml": {}, "apps-2/c.yaml": {}}}
	over := tree.Overlay(base, map[amend.RepoPath][]byte{path(t, "apps/a.yaml"): nil}).(tree.Hasher)
	for _, name := range []string{"apps/b.yaml", "apps-2", "apps-2/c.yaml"} {
		if h, ok := over.Hash(name); !ok || h != "hash of "+name {
			t.Errorf("Hash(%q) = %q, %v; want base's", name, h, ok)
		}
	}
	for _, name := range []string{".", "apps", "apps/a.yaml", "unknown"} {
		if h, ok := over.Hash(name); ok {
			t.Errorf("Hash(%q) = %q, and its content is another or unknown", name, h)
		}
	}
	plain := tree.Overlay(base.MapFS, nil).(tree.Hasher)
	if h, ok := plain.Hash("apps"); ok {
		t.Errorf("a tree without hashes gave %q", h)
	}
	whole := tree.Overlay(base, nil).(tree.Hasher)
	if h, ok := whole.Hash("."); !ok || h != "hash of ." {
		t.Errorf("an empty overlay gave %q, %v for the whole tree", h, ok)
	}
}

func TestDirCannotBeLeft(t *testing.T) {
	top := t.TempDir()
	repo := filepath.Join(top, "repo")
	for name, content := range map[string]string{"secret": "s", "repo/in.yaml": "in", "repo/sub/x.yaml": "x"} {
		name = filepath.Join(top, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{
		"up": "../secret", "absolute": filepath.Join(top, "secret"), "folder": "..", "inside": "in.yaml", "sub/back": "../in.yaml",
	} {
		if err := os.Symlink(to, filepath.Join(repo, filepath.FromSlash(link))); err != nil {
			t.Fatal(err)
		}
	}
	files, err := tree.Dir(repo)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"up", "absolute", "folder/secret", "../secret", "/etc/passwd", "sub/../../secret"} {
		if got, err := fs.ReadFile(files, name); err == nil {
			t.Errorf("%s left the folder and read %q", name, got)
		}
	}
	for _, name := range []string{"in.yaml", "inside", "sub/back"} {
		if got, err := fs.ReadFile(files, name); err != nil || string(got) != "in" {
			t.Errorf("%s holds %q, %v", name, got, err)
		}
	}
}

// TestDirNamesItsFolders proves that only folders have hashes, that they are
// known once a listing showed them, and that no other Dir has the same.
func TestDirNamesItsFolders(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "apps", "web"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "apps", "x.yaml"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	open := func() fs.FS {
		files, err := tree.Dir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{".", "apps"} {
			if _, err := fs.ReadDir(files, name); err != nil {
				t.Fatal(err)
			}
		}
		return files
	}
	one, other := open().(tree.Hasher), open().(tree.Hasher)
	seen := map[string]bool{}
	for _, name := range []string{".", "apps", "apps/web"} {
		for _, files := range []tree.Hasher{one, other} {
			hash, ok := files.Hash(name)
			if again, _ := files.Hash(name); !ok || hash != again || seen[hash] {
				t.Errorf("%s has the hash %q, %v, and then %q", name, hash, ok, again)
			}
			seen[hash] = true
		}
	}
	for _, name := range []string{"apps/x.yaml", "apps/none"} {
		if hash, ok := one.Hash(name); ok || hash != "" {
			t.Errorf("%s has the hash %q, %v", name, hash, ok)
		}
	}
}

func TestDirWithoutAFolder(t *testing.T) {
	for _, dir := range []string{filepath.Join(t.TempDir(), "none"), os.Args[0]} {
		if _, err := tree.Dir(dir); amend.KindOf(err) != amend.Invalid {
			t.Errorf("Dir(%q): %v, want an invalid error", dir, err)
		}
	}
}
