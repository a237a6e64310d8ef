package forge_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend/internal/forge"
)

func TestRefs(t *testing.T) {
	b := newBench(t, forge.Config{})
	ctx := t.Context()
	first := b.withFiles(map[string]string{"a": "1\n"})
	second := b.commit(first, "a", "2\n")
	sibling := b.commit(first, "a", "3\n")

	b.branch("amend/x-1", second)
	_, _, err := b.client.Git.CreateRef(ctx, "acme", "env", ref("amend/x-1", second))
	wantError(t, err, 422, "Reference already exists")
	_, _, err = b.client.Git.CreateRef(ctx, "acme", "env", ref("amend", second))
	wantError(t, err, 422, "cannot be created") // a folder of branches is in the way
	_, _, err = b.client.Git.CreateRef(ctx, "acme", "env", ref("y", strings.Repeat("1", 40)))
	wantError(t, err, 422, "Object does not exist")
	_, _, err = b.client.Git.CreateRef(ctx, "acme", "env", ref("../y", second))
	wantError(t, err, 422, "malformed")
	_, _, err = b.client.Git.GetRef(ctx, "acme", "env", "heads/none")
	wantError(t, err, 404, "Not Found")
	if got := b.head("amend/x-1"); got != second {
		t.Errorf("the new branch is at %s", got)
	}

	_, _, err = b.client.Git.UpdateRef(ctx, "acme", "env", ref("amend/x-1", sibling), false)
	wantError(t, err, 422, "Update is not a fast forward")
	if _, _, err := b.client.Git.UpdateRef(ctx, "acme", "env", ref("amend/x-1", sibling), true); err != nil {
		t.Errorf("a forced update: %v", err)
	}
	_, _, err = b.client.Git.UpdateRef(ctx, "acme", "env", ref("none", sibling), false)
	wantError(t, err, 422, "Reference does not exist")

	b.branch("amend/x-2", second)
	refs, _, err := b.client.Git.ListMatchingRefs(ctx, "acme", "env", &github.ReferenceListOptions{Ref: "heads/amend/x"})
	if err != nil || len(refs) != 2 {
		t.Errorf("matching references: %v, %v", refs, err)
	}
	if _, err := b.client.Git.DeleteRef(ctx, "acme", "env", "heads/amend/x-2"); err != nil {
		t.Error(err)
	}
	_, err = b.client.Git.DeleteRef(ctx, "acme", "env", "heads/amend/x-2")
	wantError(t, err, 422, "Reference does not exist")
}

func TestOneOfManyWritersWins(t *testing.T) {
	b := newBench(t, forge.Config{})
	first := b.withFiles(map[string]string{"a": "0\n"})
	const writers = 8
	var commits []string
	for i := range writers {
		commits = append(commits, b.commit(first, "a", fmt.Sprintln(i+1)))
	}
	for _, race := range []struct {
		name string
		try  func(sha string) error
	}{
		{"update", func(sha string) error {
			_, _, err := b.client.Git.UpdateRef(t.Context(), "acme", "env", ref("main", sha), false)
			return err
		}},
		{"create", func(sha string) error {
			_, _, err := b.client.Git.CreateRef(t.Context(), "acme", "env", ref("claim", sha))
			return err
		}},
	} {
		t.Run(race.name, func(t *testing.T) {
			var all sync.WaitGroup
			errs := make([]error, writers)
			for i, sha := range commits {
				all.Go(func() { errs[i] = race.try(sha) })
			}
			all.Wait()
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
				} else {
					wantError(t, err, 422, "")
				}
			}
			if won != 1 {
				t.Errorf("%d of %d writers won", won, writers)
			}
		})
	}
}

func TestPushAndAPIRace(t *testing.T) {
	b := newBench(t, forge.Config{})
	first := b.withFiles(map[string]string{"a": "0\n"})
	dir := b.clone()
	b.mustGit(dir, "commit", "-q", "--allow-empty", "-m", "pushed")
	sha := b.commit(first, "a", "1\n")
	var both sync.WaitGroup
	var pushed, patched error
	both.Go(func() { _, pushed = b.git(dir, "push", "origin", "HEAD:main") })
	both.Go(func() {
		_, _, patched = b.client.Git.UpdateRef(t.Context(), "acme", "env", ref("main", sha), false)
	})
	both.Wait()
	if (pushed == nil) == (patched == nil) {
		t.Errorf("push: %v, API: %v; exactly one has to win", pushed, patched)
	}
}

func TestEmptyRepository(t *testing.T) {
	b := newBench(t, forge.Config{})
	if _, err := b.server.CreateRepo(t.Context(), fullName); err != nil {
		t.Fatal(err)
	}
	_, _, err := b.client.Git.GetRef(t.Context(), "acme", "env", "heads/main")
	wantError(t, err, http.StatusConflict, "empty")
	if _, err := b.server.CreateRepo(t.Context(), fullName); err == nil {
		t.Error("the repository was made twice")
	}
	for _, name := range []string{"acme", "acme/../x", "../x", "acme/.git", "a/b/c", ""} {
		if _, err := b.server.CreateRepo(t.Context(), name); err == nil {
			t.Errorf("made a repository called %q", name)
		}
	}
}
