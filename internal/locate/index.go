package locate

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unique"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/manifest"
	"github.com/amendhq/amend/internal/tree"
)

// maxDepth bounds how deep folders may nest.
const maxDepth = 64

// spareContents bounds the bytes of files that are kept because they were scanned.
const spareContents = 2 << 20

// keptRoots is how many states of the repo stay at hand. What they have in common
// is there once.
const keptRoots = 4

// root returns the index of a tree. What is as it was in one of the last trees is
// not read again.
func (l *Locator) root(fsys fs.FS) (*node, error) {
	l.mu.Lock()
	known := slices.Clone(l.roots)
	l.mu.Unlock()
	n, err := l.index(fsys, ".", fingerprintOf(fsys, "."), known)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.roots = slices.DeleteFunc(l.roots, func(r *node) bool { return r.hash == n.hash })
	l.roots = slices.Insert(l.roots, 0, n)
	l.roots = l.roots[:min(len(l.roots), keptRoots)]
	return n, nil
}

// index returns the node of dir, one of the known ones if the folder is as it was
// then. A tree that knows hashes tells; any other folder has to be read for it.
func (l *Locator) index(fsys fs.FS, dir string, is fingerprint, known []*node) (*node, error) {
	if strings.Count(dir, "/") >= maxDepth {
		return nil, amend.Refusef(amend.ReasonUnproven, "folders nest deeper than %d", maxDepth)
	}
	if n := withHash(known, is.hash); n != nil && is.told {
		return n, nil
	}
	n, err := l.readFolder(fsys, dir, is.told, known)
	if err != nil {
		return nil, err
	}
	if n.hash = is.hash; !is.told {
		n.hash = n.listed()
		if same := withHash(known, n.hash); same != nil {
			return same, nil
		}
	}
	s, err := l.readKustomization(fsys, n)
	if err != nil {
		return nil, err
	}
	n.sum(s)
	return n, nil
}

func withHash(known []*node, hash contentHash) *node {
	for _, n := range known {
		if n.hash == hash {
			return n
		}
	}
	return nil
}

// listed hashes the folder of a tree that knows no hashes.
func (n *node) listed() contentHash {
	var b []byte
	for _, f := range n.files {
		b = fmt.Appendf(b, "file %q %x\n", f.name, f.hash)
	}
	for _, c := range n.children {
		b = fmt.Appendf(b, "folder %q %x\n", c.base(), c.hash)
	}
	return hashOf(b)
}

// A fingerprint is the hash of a file or folder, if the tree tells.
type fingerprint struct {
	hash contentHash
	told bool
}

// A hashed entry of a folder tells its hash, as those of a commit do. It counts only
// where nothing is laid over the folder.
type hashed interface{ Hash() (string, bool) }

func fingerprintOf(fsys fs.FS, name string) fingerprint {
	h, ok := fsys.(tree.Hasher)
	if !ok {
		return fingerprint{}
	}
	return fromHex(h.Hash(name))
}

// readFolder fills in what belongs to the folder itself. Symbolic links and
// other special files are left out, so nothing can be read or edited through
// them. Mostly all entries but one are as they were.
func (l *Locator) readFolder(fsys fs.FS, dir string, told bool, known []*node) (*node, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, readError(dir, err)
	}
	files, children := make([]*facts, len(entries)), make([]*node, len(entries))
	prints := make([]fingerprint, len(entries))
	var news []int
	for i, e := range entries {
		if h, ok := e.(hashed); ok && told {
			prints[i] = fromHex(h.Hash())
		} else {
			prints[i] = fingerprintOf(fsys, path.Join(dir, e.Name()))
		}
		if prints[i].told {
			files[i], children[i] = remembered(known, e, prints[i].hash)
		}
		if files[i] == nil && children[i] == nil {
			news = append(news, i)
		}
	}
	err = l.each(len(news), func(n int) (err error) {
		i := news[n]
		e, name := entries[i], path.Join(dir, entries[i].Name())
		switch {
		case isFolder(e):
			children[i], err = l.index(fsys, name, prints[i], childrenOf(known, e.Name()))
		case e.Type().IsRegular():
			files[i], err = l.fileFacts(fsys, name, e, prints[i], known)
		}
		return err
	})
	n := &node{dir: dir}
	for i, e := range entries {
		if files[i] != nil {
			n.files = append(n.files, entry{unique.Make(e.Name()).Value(), files[i]}) // many have the same name
		}
		if children[i] != nil {
			n.children = append(n.children, children[i])
		}
	}
	n.files, n.children = slices.Clip(n.files), slices.Clip(n.children)
	return n, err
}

