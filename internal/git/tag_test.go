package git_test

import (
	"path/filepath"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/git"
)

func TestTag(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "repo")
	run(t, ".", "init", "-q", "-b", "main", dir)
	run(t, dir, "commit", "-q", "--allow-empty", "-m", "first")
	run(t, dir, "tag", "light")
	run(t, dir, "tag", "-m", "annotated", "v1")
	run(t, dir, "tag", "-m", "of a tag", "nested/v1", "v1")
	run(t, dir, "tag", "folder", "HEAD^{tree}")
	clone, err := git.OpenDir(dir)
	must(t, err)
	want, err := clone.Head("main")
	must(t, err)
	for _, tag := range []string{"light", "v1", "nested/v1"} {
		if got, err := clone.Tag(tag); err != nil || got != want {
			t.Errorf("Tag(%q) = %s, %v; want %s", tag, got, err, want)
		}
	}
	for tag, kind := range map[string]amend.Kind{
		"none": amend.NotFound, "folder": amend.NotFound, "main": amend.NotFound, "": amend.Invalid, "../heads/main": amend.Invalid,
	} {
		_, err := clone.Tag(tag)
		wantKind(t, err, kind)
	}
}
