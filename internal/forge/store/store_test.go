package store_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/forge/forgetest"
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

// child makes a commit on top of parent that sets one file.
func child(t testing.TB, repo *store.Repo, parent store.ID, path, content string) store.ID {
	t.Helper()
	return store.ID(forgetest.Commit(t, repo.Dir(), string(parent), forgetest.Change{By: "a", Message: "set " + path, Files: map[string]string{path: content}}))
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

func TestNames(t *testing.T) {
	for name, good := range map[string]bool{
		"refs/heads/main": true, "refs/heads/a/b.c": true, "refs/tags/v1": true,
		"main": false, "refs/heads": false, "refs/heads/": false, "refs/heads/../x": false, "refs/heads/a b": false, "refs/heads/a\nb": false,
		"refs/heads/a@{1}": false, "refs/heads/.a": false, "refs/heads/a.lock": false, "refs/heads/a~1": false, "refs/heads/a:b": false, "refs/heads/a.": false,
	} {
		if err := store.CheckRefName(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := store.ParseID("HEAD"); err == nil {
		t.Error("HEAD was taken for an object id")
	}
}

func TestDiffShowsRenamesAndBinary(t *testing.T) {
	lines := strings.Repeat("line\n", 20)
	repo := newRepo(t, map[string]string{"old": lines, "gone": "x\n"})
	first := head(t, repo)
	blob := func(at store.ID, path string) store.ID {
		return store.ID(git(t, repo, "rev-parse", string(at)+":"+path))
	}
	second := store.ID(forgetest.Commit(t, repo.Dir(), string(first), forgetest.Change{
		By: "a", Message: "move", Removed: []string{"old", "gone"}, Files: map[string]string{"d/new": lines, "bin": "\x00\x01"},
	}))
	got, err := repo.Diff(t.Context(), first, second)
	want := []store.FileChange{
		{Path: "bin", Status: "added", ID: blob(second, "bin")},
		{Path: "d/new", From: "old", Status: "renamed", ID: blob(first, "old")},
		{Path: "gone", Status: "removed", ID: blob(first, "gone"), Deletions: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
