package git

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/amendhq/amend/internal/tree"
)

var errIrregular = errors.New("a symbolic link, a submodule or an unusual name cannot be opened")

// treeFS is one tree as an fs.FS; see Repo.Tree.
type treeFS struct {
	objects *objects
	root    object.TreeEntry
	mu      sync.Mutex
	// folders keeps what was asked for lately, so that reading n files of a folder
	// does not decode the folder n times.
	folders map[plumbing.Hash][]object.TreeEntry
}

var (
	_ fs.ReadFileFS = (*treeFS)(nil)
	_ fs.ReadDirFS  = (*treeFS)(nil)
	_ fs.StatFS     = (*treeFS)(nil)
	_ tree.Hasher   = (*treeFS)(nil)
)

// maxFolders bounds the folders of a tree that are kept: whoever reads all of a
// repository comes to most of them once.
const maxFolders = 1024

func newTreeFS(o *objects, root plumbing.Hash) *treeFS {
	return &treeFS{
		objects: o,
		root:    object.TreeEntry{Name: ".", Mode: filemode.Dir, Hash: root},
		folders: map[plumbing.Hash][]object.TreeEntry{},
	}
}

// Hash returns the Git hash of a file's content or of a folder's tree.
func (t *treeFS) Hash(name string) (string, bool) {
	e, err := t.lookup(name)
	if err != nil {
		return "", false
	}
	return dirEntry{e, t}.Hash()
}

func (t *treeFS) Open(name string) (fs.File, error) {
	e, err := t.lookup(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	if e.Mode == filemode.Dir {
		entries, err := t.list(e)
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		return &openDir{info: info{e, 0}, entries: entries}, nil
	}
	content, err := t.content(e)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &openFile{info: info{e, int64(len(content))}, Reader: bytes.NewReader(content)}, nil
}

func (t *treeFS) ReadFile(name string) ([]byte, error) {
	e, err := t.lookup(name)
	if err == nil {
		var content []byte
		if content, err = t.content(e); err == nil {
			return content, nil
		}
	}
	return nil, &fs.PathError{Op: "read", Path: name, Err: err}
}

func (t *treeFS) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := t.lookup(name)
	if err == nil {
		var entries []fs.DirEntry
		if entries, err = t.list(e); err == nil {
			return entries, nil
		}
	}
	return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
}

func (t *treeFS) Stat(name string) (fs.FileInfo, error) {
	e, err := t.lookup(name)
	if err == nil {
		var i fs.FileInfo
		if i, err = t.stat(e); err == nil {
			return i, nil
		}
	}
	return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
}

func (t *treeFS) stat(e object.TreeEntry) (fs.FileInfo, error) {
	if !modeOf(e).IsRegular() {
		return info{e, 0}, nil
	}
	size, err := t.objects.size(e.Hash)
	return info{e, size}, err
}

func (t *treeFS) content(e object.TreeEntry) ([]byte, error) {
	switch mode := modeOf(e); {
	case mode.IsDir():
		return nil, errors.New("is a folder")
	case !mode.IsRegular():
		return nil, errIrregular
	}
	return t.objects.need(plumbing.BlobObject, e.Hash)
}

func (t *treeFS) list(e object.TreeEntry) ([]fs.DirEntry, error) {
	if e.Mode != filemode.Dir {
		return nil, errors.New("is not a folder")
	}
	folder, err := t.folder(e.Hash)
	if err != nil {
		return nil, err
	}
	all, entries := make([]dirEntry, len(folder)), make([]fs.DirEntry, len(folder))
	for i, e := range folder {
		all[i] = dirEntry{e, t}
		entries[i] = &all[i]
	}
	return entries, nil
}

// lookup walks down to name, reading one tree for each folder on the way.
func (t *treeFS) lookup(name string) (object.TreeEntry, error) {
	if !fs.ValidPath(name) {
		return object.TreeEntry{}, fs.ErrInvalid
	}
	at := t.root
	if name == "." {
		return at, nil
	}
	for part := range strings.SplitSeq(name, "/") {
		if at.Mode != filemode.Dir {
			return object.TreeEntry{}, fs.ErrNotExist
		}
		folder, err := t.folder(at.Hash)
		if err != nil {
			return object.TreeEntry{}, err
		}
		i, ok := slices.BinarySearchFunc(folder, part, func(e object.TreeEntry, name string) int {
			return strings.Compare(e.Name, name)
		})
		if !ok {
			return object.TreeEntry{}, fs.ErrNotExist
		}
		at = folder[i]
	}
	return at, nil
}

// folder returns a tree's entries by name; Git's own order is another, in which
// folders sort as if their names ended in a slash.
func (t *treeFS) folder(h plumbing.Hash) ([]object.TreeEntry, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if entries, ok := t.folders[h]; ok {
		return entries, nil
	}
	entries, err := t.objects.tree(h)
	if err != nil {
		return nil, err
	}
	if !slices.IsSortedFunc(entries, byName) {
		entries = slices.SortedFunc(slices.Values(entries), byName)
	}
	if len(t.folders) == maxFolders {
		clear(t.folders)
	}
	t.folders[h] = entries
	return entries, nil
}

func byName(a, b object.TreeEntry) int { return strings.Compare(a.Name, b.Name) }

func modeOf(e object.TreeEntry) fs.FileMode {
	if e.Name != "." && (!fs.ValidPath(e.Name) || strings.Contains(e.Name, "/")) {
		return fs.ModeIrregular
	}
	switch e.Mode {
	case filemode.Dir:
		return fs.ModeDir | 0o755
	case filemode.Regular, filemode.Deprecated:
		return 0o644
	case filemode.Executable:
		return 0o755
	}
	return fs.ModeIrregular
}

type info struct {
	entry object.TreeEntry
	size  int64
}

func (i info) Name() string       { return path.Base(i.entry.Name) }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return modeOf(i.entry) }
func (i info) ModTime() time.Time { return time.Time{} } // Git keeps none
func (i info) IsDir() bool        { return i.Mode().IsDir() }
func (i info) Sys() any           { return nil }

type dirEntry struct {
	entry object.TreeEntry
	tree  *treeFS
}

func (d dirEntry) Name() string               { return d.entry.Name }
func (d dirEntry) IsDir() bool                { return d.Type().IsDir() }
func (d dirEntry) Type() fs.FileMode          { return modeOf(d.entry).Type() }
func (d dirEntry) Info() (fs.FileInfo, error) { return d.tree.stat(d.entry) }
func (d dirEntry) String() string             { return fs.FormatDirEntry(d) }

// Hash is that of the treeFS for the entry.
func (d dirEntry) Hash() (string, bool) {
	if modeOf(d.entry)&fs.ModeIrregular != 0 {
		return "", false
	}
	return d.entry.Hash.String(), true
}

type openFile struct {
	info info
	*bytes.Reader
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

type openDir struct {
	info    info
	entries []fs.DirEntry
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *openDir) Close() error               { return nil }
func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.Name(), Err: errors.New("is a folder")}
}

// ReadDir implements fs.ReadDirFile.
func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 || n > len(d.entries) {
		if n > 0 && len(d.entries) == 0 {
			return nil, io.EOF
		}
		n = len(d.entries)
	}
	got := d.entries[:n:n]
	d.entries = d.entries[n:]
	return got, nil
}
