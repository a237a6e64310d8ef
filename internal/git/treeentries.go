package git

import (
	"bytes"
	"errors"
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
