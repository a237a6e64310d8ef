package store_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/forge/store"
)

func newRepo(t testing.TB, files map[string]string) *store.Repo {
	t.Helper()
	folder := t.TempDir()
	for name, content := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "r.git")
	if err := store.Create(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	repo, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(repo.Close)
	if err := repo.Import(t.Context(), folder, "import"); err != nil {
		t.Fatal(err)
	}
	return repo
}

func git(t testing.TB, repo *store.Repo, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir, cmd.Env = repo.Dir(), store.Environ()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func head(t testing.TB, repo *store.Repo) store.ID {
	t.Helper()
	ref, err := repo.Ref("refs/heads/main")
	if err != nil {
		t.Fatal(err)
	}
	return ref.ID
}

// child writes a commit on top of parent that sets one file.
func child(t testing.TB, repo *store.Repo, parent store.ID, path, content string) store.ID {
	t.Helper()
	blob, err := repo.WriteBlob([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	tree, err := repo.WriteTree(parent, []store.Entry{{Path: path, Mode: store.ModeFile, ID: blob}})
	if err != nil {
		t.Fatal(err)
	}
	who := store.Person{Name: "a", Email: "a@b", When: time.Unix(1e9, 0)}
	id, err := repo.WriteCommit(store.Commit{Tree: tree, Parents: []store.ID{parent}, Author: who, Committer: who, Message: "set " + path})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestWriteTreeEqualsGit compares our trees with those that git's own index
// makes of the same edits.
func TestWriteTreeEqualsGit(t *testing.T) {
	base := map[string]string{"a": "1", "a-b": "1", "a.b": "1", "d/x": "1", "d/y/z": "1", "e/only": "1"}
	tests := []struct {
		name   string
		set    map[string]string
		remove []string
	}{
		{"change", map[string]string{"d/y/z": "2"}, nil},
		{"add in new folders", map[string]string{"n/m/o": "2", "n/p": "3"}, nil},
		{"a folder empties", nil, []string{"e/only"}},
		{"a file becomes a folder", map[string]string{"a/b": "2"}, nil},
		{"a folder becomes a file", map[string]string{"d": "2"}, nil},
		{"both", map[string]string{"z": "2"}, []string{"a", "d/y/z"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			repo := newRepo(t, base)
			var edits []store.Entry
			for path, content := range test.set {
				id, err := repo.WriteBlob([]byte(content))
				if err != nil {
					t.Fatal(err)
				}
				edits = append(edits, store.Entry{Path: path, Mode: store.ModeFile, ID: id})
			}
			for _, path := range test.remove {
				edits = append(edits, store.Entry{Path: path})
			}
			got, err := repo.WriteTree(head(t, repo), edits)
			if err != nil {
				t.Fatal(err)
			}
			git(t, repo, "read-tree", "HEAD")
			for _, e := range edits {
				if e.ID == "" {
					git(t, repo, "-c", "core.bare=false", "--git-dir=.", "--work-tree=.", "update-index", "--force-remove", e.Path)
					continue
				}
				git(t, repo, "update-index", "--add", "--replace", "--cacheinfo", e.Mode+","+string(e.ID)+","+e.Path)
			}
			if want := git(t, repo, "write-tree"); string(got) != want {
				t.Errorf("tree %s, git makes %s:\n%s", got, want, git(t, repo, "diff-tree", "-r", want, string(got)))
			}
		})
	}
}

func TestOnlyOneWriterMovesARef(t *testing.T) {
	repo := newRepo(t, map[string]string{"a": "0"})
	first := head(t, repo)
	const writers = 6
	var all sync.WaitGroup
	errs := make([]error, writers)
	for i := range writers {
		next := child(t, repo, first, "a", fmt.Sprint(i+1))
		all.Go(func() { errs[i] = repo.MoveRef(t.Context(), "refs/heads/main", next, false) })
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if amend.KindOf(err) != amend.Conflict {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d writers won", won)
	}
	previous, err := repo.Previous(t.Context(), "refs/heads/main")
	if err != nil || previous.ID != first {
		t.Errorf("previous is %v, %v", previous, err)
	}
}

// TestForeignGitIsSeen packs, moves and locks behind the back of the
// long-lived processes.
func TestForeignGitIsSeen(t *testing.T) {
	repo := newRepo(t, map[string]string{"a": "0"})
	first := head(t, repo)
	second := child(t, repo, first, "a", "1")
	git(t, repo, "update-ref", "refs/heads/main", string(second))
	if got := head(t, repo); got != second {
		t.Errorf("head is %s after a foreign update", got)
	}
	git(t, repo, "repack", "-adq")
	git(t, repo, "prune-packed")
	git(t, repo, "pack-refs", "--all")
	third := child(t, repo, second, "a", "2")
	if err := repo.MoveRef(t.Context(), "refs/heads/main", third, false); err != nil {
		t.Fatal(err)
	}
	lock := filepath.Join(repo.Dir(), "refs/heads/main.lock")
	if err := os.WriteFile(lock, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := repo.MoveRef(t.Context(), "refs/heads/main", child(t, repo, third, "a", "3"), false); amend.KindOf(err) != amend.Conflict {
		t.Errorf("moved a locked reference: %v", err)
	}
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	if got := git(t, repo, "rev-parse", "main"); got != string(third) {
		t.Errorf("head is %s, want %s", got, third)
	}
	git(t, repo, "fsck", "--strict")
}

func TestNamesAndPaths(t *testing.T) {
	for name, good := range map[string]bool{
		"refs/heads/main": true, "refs/heads/a/b.c": true, "refs/tags/v1": true,
		"main": false, "refs/heads": false, "refs/heads/": false, "refs/heads/../x": false, "refs/heads/a b": false, "refs/heads/a\nb": false,
		"refs/heads/a@{1}": false, "refs/heads/.a": false, "refs/heads/a.lock": false, "refs/heads/a~1": false, "refs/heads/a:b": false, "refs/heads/a.": false,
	} {
		if err := store.CheckRefName(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
	for path, good := range map[string]bool{
		"a": true, "a/b.c": true, ".github/x": true, ".gitignore": true,
		"": false, "/a": false, "a/": false, "a//b": false, "../a": false, "a/./b": false, ".git/config": false, "a/.GIT/x": false, "a\x00b": false,
	} {
		if err := store.CheckPath(path); (err == nil) != good {
			t.Errorf("%q: %v", path, err)
		}
	}
	if _, err := store.ParseID("HEAD"); err == nil {
		t.Error("HEAD was taken for an object id")
	}
}

func TestDiffShowsRenamesAndBinary(t *testing.T) {
	repo := newRepo(t, map[string]string{"old": strings.Repeat("line\n", 20), "gone": "x\n"})
	first := head(t, repo)
	blob, err := repo.WriteBlob([]byte("\x00\x01"))
	if err != nil {
		t.Fatal(err)
	}
	_, entries, err := repo.Tree(first)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := repo.WriteTree(first, []store.Entry{
		{Path: "old"}, {Path: "gone"}, {Path: "d/new", Mode: store.ModeFile, ID: entries[1].ID}, {Path: "bin", Mode: store.ModeFile, ID: blob},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := repo.Diff(t.Context(), first, tree)
	want := []store.FileChange{
		{Path: "bin", Status: "added", ID: blob},
		{Path: "d/new", From: "old", Status: "renamed", ID: entries[1].ID},
		{Path: "gone", Status: "removed", ID: entries[0].ID, Deletions: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// BenchmarkCommit is the cost of one change on a branch of a large repository:
// read the branch, write a tree and a commit, move the branch.
func BenchmarkCommit(b *testing.B) {
	for _, files := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("files=%d", files), func(b *testing.B) {
			content := map[string]string{}
			for i := range files {
				content[fmt.Sprintf("apps/%03d/%d.yaml", i/100, i)] = fmt.Sprintln("replicas:", i)
			}
			repo := newRepo(b, content)
			n := 0
			for b.Loop() {
				n++
				next := child(b, repo, head(b, repo), "apps/000/1.yaml", fmt.Sprintln("replicas:", -n))
				if err := repo.MoveRef(b.Context(), "refs/heads/main", next, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
