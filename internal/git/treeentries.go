package git

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

var errTree = errors.New("it is no well-formed tree")

// decodeTree reads the entries of a tree as go-git does, with two allocations in
// place of several for each entry: whoever goes through a history spends most of
// the time on the trees.
func decodeTree(content []byte) ([]object.TreeEntry, error) {
	count, size := 0, 0
	for rest := content; len(rest) > 0; count++ {
		e, ok := cutEntry(&rest)
		if !ok {
			return nil, errTree
		}
		size += len(e.name)
	}
	var names strings.Builder
	names.Grow(size)
	entries := make([]object.TreeEntry, 0, count)
	for rest := content; len(rest) > 0; {
		e, _ := cutEntry(&rest)
		mode, err := filemode.New(string(e.mode))
		if err != nil {
			return nil, errTree
		}
		start := names.Len()
		names.Write(e.name)
		entries = append(entries, object.TreeEntry{Name: names.String()[start:], Mode: canonical(mode), Hash: e.hash})
	}
	return entries, nil
}

// encodeTree is the reverse of decodeTree, with the entries in Git's order.
func encodeTree(entries []object.TreeEntry) (plumbing.EncodedObject, error) {
	if !slices.IsSortedFunc(entries, inOrder) {
		slices.SortFunc(entries, inOrder)
	}
	size := 0
	for _, e := range entries {
		size += len("100644 \x00") + len(e.Name) + len(e.Hash)
	}
	content := make([]byte, 0, size)
	for _, e := range entries {
		if strings.IndexByte(e.Name, 0) >= 0 {
			return nil, errTree
		}
		content = append(strconv.AppendUint(content, uint64(e.Mode), 8), ' ')
		content = append(append(content, e.Name...), 0)
		content = append(content, e.Hash[:]...)
	}
	return encoded(plumbing.TreeObject, content), nil
}

// inOrder compares entries as Git does: as if the names of folders ended in a slash.
func inOrder(a, b object.TreeEntry) int {
	n := min(len(a.Name), len(b.Name))
	next := func(e object.TreeEntry) byte {
		switch {
		case len(e.Name) > n:
			return e.Name[n]
		case e.Mode == filemode.Dir:
			return '/'
		}
		return 0
	}
	return cmp.Or(strings.Compare(a.Name[:n], b.Name[:n]), cmp.Compare(next(a), next(b)))
}

// A rawEntry is an entry as a tree has it: "mode name", a zero byte and the hash.
type rawEntry struct {
	mode, name []byte
	hash       plumbing.Hash
}

// cutEntry takes the first entry off a tree.
func cutEntry(rest *[]byte) (e rawEntry, ok bool) {
	var after []byte
	if e.mode, after, ok = bytes.Cut(*rest, []byte{' '}); !ok {
		return e, false
	}
	if e.name, after, ok = bytes.Cut(after, []byte{0}); !ok || len(e.name) == 0 || len(after) < len(e.hash) {
		return e, false
	}
	*rest = after[copy(e.hash[:], after):]
	return e, true
}

// canonical returns one of the modes that Git writes for each kind of entry: old
// programs wrote others.
func canonical(mode filemode.FileMode) filemode.FileMode {
	switch mode & 0o170000 {
	case filemode.Dir:
		return filemode.Dir
	case 0o100000:
		if mode&0o111 != 0 {
			return filemode.Executable
		}
		return filemode.Regular
	case filemode.Symlink:
		return filemode.Symlink
	}
	return filemode.Submodule
}
