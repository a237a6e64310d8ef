package git_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/git"
)

// TestDifferences compares with what git diff-tree prints about the same commits.
func TestDifferences(t *testing.T) {
	dir := t.TempDir()
	run(t, ".", "init", "-q", "-b", "main", dir)
	commit := func(prepare ...string) string {
		t.Helper()
		for _, command := range prepare {
			run(t, dir, strings.Fields(command)...)
		}
		run(t, dir, "commit", "-q", "--allow-empty", "-m", "x")
		return strings.TrimSpace(run(t, dir, "rev-parse", "HEAD"))
	}
	write := func(name, content string) {
		t.Helper()
		file := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(file), 0o755))
		must(t, os.WriteFile(file, []byte(content), 0o644))
	}
	for _, name := range []string{"a", "a.b", "a0", "x/y/z", "x/keep", "same/one", "tool", "folder/in"} {
		write(name, name)
	}
	commits := []string{commit("add .")}
	write("x/y/z", "other")
	write("x/y/new", "new")
	commits = append(commits, commit("add .", "rm -q a0", "update-index --chmod=+x tool"))
	write("a0/deep", "a folder now")
	commits = append(commits, commit("rm -qr folder", "add ."), commit())
	write("folder", "a file now")
	commits = append(commits, commit("add ."))

	clone, err := git.OpenDir(dir)
	must(t, err)
	const empty = "4b825dc642cb6eb9a060e54bf8d69288fbee4904" // the hash of the tree without entries
	for i, to := range commits {
		for j, from := range append([]string{""}, commits...) {
			got, err := clone.Differences(from, to)
			must(t, err)
			var lines strings.Builder
			for _, d := range got {
				fmt.Fprintf(&lines, "%s %s %s %s %s\n", orZero(d.Before.Mode, 6), orZero(d.After.Mode, 6), orZero(d.Before.Hash, 40), orZero(d.After.Hash, 40), d.Path)
			}
			base := from
			if base == "" {
				base = empty
			}
			var want strings.Builder
			for line := range strings.Lines(run(t, dir, "diff-tree", "-r", "--no-renames", "--raw", base, to)) {
				meta, name, _ := strings.Cut(strings.TrimPrefix(line, ":"), "\t")
				fmt.Fprintf(&want, "%s %s", strings.Join(strings.Fields(meta)[:4], " "), name)
			}
			if diff := cmp.Diff(want.String(), lines.String()); diff != "" {
				t.Errorf("from %d to %d (-git +got):\n%s", j-1, i, diff)
			}
		}
	}
	if _, err := clone.Differences(commits[0], strings.Repeat("a", 40)); amend.KindOf(err) != amend.NotFound {
		t.Errorf("an unknown commit: %v", err)
	}
}

func orZero(s string, length int) string {
	if s == "" {
		return strings.Repeat("0", length)
	}
	return s
}
