package git_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/git"
)

// What a branch names is on disk before the branch is, also when the answer to the push
// is lost: the next process begins there, without the host.
func TestPushedIsKept(t *testing.T) {
	for name, lost := range map[string]bool{"answered": false, "without an answer": true} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t)
			base := u.commit(t, "main", map[string]string{"apps/web/deploy.yaml": "replicas: 1\n"})
			cfg := u.config(t)
			cfg.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
				resp, err := http.DefaultTransport.RoundTrip(r)
				if err == nil && lost && strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
					return nil, fmt.Errorf("connection reset")
				}
				return resp, err
			})
			m := open(t, cfg)
			fetch(t, m)
			first := change(t, m, base, "apps/web/deploy.yaml", "replicas: 2\n")
			second := change(t, m, first, "apps/api/deploy.yaml", "replicas: 9\n")
			must(t, m.Push(context.Background(), "main", base, second))
			must(t, m.Close())
			u.Close()
			m = open(t, cfg)
			if got := head(t, m, "main"); got != second {
				t.Errorf("main = %s, want %s", got, second)
			}
			wantFile(t, m, first, "apps/web/deploy.yaml", "replicas: 2\n")
			wantFile(t, m, second, "apps/api/deploy.yaml", "replicas: 9\n")
		})
	}
}

// wantFile fails when a file of a commit has another content.
func wantFile(t testing.TB, m *git.Mirror, sha, name, want string) {
	t.Helper()
	tree, err := m.Tree(sha)
	must(t, err)
	if got, err := fs.ReadFile(tree, name); err != nil || string(got) != want {
		t.Errorf("%s at %s has %d bytes (%v), want %d others", name, sha, len(got), err, len(want))
	}
}

// However much is written before a push, all of it can be read and pushed.
func TestMuchIsWritten(t *testing.T) {
	u := newUpstream(t)
	base := u.commit(t, "main", map[string]string{"a.yaml": "one\n"})
	m := open(t, u.config(t))
	fetch(t, m)
	var contents, commits []string
	sizes := slices.Concat([]int{1, 15, 16, 2047, 2048}, slices.Repeat([]int{400_000}, 20))
	for i, size := range sizes {
		content := bytes.Repeat([]byte("replicas: 1\n"), size/12+1)[:size]
		for at := range size / 2 {
			content[at] = byte(rand.IntN(256)) // cannot be compressed
		}
		parent := base
		if i > 0 {
			parent = commits[i-1]
		}
		contents = append(contents, string(content))
		commits = append(commits, change(t, m, parent, "a.yaml", string(content)))
	}
	last := commits[len(commits)-1]
	must(t, m.Push(context.Background(), "main", base, last))
	run(t, u.dir, "fsck", "--strict")
	for i, sha := range commits {
		wantFile(t, m, sha, "a.yaml", contents[i])
		if got := run(t, u.dir, "cat-file", "blob", sha+":a.yaml"); got != contents[i] {
			t.Errorf("the host has %d bytes at the commit %d, want %d others", len(got), i, len(contents[i]))
		}
	}
}

// A full disk is an error that passes, before anything is pushed that could not be kept.
func TestWriteToAFullDisk(t *testing.T) {
	u := newUpstream(t)
	base := u.commit(t, "main", map[string]string{"a.yaml": "one\n"})
	cfg := u.config(t)
	m := open(t, cfg)
	fetch(t, m)
	var inTheWay []string // files where folders would be made
	for i := range 256 {
		name := filepath.Join(cfg.Dir, "amend-mirror", "objects", fmt.Sprintf("%02x", i))
		if _, err := os.Stat(name); err != nil {
			must(t, os.WriteFile(name, nil, 0o600))
			inTheWay = append(inTheWay, name)
		}
	}
	var err error
	for i := 0; err == nil && i < 100; i++ {
		_, err = m.Write(base, map[amend.RepoPath][]byte{repoPath(t, "a.yaml"): fmt.Appendf(nil, "%01000000d", i)}, meta)
	}
	wantKind(t, err, amend.Transient)
	for _, name := range inTheWay {
		must(t, os.Remove(name))
	}
	ours := change(t, m, base, "a.yaml", "ours\n")
	must(t, m.Push(context.Background(), "main", base, ours))
	wantFile(t, m, ours, "a.yaml", "ours\n")
}
