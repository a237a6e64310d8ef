package locate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/manifest"
	"github.com/amendhq/amend/internal/tree"
)

// maxDepth bounds how deep folders may nest.
const maxDepth = 64

// index returns the node of dir, from the cache if the folder is as it was. A
// tree that knows hashes tells; any other folder has to be read for it.
func (l *Locator) index(fsys fs.FS, dir string, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, amend.Refusef(amend.ReasonUnproven, "folders nest deeper than %d", maxDepth)
	}
	hash, known := hashOf(fsys, dir)
	if n, ok := l.nodes.Get(dir + "\x00" + hash); ok && known {
		return n, nil
	}
	n, err := l.readFolder(fsys, dir, depth)
	if err != nil {
		return nil, err
	}
	if !known {
		hash = n.digest()
		if same, ok := l.nodes.Get(dir + "\x00" + hash); ok {
			return same, nil
		}
	}
	n.hash = hash
	if err := l.readKustomization(fsys, n); err != nil {
		return nil, err
	}
	n.sum()
	l.nodes.Put(dir+"\x00"+hash, n)
	return n, nil
}

// digest hashes the folder of a tree that knows no hashes.
func (n *node) digest() string {
	h := sha256.New()
	for _, name := range sortedKeys(n.files) {
		f := n.files[name]
		fmt.Fprintf(h, "file %q %s %s\n", name, f.hash, f.stamp)
	}
	for _, name := range sortedKeys(n.children) {
		fmt.Fprintf(h, "folder %q %s\n", name, n.children[name].hash)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func hashOf(fsys fs.FS, name string) (string, bool) {
	if h, ok := fsys.(tree.Hasher); ok {
		return h.Hash(name)
	}
	return "", false
}

// readFolder fills in what belongs to the folder itself. Symbolic links and
// other special files are left out, so nothing can be read or edited through
// them.
func (l *Locator) readFolder(fsys fs.FS, dir string, depth int) (*node, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, readError(dir, err)
	}
	n := &node{dir: dir, files: map[string]*facts{}, children: map[string]*node{}}
	files, children := make([]*facts, len(entries)), make([]*node, len(entries))
	err = l.each(len(entries), func(i int) (err error) {
		e, name := entries[i], path.Join(dir, entries[i].Name())
		switch {
		case e.IsDir() && !strings.EqualFold(e.Name(), ".git"):
			children[i], err = l.index(fsys, name, depth+1)
		case e.Type().IsRegular():
			files[i], err = l.fileFacts(fsys, name, e)
		}
		return err
	})
	for i, e := range entries {
		if files[i] != nil {
			n.files[e.Name()] = files[i]
		}
		if children[i] != nil {
			n.children[e.Name()] = children[i]
		}
	}
	return n, err
}

// each does the tasks 0 to n-1, some of them at the same time while there are
// idle readers, and returns the error of the first that failed. A panic of a
// task goes on in the caller, who may have prepared for it.
func (l *Locator) each(n int, task func(int) error) error {
	errs, panics := make([]error, n), make([]any, n)
	var running sync.WaitGroup
	for i := range n {
		select {
		case l.readers <- struct{}{}:
			running.Go(func() {
				defer func() {
					if p := recover(); p != nil {
						panics[i] = fmt.Sprintf("%s: %v", PanickedIn(), p)
					}
					<-l.readers
				}()
				errs[i] = task(i)
			})
		default:
			errs[i] = task(i)
		}
	}
	running.Wait()
	for _, p := range panics {
		if p != nil {
			panic(p)
		}
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *Locator) readKustomization(fsys fs.FS, n *node) error {
	for _, name := range kustomizationNames {
		f := n.files[name]
		if f == nil {
			continue
		}
		data, err := l.content(fsys, path.Join(n.dir, name), f)
		if err != nil {
			return err
		}
		n.kustFile = name
		if n.kust, n.kustErr = parseKustomization(data); n.kustErr != nil {
			n.refs = words(data)
		} else {
			n.refs = append(references(n.kust), chartReferences(n.kust)...)
		}
		return nil
	}
	return nil
}

func (l *Locator) fileFacts(fsys fs.FS, name string, e fs.DirEntry) (*facts, error) {
	hash, known := hashOf(fsys, name)
	if known {
		// How a file is scanned depends on its extension too.
		if f, ok := l.files.Get(path.Ext(name) + hash); ok {
			return f, nil
		}
	}
	if !scanned(name) && (known || !isCode(name)) {
		return unread(hash, name, e)
	}
	data, err := tree.ReadUpTo(fsys, name, maxFile)
	if errors.Is(err, tree.ErrLarge) {
		return unread(hash, name, e)
	}
	if err != nil {
		return nil, readError(name, err)
	}
	if !known {
		hash = contentHash(data)
		if f, ok := l.files.Get(path.Ext(name) + hash); ok {
			return f, nil
		}
	}
	f := scan(hash, name, data)
	l.files.Put(path.Ext(name)+hash, f)
	l.contents.Put(hash, data)
	return f, nil
}

// unread returns the facts of a file that is not looked into. Without a hash only
// signs of a change are remembered; a reader hashes it.
func unread(hash, name string, e fs.DirEntry) (*facts, error) {
	info, err := e.Info()
	if err != nil {
		return nil, readError(name, err)
	}
	f := &facts{hash: hash, huge: info.Size() > maxFile}
	if hash == "" || f.huge {
		f.stamp = fmt.Sprint(info.Size(), info.ModTime().UnixNano())
	}
	return f, nil
}

// content reads a file that was indexed with facts f. A file that changed in
// between is an error, because an answer must be about one state of the tree.
func (l *Locator) content(fsys fs.FS, name string, f *facts) ([]byte, error) {
	if f.huge {
		return nil, amend.Refusef(amend.ReasonUnproven, "%s is larger than %d bytes, or holds more than %d values", name, maxFile, manifest.MaxWeight)
	}
	if data, ok := l.contents.Get(f.hash); ok && f.hash != "" {
		return data, nil
	}
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, readError(name, err)
	}
	if _, known := hashOf(fsys, name); !known && f.hash != "" && contentHash(data) != f.hash {
		return nil, amend.Errorf(amend.Transient, "read env repo", "%s changed while it was read", name)
	}
	if f.hash != "" {
		l.contents.Put(f.hash, data)
	}
	return data, nil
}

func contentHash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func readError(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return amend.Errorf(amend.NotFound, "read env repo", "%s: %w", name, err)
	}
	return amend.Errorf(amend.Transient, "read env repo", "%s: %w", name, err)
}
