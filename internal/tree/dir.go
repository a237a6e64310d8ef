package tree

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/amendhq/amend"
)

// Dir opens a folder so that no name and no symbolic link can leave it. It is
// taken to hold still while it is in use: a query after the first may answer for
// it as it was then. It knows no content hashes, but each Dir has hashes of its
// own for its folders, so that they need not be read again.
func Dir(dir string) (fs.FS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "open env repo", "%w", err)
	}
	top, err := root.Open(".")
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "open env repo", "%w", errors.Join(err, root.Close()))
	}
	return &still{files: root.FS(), top: top, id: rand.Text(), folders: map[string]bool{".": true}}, nil
}

// A still folder is one that is not expected to change.
//
// Its files are read in one of two ways. os.Root goes down to a file folder by
// folder, with several system calls for each. Where the kernel can walk the path
// and keep it in the folder by itself, one call opens any file, which is most of
// the time that it takes to read a repository of small files. That way gives
// errSlow for whatever is not plain, and os.Root has the last word.
type still struct {
	files fs.FS    // by os.Root
	top   *os.File // the folder
	id    string

	mu      sync.Mutex
	folders map[string]bool // those that were seen
}

// errSlow says that only os.Root can tell.
var errSlow = errors.New("not to be had in the fast way")

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
func (s *still) ReadFile(name string) ([]byte, error) {
	if data, err := s.read(name, math.MaxInt64); err == nil {
		return data, nil
	}
	return fs.ReadFile(s.files, name)
}

// Stat implements fs.StatFS.
func (s *still) Stat(name string) (fs.FileInfo, error) { return fs.Stat(s.files, name) }

// ReadDir implements fs.ReadDirFS.
func (s *still) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := s.list(name)
	if err != nil {
		entries, err = fs.ReadDir(s.files, name)
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range entries {
		if e.IsDir() {
			s.folders[path.Join(name, e.Name())] = true
		}
	}
	return entries, err
}
