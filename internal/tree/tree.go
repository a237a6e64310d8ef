// Package tree views an env repo at one moment as an io/fs.FS, whether it is a
// folder on disk or a commit in Git, and lays planned edits over it without
// writing them anywhere.
package tree

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/amendhq/amend"
)

// Hasher is implemented by trees that know the content hash of their entries,
// as Git does. Equal hashes mean equal content, so results may be cached by
// them. Hash reports false for an entry without a known hash.
type Hasher interface {
	Hash(name string) (string, bool)
}

// ErrLarge says that a file has more bytes than were asked for.
var ErrLarge = errors.New("the file is too large")

// ReadUpTo returns the content of a file, or ErrLarge for one of more than most
// bytes, of which nothing is read.
func ReadUpTo(files fs.FS, name string, most int64) ([]byte, error) {
	if s, ok := files.(*still); ok {
		if data, err := s.read(name, most); !errors.Is(err, errSlow) {
			return data, err
		}
	}
	info, err := fs.Stat(files, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > most {
		return nil, &fs.PathError{Op: "read", Path: name, Err: ErrLarge}
	}
	return fs.ReadFile(files, name)
}

// Overlay returns base with the content of some of its files replaced. Base is
// not touched, and a path that it does not have stays absent.
func Overlay(base fs.FS, files map[amend.RepoPath][]byte) fs.FS {
	o := &overlay{base: base, files: make(map[string][]byte, len(files))}
	for p, content := range files {
		o.files[p.String()] = content
	}
	return o
}

type overlay struct {
	base  fs.FS
	files map[string][]byte
}

// Hash passes on base's hashes of what the overlay leaves alone.
func (o *overlay) Hash(name string) (string, bool) {
	h, ok := o.base.(Hasher)
	if !ok || o.covers(name) {
		return "", false
	}
	return h.Hash(name)
}

// covers reports whether name is, or is a folder above, an overlaid file.
func (o *overlay) covers(name string) bool {
	for p := range o.files {
		if p == name || name == "." || strings.HasPrefix(p, name+"/") {
			return true
		}
	}
	return false
}

func (o *overlay) Open(name string) (fs.File, error) {
	f, err := o.base.Open(name)
	if err != nil || !o.covers(name) {
		return f, err
	}
	content, ok := o.files[name]
	if !ok {
		return folder{f, o, name}, nil
	}
	info, err := f.Stat()
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return &file{info: resized{info, int64(len(content))}, Reader: bytes.NewReader(content)}, nil
}

// ReadFile implements fs.ReadFileFS.
func (o *overlay) ReadFile(name string) ([]byte, error) {
	content, ok := o.files[name]
	if !ok {
		return fs.ReadFile(o.base, name)
	}
	if _, err := fs.Stat(o.base, name); err != nil {
		return nil, err
	}
	return slices.Clone(content), nil
}

// ReadDir implements fs.ReadDirFS.
func (o *overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(o.base, name)
	return o.resize(name, entries), err
}

// resize gives the entries of a folder the sizes of the files laid over them.
func (o *overlay) resize(dir string, entries []fs.DirEntry) []fs.DirEntry {
	for i, e := range entries {
		if content, ok := o.files[path.Join(dir, e.Name())]; ok {
			entries[i] = entry{e, int64(len(content))}
		}
	}
	return entries
}

// A file is an open file of the overlay.
type file struct {
	info fs.FileInfo
	*bytes.Reader
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *file) Close() error               { return nil }

// A folder is an open folder above files of the overlay.
type folder struct {
	fs.File
	overlay *overlay
	name    string
}

// ReadDir implements fs.ReadDirFile.
func (f folder) ReadDir(n int) ([]fs.DirEntry, error) {
	dir, ok := f.File.(fs.ReadDirFile)
	if !ok {
		return nil, &fs.PathError{Op: "readdir", Path: f.name, Err: errors.ErrUnsupported}
	}
	entries, err := dir.ReadDir(n)
	return f.overlay.resize(f.name, entries), err
}

// An entry is base's entry of a file that has another content now.
type entry struct {
	fs.DirEntry
	size int64
}

func (e entry) Info() (fs.FileInfo, error) {
	info, err := e.DirEntry.Info()
	if err != nil {
		return nil, err
	}
	return resized{info, e.size}, nil
}

type resized struct {
	fs.FileInfo
	size int64
}

func (r resized) Size() int64 { return r.size }
