package tree_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend/internal/tree"
)

// written makes files with their names as their content, and links. The root is
// the folder "repo" beside whatever else is made.
func written(t testing.TB, files []string, links map[string]string) (repo string) {
	t.Helper()
	top := t.TempDir()
	for _, name := range files {
		name := filepath.Join(top, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("in "+filepath.Base(name)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range links {
		if err := os.Symlink(to, filepath.Join(top, filepath.FromSlash(link))); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(top, "repo")
}

func openDir(t testing.TB, dir string) fs.FS {
	t.Helper()
	files, err := tree.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestDirIsAFileSystem(t *testing.T) {
	repo := written(t, []string{"repo/a.yaml", "repo/apps/web/b.yaml", "repo/apps/c.yaml"}, nil)
	if err := os.WriteFile(filepath.Join(repo, "empty"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(openDir(t, repo), "a.yaml", "apps/web/b.yaml", "apps/c.yaml", "empty"); err != nil {
		t.Fatal(err)
	}
}

// TestDirReadsAsRootDoes asks for names with links on the way, most of them
// hostile, and holds every answer against that of os.Root.
func TestDirReadsAsRootDoes(t *testing.T) {
	repo := written(t, []string{"secret.yaml", "beside/secret.yaml", "repo/in.yaml", "repo/sub/deep/x.yaml", "repo/other/y.yaml"}, map[string]string{
		"repo/up": "../secret.yaml", "repo/out": "../beside", "repo/sub/out": "../../beside", "repo/sub/deep/top": "../../in.yaml",
		"repo/way": "sub/deep", "repo/sub/over": "../other", "repo/round": "../repo/in.yaml", "repo/loop": "loop", "repo/none": "absent",
		"repo/itself": ".", "repo/twice": "way/top", "repo/etc": "/etc", "repo/passwd": "/etc/passwd", "repo/proc": "/proc/self/root/etc",
	})
	if err := os.Symlink(filepath.Join(repo, "in.yaml"), filepath.Join(repo, "absolute")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(repo)
	if err != nil {
		t.Fatal(err)
	}
	files := openDir(t, repo)
	for _, name := range []string{
		"in.yaml", "sub/deep/x.yaml", "up", "out/secret.yaml", "sub/out/secret.yaml", "sub/deep/top", "way/x.yaml", "way/top", "sub/over/y.yaml",
		"round", "loop", "none", "itself/in.yaml", "itself/itself/up", "twice", "etc/passwd", "passwd", "proc/passwd", "absolute",
		"sub", "way", "out", ".", "", "..", "../secret.yaml", "sub/../in.yaml", "/etc/passwd", "in.yaml/x", "in.yaml/", "./in.yaml", "in.yaml\x00", strings.Repeat("a/", 3000) + "a",
	} {
		want, wantErr := fs.ReadFile(root.FS(), name)
		for how, read := range map[string]func() ([]byte, error){
			"ReadFile": func() ([]byte, error) { return fs.ReadFile(files, name) },
			"ReadUpTo": func() ([]byte, error) { return tree.ReadUpTo(files, name, 1<<20) },
		} {
			got, err := read()
			if string(got) != string(want) || (err == nil) != (wantErr == nil) {
				t.Errorf("%s of %.40q is %q, %v; os.Root gives %q, %v", how, name, got, err, want, wantErr)
			}
		}
		if diff := cmp.Diff(listing(root.FS(), name), listing(files, name)); diff != "" {
			t.Errorf("the listing of %.40q is another than that of os.Root:\n%s", name, diff)
		}
	}
}

// listing says all that a folder tells of its entries.
func listing(files fs.FS, name string) []string {
	entries, err := fs.ReadDir(files, name)
	all := []string{fmt.Sprint(err != nil)}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			all = append(all, e.Name()+": "+err.Error())
			continue
		}
		all = append(all, fmt.Sprint(e, e.Name(), e.IsDir(), e.Type(), info.Name(), info.Mode(), info.Size(), info.ModTime()))
	}
	return all
}

// TestDirListsWhatIsNoFile: a pipe among the files is listed as one.
func TestDirListsWhatIsNoFile(t *testing.T) {
	repo := written(t, []string{"repo/x.yaml"}, nil)
	if err := syscall.Mkfifo(filepath.Join(repo, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	entries, err := fs.ReadDir(openDir(t, repo), ".")
	if err != nil || len(entries) != 2 || entries[0].Type() != fs.ModeNamedPipe || entries[1].Type() != 0 {
		t.Errorf("the entries are %v, %v", entries, err)
	}
}

func TestReadUpTo(t *testing.T) {
	repo := written(t, []string{"repo/x"}, nil) // 4 bytes
	for kind, files := range map[string]fs.FS{"folder": openDir(t, repo), "another": fstest.MapFS{"x": {Data: []byte("in x")}}} {
		if data, err := tree.ReadUpTo(files, "x", 4); err != nil || string(data) != "in x" {
			t.Errorf("%s: a file of the size that is allowed holds %q, %v", kind, data, err)
		}
		if data, err := tree.ReadUpTo(files, "x", 3); !errors.Is(err, tree.ErrLarge) || data != nil {
			t.Errorf("%s: a file that is too large holds %q, %v", kind, data, err)
		}
		if _, err := tree.ReadUpTo(files, "none", 3); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: no file gives %v", kind, err)
		}
	}
}

// A long folder is listed in several calls of the system.
func TestDirListsALongFolder(t *testing.T) {
	var names []string
	for n := range 1000 {
		names = append(names, fmt.Sprintf("repo/%s-%04d.yaml", strings.Repeat("long", 10), n))
	}
	entries, err := fs.ReadDir(openDir(t, written(t, names, nil)), ".")
	if err != nil || len(entries) != len(names) {
		t.Fatalf("%d entries, %v; want %d", len(entries), err, len(names))
	}
	for i, e := range entries {
		if "repo/"+e.Name() != names[i] {
			t.Fatalf("entry %d is %s, want %s", i, e.Name(), names[i])
		}
	}
}

// BenchmarkDir reads a folder of 5,000 small files that lie in a folder each.
func BenchmarkDir(b *testing.B) {
	const count = 5000
	var names []string
	for n := range count {
		names = append(names, fmt.Sprintf("repo/apps/%03d/app-%05d/deployment.yaml", n/100, n))
	}
	files := openDir(b, written(b, names, nil))
	b.ReportAllocs()
	for b.Loop() {
		read := 0
		err := fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			read++
			_, err = tree.ReadUpTo(files, name, 1<<20)
			return err
		})
		if err != nil || read != count {
			b.Fatal(read, err)
		}
	}
}
