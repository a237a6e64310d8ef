package git

import (
	"cmp"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"github.com/amendhq/amend"
)

// A written store has the objects of Write in memory, over those on disk. They are saved
// once the host has them, and not before, as that is half of what it costs to make a
// commit: what a crash can lose of them is on the host, or no branch names it. They stay
// for some time, because the next commit begins with reading them.
//
// It is used as any store of objects is, with their lock held.
type written struct {
	storer.EncodedObjectStorer // on disk
	objects                    map[plumbing.Hash]plumbing.EncodedObject
	unsaved                    []plumbing.Hash // the oldest first
	size                       int64           // of objects
	stored, fast               deflater
}

// maxWritten bounds the bytes of the objects in memory. It is some hundred commits.
const maxWritten = 4 << 20

func newWritten() *written {
	return &written{
		objects: map[plumbing.Hash]plumbing.EncodedObject{},
		stored:  deflater{level: zlib.NoCompression}, fast: deflater{level: zlib.BestSpeed},
	}
}

// EncodedObject implements storer.EncodedObjectStorer.
func (w *written) EncodedObject(t plumbing.ObjectType, h plumbing.Hash) (plumbing.EncodedObject, error) {
	if obj := w.objects[h]; obj != nil && (t == plumbing.AnyObject || t == obj.Type()) {
		return obj, nil
	}
	return w.EncodedObjectStorer.EncodedObject(t, h)
}

// HasEncodedObject implements storer.EncodedObjectStorer.
func (w *written) HasEncodedObject(h plumbing.Hash) error {
	if w.objects[h] != nil {
		return nil
	}
	return w.EncodedObjectStorer.HasEncodedObject(h)
}

// add takes an object.
func (w *written) add(h plumbing.Hash, obj plumbing.EncodedObject) {
	if w.objects[h] == nil {
		w.objects[h] = obj
		w.unsaved = append(w.unsaved, h)
		w.size += obj.Size()
	}
}

// forget makes room where all objects are on disk.
func (w *written) forget() {
	if len(w.unsaved) == 0 {
		clear(w.objects)
		w.size = 0
	}
}

// A saver puts objects into a folder.
type saver struct {
	mu     sync.Mutex // held while objects are saved
	dir    string
	stored deflater

	due     atomic.Bool // it is to settle soon
	closing chan struct{}
	close   func() // closes that, once
}

func newSaver() *saver {
	s := &saver{stored: deflater{level: zlib.NoCompression}, closing: make(chan struct{})}
	s.close = sync.OnceFunc(func() { close(s.closing) })
	return s
}

// save stores one loose object, whole or not at all: "type size", a zero byte and the
// content, as one stream. It does not compress it, as go-git does: trees are mostly
// hashes, which hardly get smaller, and for large ones that took most of the time of a
// fix.
func (s *saver) save(h plumbing.Hash, obj plumbing.EncodedObject) error {
	f, err := os.CreateTemp(s.dir, "tmp_obj_")
	if err != nil {
		return err
	}
	head := fmt.Sprintf("%s %d\x00", obj.Type(), obj.Size())
	if err := errors.Join(s.stored.write(f, obj, head), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	folder := filepath.Join(s.dir, h.String()[:2])
	name := filepath.Join(folder, h.String()[2:])
	err = os.Rename(f.Name(), name)
	if errors.Is(err, os.ErrNotExist) { // the folder, of which there are 256
		if err = os.Mkdir(folder, 0o700); err == nil {
			err = os.Rename(f.Name(), name)
		}
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// A deflater writes zlib streams one after the other. What that takes is kept, as it is
// large.
type deflater struct {
	level int
	zlib  *zlib.Writer
}

// write writes a head and the content of an object, as one stream.
func (d *deflater) write(to io.Writer, obj plumbing.EncodedObject, head string) error {
	if d.zlib == nil {
		z, err := zlib.NewWriterLevel(to, d.level)
		if err != nil {
			return err
		}
		d.zlib = z
	}
	d.zlib.Reset(to)
	r, err := obj.Reader()
	if err != nil {
		return err
	}
	_, err = io.WriteString(d.zlib, head)
	_, copyErr := io.Copy(d.zlib, r)
	return errors.Join(err, copyErr, r.Close(), d.zlib.Close())
}

// write adds an object, in memory at first.
func (m *Mirror) write(obj plumbing.EncodedObject) (plumbing.Hash, error) {
	h := obj.Hash()
	if err := m.makeRoom(); err != nil {
		return h, amend.Errorf(amend.Transient, "write object", "%w", err)
	}
	m.objects.mu.Lock()
	defer m.objects.mu.Unlock()
	m.written.add(h, obj)
	return h, nil
}

// makeRoom saves what is in memory when it is too much.
func (m *Mirror) makeRoom() error {
	m.objects.mu.Lock()
	full := m.written.size > maxWritten
	m.objects.mu.Unlock()
	if !full {
		return nil
	}
	if err := m.save(); err != nil {
		return err
	}
	m.objects.mu.Lock()
	defer m.objects.mu.Unlock()
	m.written.forget()
	return nil
}

// save has all objects on disk. Others can read and write meanwhile.
func (m *Mirror) save() error {
	m.saver.mu.Lock()
	defer m.saver.mu.Unlock()
	for {
		h, obj := m.unsaved()
		if obj == nil {
			return nil
		}
		if err := m.saver.save(h, obj); err != nil {
			return err
		}
		m.objects.mu.Lock()
		m.written.unsaved = m.written.unsaved[1:]
		m.objects.mu.Unlock()
	}
}

// unsaved returns the oldest object that is not on disk, nil when there is none.
func (m *Mirror) unsaved() (plumbing.Hash, plumbing.EncodedObject) {
	m.objects.mu.Lock()
	defer m.objects.mu.Unlock()
	w := m.written
	for ; len(w.unsaved) > 0; w.unsaved = w.unsaved[1:] {
		if h := w.unsaved[0]; w.EncodedObjectStorer.HasEncodedObject(h) != nil {
			return h, w.objects[h]
		}
	}
	return plumbing.ZeroHash, nil
}

// settleAfter is how long the mirror on disk may be behind: many pushes in a row are
// not to wait for what each of them leaves to be saved.
const settleAfter = time.Second

// settle brings the mirror on disk to where the branches are in memory, after some time.
// Whoever dies before it has less to begin with.
func (m *Mirror) settle() {
	if !m.saver.due.CompareAndSwap(false, true) {
		return // another one does
	}
	select {
	case <-time.After(settleAfter):
	case <-m.saver.closing:
	}
	m.saver.due.Store(false)
	err := m.save() // the longer part, while others may use the branches
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.heads == nil {
		return // it is built anew
	}
	if err = cmp.Or(err, m.saveState()); err != nil {
		m.cfg.Log.Warn("the mirror on disk stays behind", "error", err)
	}
}
