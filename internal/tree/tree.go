// Package tree views an env repo at one moment as an io/fs.FS, whether it is a
// folder on disk or a commit in Git, and lays planned edits over it without
// writing them anywhere.
package tree

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/amendhq/amend"
)

// Hasher is implemented by trees that know the content hash of their entries,
// as Git does. Equal hashes mean equal content, so results may be cached by
// them. Hash reports false for an entry without a known hash.
type Hasher interface {
	Hash(name string) (string, bool)
}

// Dir opens a folder so that no name and no symbolic link can leave it. It is
// taken to hold still while it is in use: a query after the first may answer for
// it as it was then. It knows no content hashes, but each Dir has hashes of its
// own for its folders, so that they need not be read again.
func Dir(dir string) (fs.FS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "open env repo", "%w", err)
	}
	return &still{files: root.FS(), id: rand.Text(), folders: map[string]bool{".": true}}, nil
}

// A still folder is one that is not expected to change.
type still struct {
	files fs.FS
	id    string

	mu      sync.Mutex
	folders map[string]bool // those that were seen
}

// Hash names a folder of this very Dir.
func (s *still) Hash(name string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.folders[name] {
		return "", false
	}
	return s.id + name, true
}

// Open implements fs.FS.
func (s *still) Open(name string) (fs.File, error) { return s.files.Open(name) }

// ReadFile implements fs.ReadFileFS.
func (s *still) ReadFile(name string) ([]byte, error) { return fs.ReadFile(s.files, name) }

// Stat implements fs.StatFS.
func (s *still) Stat(name string) (fs.FileInfo, error) { return fs.Stat(s.files, name) }

// ReadDir implements fs.ReadDirFS.
func (s *still) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(s.files, name)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range entries {
		if e.IsDir() {
			s.folders[path.Join(name, e.Name())] = true
		}
	}
	return entries, err
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
