package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func FuzzParseTree(f *testing.F) {
	f.Add([]byte("100644 a\x00aaaaaaaaaaaaaaaaaaaa40000 b\x00bbbbbbbbbbbbbbbbbbbb"))
	f.Add([]byte("100644 a"))
	f.Add([]byte("0 \x0000000000000000000000"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := parseTree(data)
		for _, e := range entries {
			if _, bad := ParseID(string(e.ID)); err == nil && (bad != nil || e.Name == "" || e.Mode == "") {
				t.Errorf("an entry %+v", e)
			}
		}
	})
}

func FuzzParseDiff(f *testing.F) {
	f.Add([]byte(":100644 100644 aaa bbb M\x00a\x001\t2\ta\x00"))
	f.Add([]byte(":100644 100644 aaa bbb R100\x00a\x00b\x000\t0\t\x00a\x00b\x00"))
	f.Fuzz(func(t *testing.T, out []byte) {
		changes, err := parseDiff(out)
		for _, c := range changes {
			if err == nil && c.Status == "" {
				t.Error("a change without a status")
			}
		}
	})
}

func FuzzParseCommit(f *testing.F) {
	f.Add("tree aaa\nparent bbb\nauthor A <a@b> 1 +0200\ncommitter A <a@b> 1 +0200\n\nmessage")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCommit(object{kind: "commit", data: []byte(text)})
		if err == nil && c.Tree == "" {
			t.Error("a commit without a tree")
		}
	})
}

func TestParseHunks(t *testing.T) {
	got, err := parseHunks("diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1,2 +1,3 @@ x @@ y\n a\n+@@ b\n c\n@@ -9 +10 @@\n-d\n+e\n@@ -20,2 +20,0 @@\n-f\n-g\n")
	want := []Hunk{
		{Line: 1, EndLine: 3, Text: "@@ -1,2 +1,3 @@ x @@ y\n a\n+@@ b\n c\n"},
		{Line: 10, EndLine: 10, Text: "@@ -9 +10 @@\n-d\n+e\n"}, {Line: 20, EndLine: 19, Text: "@@ -20,2 +20,0 @@\n-f\n-g\n"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func FuzzParseHunks(f *testing.F) {
	f.Add("@@ -1,2 +1,3 @@\n a\n")
	f.Add("@@ -1 +1,x @@\n")
	f.Fuzz(func(t *testing.T, diff string) {
		hunks, err := parseHunks(diff)
		for _, h := range hunks {
			if err == nil && h.Text == "" {
				t.Errorf("a hunk of nothing in %q", diff)
			}
		}
	})
}
