package manifest_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/amendhq/amend/internal/manifest"
	"github.com/google/go-cmp/cmp"
)

func TestDiff(t *testing.T) {
	lines := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strconv.Itoa(i) + "\n")
		}
		return b.String()
	}
	tests := map[string]struct{ old, new, want string }{
		"equal": {"a\n", "a\n", ""},
		"one line": {lines(9), strings.Replace(lines(9), "4\n", "x\n", 1),
			"@@ -2,7 +2,7 @@\n 1\n 2\n 3\n-4\n+x\n 5\n 6\n 7\n"},
		"two hunks": {lines(20), strings.Replace(strings.Replace(lines(20), "2\n", "x\n", 1), "17\n", "", 1),
			"@@ -1,6 +1,6 @@\n 0\n 1\n-2\n+x\n 3\n 4\n 5\n@@ -15,6 +15,5 @@\n 14\n 15\n 16\n-17\n 18\n 19\n"},
		"contexts that meet": {lines(9), "x\n" + lines(7)[2:] + "y\n7\n8\n",
			"@@ -1,9 +1,10 @@\n-0\n+x\n 1\n 2\n 3\n 4\n 5\n 6\n+y\n 7\n 8\n"},
		"no newline":    {"a\nb", "a\nc", "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n"},
		"newline added": {"a", "a\nb", "@@ -1 +1,2 @@\n-a\n\\ No newline at end of file\n+a\n+b\n\\ No newline at end of file\n"},
		"emptied":       {"a\n", "", "@@ -1 +0,0 @@\n-a\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			want := tt.want
			if want != "" {
				want = "diff --git a/dir/f.yaml b/dir/f.yaml\n--- a/dir/f.yaml\n+++ b/dir/f.yaml\n" + want
			}
			if d := cmp.Diff(want, manifest.Diff("dir/f.yaml", []byte(tt.old), []byte(tt.new))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestDiffOfNewAndRemovedFiles(t *testing.T) {
	added := "diff --git a/f b/f\nnew file mode 100644\n--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+x\n"
	if d := cmp.Diff(added, manifest.Diff("f", nil, []byte("x\n"))); d != "" {
		t.Errorf("new file (-want +got):\n%s", d)
	}
	removed := "diff --git a/f b/f\ndeleted file mode 100644\n--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
	if d := cmp.Diff(removed, manifest.Diff("f", []byte("x\n"), nil)); d != "" {
		t.Errorf("removed file (-want +got):\n%s", d)
	}
	if got, want := manifest.Diff("f", nil, []byte{}), "diff --git a/f b/f\nnew file mode 100644\n"; got != want {
		t.Errorf("new empty file: %q, want %q", got, want)
	}
	if got := manifest.Diff("a\nb", nil, []byte{}); strings.Count(got, "\n") != 2 {
		t.Errorf("the name breaks the header: %q", got)
	}
}

// TestDiffApplies gives random diffs to git apply, of files with one document
// and with many.
func TestDiffApplies(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 24 {
		var documents []string
		if i%2 == 1 {
			documents = []string{"--unidiff-zero"}
		}
		old, new := randomText(rnd, nil), []byte(nil)
		if documents != nil {
			old = bytes.ReplaceAll(old, []byte("5\n"), []byte("---\n"))
		}
		new = randomText(rnd, old)
		diff := manifest.Diff("f", old, new)
		if diff == "" {
			continue
		}
		dir := t.TempDir()
		file := filepath.Join(dir, "f")
		if err := os.WriteFile(file, old, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := apply(t, dir, diff, documents...); err != nil {
			t.Fatalf("%v\n%s", err, diff)
		}
		got, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(got, new) {
			t.Fatalf("applied to %q, want %q (%v)", got, new, err)
		}
	}
}

// apply gives a diff to git apply.
func apply(t *testing.T, dir, diff string, flags ...string) error {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("no git program")
	}
	cmd := exec.CommandContext(t.Context(), git, append([]string{"apply", "--whitespace=nowarn", "-"}, flags...)...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(diff)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git apply: %w\n%s", err, out)
	}
	return nil
}

// randomText makes lines, or changes some of the given ones.
func randomText(rnd *rand.Rand, from []byte) []byte {
	lines := strings.SplitAfter(string(from), "\n")
	if from == nil {
		lines = nil
		for range 30 {
			lines = append(lines, strconv.Itoa(rnd.IntN(6))+"\n")
		}
	}
	var out []string
	for _, l := range lines {
		switch rnd.IntN(12) {
		case 0:
		case 1:
			out = append(out, l, strconv.Itoa(rnd.IntN(6))+"\n")
		default:
			out = append(out, l)
		}
	}
	text := strings.Join(out, "")
	if rnd.IntN(3) == 0 {
		text = strings.TrimSuffix(text, "\n")
	}
	return []byte(text)
}
