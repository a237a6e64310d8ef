package git

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzDecodeTree holds the reader of trees against that of go-git.
func FuzzDecodeTree(f *testing.F) {
	const hash = "\x00aaaaaaaaaaaaaaaaaaaa"
	for _, seed := range []string{
		"", "100644 a" + hash, "100644 a" + hash + "40000 b" + hash, "40000 b" + hash + "100755 a b" + hash, "120000 l" + hash + "160000 m" + hash,
		"100664 old" + hash, "0100644 zero" + hash, "100644 \xff" + hash, "100644 " + hash, " a" + hash, "9 a" + hash, "100644 a\x00short", "100644", "100644 a",
		"77777777777 a" + hash, "-1 a" + hash, "1_0 a" + hash,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		var want object.Tree
		wantErr := want.Decode(encoded(plumbing.TreeObject, content))
		got, err := decodeTree(content)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("decoding %q gives %v; go-git says %v", content, err, wantErr)
		}
		if diff := cmp.Diff(want.Entries, got, cmpopts.EquateEmpty()); err == nil && diff != "" {
			t.Errorf("the entries of %q are others than those of go-git:\n%s", content, diff)
		}
	})
}

// The trees of a commit are written as go-git writes them, in Git's order: a folder comes
// after a file whose name begins with its own and a byte below the slash.
func TestEncodeTree(t *testing.T) {
	names := []string{"a", "a-b", "a.b", "a0", "ab", "a b", "b", "b\xff", "c", ".github", "z-", "z.", "z", "é"}
	modes := []filemode.FileMode{filemode.Dir, filemode.Regular, filemode.Executable, filemode.Symlink, filemode.Submodule}
	for range 200 {
		var entries []object.TreeEntry
		for _, i := range rand.Perm(len(names))[:rand.IntN(len(names))] {
			entries = append(entries, object.TreeEntry{Name: names[i], Mode: modes[rand.IntN(len(modes))], Hash: plumbing.ComputeHash(plumbing.BlobObject, []byte(names[i]))})
		}
		want := new(plumbing.MemoryObject)
		sorted := object.Tree{Entries: slices.Clone(entries)}
		sort.Sort(object.TreeEntrySorter(sorted.Entries))
		if err := sorted.Encode(want); err != nil {
			t.Fatal(err)
		}
		got, err := encodeTree(entries)
		if err != nil || got.Hash() != want.Hash() {
			t.Fatalf("%v is written as %v (%v), go-git writes %v", entries, got, err, want)
		}
	}
	if _, err := encodeTree([]object.TreeEntry{{Name: "a\x00b"}}); err == nil {
		t.Error("a name with a zero byte is written")
	}
}

// BenchmarkDecodeTree reads the tree of a folder with 200 others in it.
func BenchmarkDecodeTree(b *testing.B) {
	var content []byte
	for n := range 200 {
		content = fmt.Appendf(content, "40000 app-%03d\x00%s", n, strings.Repeat("h", 20))
	}
	b.ReportAllocs()
	for b.Loop() {
		if entries, err := decodeTree(content); err != nil || len(entries) != 200 {
			b.Fatal(len(entries), err)
		}
	}
}
