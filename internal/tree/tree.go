// Package tree views an env repo at one moment as an io/fs.FS, whether it is a
// folder on disk or a commit in Git, and lays planned edits over it without
// writing them anywhere.
package tree

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/amendhq/amend"
)

// Hasher is implemented by trees that know the content hash of their entries,
// as Git does. Equal hashes mean equal content, so results may be cached by
// them. Hash reports false for an entry without a known hash.
type Hasher interface {
	Hash(name string) (string, bool)
}

// Dir opens a folder so that no name and no symbolic link can leave it.
func Dir(dir string) (fs.FS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "open env repo", "%w", err)
	}
	return root.FS(), nil
}

// Overlay returns base with some files replaced or added. Base is not touched.
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
	if content, ok := o.files[name]; ok {
		return &memFile{info: memInfo{name: path.Base(name), size: int64(len(content))}, Reader: bytes.NewReader(content)}, nil
	}
	return o.base.Open(name)
}

// ReadFile implements fs.ReadFileFS.
func (o *overlay) ReadFile(name string) ([]byte, error) {
	if content, ok := o.files[name]; ok {
		return slices.Clone(content), nil
	}
	return fs.ReadFile(o.base, name)
}

// ReadDir implements fs.ReadDirFS: added files appear beside base's.
func (o *overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(o.base, name)
	if err != nil {
		return nil, err
	}
	for p, content := range o.files {
		if path.Dir(p) != name || slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == path.Base(p) }) {
			continue
		}
		entries = append(entries, fs.FileInfoToDirEntry(memInfo{name: path.Base(p), size: int64(len(content))}))
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

type memFile struct {
	info memInfo
	*bytes.Reader
}

func (f *memFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *memFile) Close() error               { return nil }

var _ io.ReaderAt = (*memFile)(nil)

type memInfo struct {
	name string
	size int64
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) Mode() fs.FileMode  { return 0o644 }
func (i memInfo) ModTime() time.Time { return time.Time{} }
func (i memInfo) IsDir() bool        { return false }
func (i memInfo) Sys() any           { return nil }
