package git_test

import (
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/amendhq/amend/internal/git"
)

type (
	closer interface{ Close() error }
	seq    = iter.Seq2[git.Commit, error]
)

// limitedReader ends like a whole answer after so many bytes.
type limitedReader struct {
	r io.Reader
	n int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if l.n <= 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > l.n {
		p = p[:l.n]
	}
	n, err := l.r.Read(p)
	l.n -= int64(n)
	return n, err
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sed(t testing.TB, name, old, new string) {
	t.Helper()
	b, err := os.ReadFile(name)
	must(t, err)
	if !strings.Contains(string(b), old) {
		t.Fatalf("%s does not hold %q", name, old)
	}
	must(t, os.WriteFile(name, []byte(strings.Replace(string(b), old, new, 1)), 0o600))
}

// tearAll cuts every file to a size, or deletes it when that is negative.
func tearAll(t testing.TB, pattern string, size int64) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	must(t, err)
	if len(names) == 0 {
		t.Fatalf("nothing like %s to tear", pattern)
	}
	for _, name := range names {
		if size < 0 {
			must(t, os.Remove(name))
			continue
		}
		must(t, os.Chmod(name, 0o600))
		must(t, os.Truncate(name, size))
	}
}

// readAll reads every file of a commit and expects so many.
func readAll(t testing.TB, m *git.Mirror, sha string, want int) {
	t.Helper()
	tree, err := m.Tree(sha)
	if err != nil {
		t.Error(err)
		return
	}
	n := 0
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		content, err := fs.ReadFile(tree, name)
		if len(content) == 0 {
			err = errors.Join(err, errors.New("is empty"))
		}
		return err
	})
	if err != nil || n != want {
		t.Errorf("read %d files, want %d: %v", n, want, err)
	}
}

func count(t testing.TB, r interface {
	Log(from, until string) seq
}, from, until string, want int) {
	t.Helper()
	n := 0
	for _, err := range r.Log(from, until) {
		must(t, err)
		n++
	}
	if n != want {
		t.Errorf("%d commits, want %d", n, want)
	}
}

// readAllBut is readAll for a commit in which one file is empty on purpose.
func readAllBut(t testing.TB, m *git.Mirror, sha, empty string, want int) {
	t.Helper()
	tree, err := m.Tree(sha)
	must(t, err)
	content, err := fs.ReadFile(tree, empty)
	if err != nil || len(content) != 0 {
		t.Errorf("%s = %q, %v", empty, content, err)
	}
	n := 0
	must(t, fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && name != empty {
			n++
		}
		return err
	}))
	if n != want {
		t.Errorf("%d other files, want %d", n, want)
	}
}