// isFolder reports whether an entry is a folder of the env repo.
func isFolder(e fs.DirEntry) bool { return e.IsDir() && !strings.EqualFold(e.Name(), ".git") }

// remembered returns what one of the known nodes has of an entry with this hash.
func remembered(known []*node, e fs.DirEntry, hash contentHash) (*facts, *node) {
	if e.Type().IsRegular() {
		return factsWith(known, e.Name(), hash), nil
	}
	if !isFolder(e) {
		return nil, nil
	}
	for _, n := range known {
		if c := n.child(e.Name()); c != nil && c.hash == hash {
			return nil, c
		}
	}
	return nil, nil
}

// childrenOf returns the folders of this name in the known nodes.
func childrenOf(known []*node, name string) []*node {
	var found []*node
	for _, n := range known {
		if c := n.child(name); c != nil && !slices.Contains(found, c) {
			found = append(found, c)
		}
	}
	return found
}

func (l *Locator) readKustomization(fsys fs.FS, n *node) (special, error) {
	for _, name := range kustomizationNames {
		f := n.own(name)
		if f == nil {
			continue
		}
		data, err := l.content(fsys, path.Join(n.dir, name), f)
		if err != nil {
			return special{}, err
		}
		s := special{kustFile: name}
		if s.kust, s.kustErr = parseKustomization(data); s.kustErr != nil {
			s.refs = words(data)
		} else {
			s.refs = append(references(s.kust), chartReferences(s.kust)...)
		}
		return s, nil
	}
	return special{}, nil
}

// fileFacts scans a file, unless its content shows that it is remembered.
func (l *Locator) fileFacts(fsys fs.FS, name string, e fs.DirEntry, is fingerprint, known []*node) (*facts, error) {
	hash, told := is.hash, is.told
	if !scanned(name) && (told || !isCode(name)) {
		return unread(hash, name, e)
	}
	data, err := tree.ReadUpTo(fsys, name, maxFile)
	if errors.Is(err, tree.ErrLarge) {
		return unread(hash, name, e)
	}
	if err != nil {
		return nil, readError(name, err)
	}
	if !told {
		hash = hashOf(data)
		if f := factsWith(known, e.Name(), hash); f != nil {
			return f, nil
		}
	}
	if slices.Contains(kustomizationNames[:], e.Name()) { // it is read at once
		l.contents.Put(hash, data)
	} else { // of a large repo, mostly never
		l.contents.PutUpTo(spareContents, hash, data)
	}
	return scan(hash, name, data), nil
}

// factsWith returns those of the file with this name and content.
func factsWith(known []*node, name string, hash contentHash) *facts {
	for _, n := range known {
		if f := n.own(name); f != nil && f.hash == hash {
			return f
		}
	}
	return nil
}

// unread returns the facts of a file that is not looked into. Without a hash only
// signs of a change are remembered; a reader hashes it.
func unread(hash contentHash, name string, e fs.DirEntry) (*facts, error) {
	info, err := e.Info()
	if err != nil {
		return nil, readError(name, err)
	}
	f := &facts{hash: hash, huge: info.Size() > maxFile}
	if f.unread = hash == none; f.unread {
		f.hash = hashOf(fmt.Append(nil, info.Size(), info.ModTime().UnixNano()))
	}
	return f, nil
}

// content reads a file that was indexed with facts f. A file that changed in
// between is an error, because an answer must be about one state of the tree.
func (l *Locator) content(fsys fs.FS, name string, f *facts) ([]byte, error) {
	if f.huge {
		return nil, amend.Refusef(amend.ReasonUnproven, "%s is larger than %d bytes, or holds more than %d values", name, maxFile, manifest.MaxWeight)
	}
	hash := f.content()
	if data, ok := l.contents.Get(hash); ok && hash != none {
		return data, nil
	}
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, readError(name, err)
	}
	if !fingerprintOf(fsys, name).told && hash != none && hashOf(data) != hash {
		return nil, amend.Errorf(amend.Transient, "read env repo", "%s changed while it was read", name)
	}
	if hash != none {
		l.contents.Put(hash, data)
	}
	return data, nil
}

func readError(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return amend.Errorf(amend.NotFound, "read env repo", "%s: %w", name, err)
	}
	return amend.Errorf(amend.Transient, "read env repo", "%s: %w", name, err)
}
