package git

import (
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"github.com/amendhq/amend"
)

// A written store has the objects of Write in memory, over those on disk. They are saved
// while the host takes them, and not before, as that would be half of what it costs to
// make a commit: all that a crash can lose of them is what no branch names. They stay
// for some time, because the next commit begins with reading them.
//
// It is used as any store of objects is, with their lock held.
type written struct {
	storer.EncodedObjectStorer // on disk
	dir                        string
	objects                    map[plumbing.Hash]plumbing.EncodedObject
	unsaved                    []plumbing.Hash // the oldest first
	size                       int64           // of objects
	stored, fast               deflater
}

// maxWritten bounds the bytes of the objects in memory. It is some hundred commits.
const maxWritten = 4 << 20

// newWritten returns a store over another one, with its loose objects in a folder.
func newWritten(dir string) *written {
	return &written{
		dir: dir, objects: map[plumbing.Hash]plumbing.EncodedObject{},
		stored: deflater{level: zlib.NoCompression}, fast: deflater{level: zlib.BestSpeed},
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

// add takes an object. Room is made by saving what is there.
func (w *written) add(h plumbing.Hash, obj plumbing.EncodedObject) error {
	if w.objects[h] != nil {
		return nil
	}
	if w.size += obj.Size(); w.size > maxWritten {
		for len(w.unsaved) > 0 {
			if err := w.saveOne(); err != nil {
				w.size -= obj.Size()
				return err
			}
		}
		clear(w.objects)
		w.size = obj.Size()
	}
	w.objects[h] = obj
	w.unsaved = append(w.unsaved, h)
	return nil
}

// saveOne saves the oldest object that is not on disk.
func (w *written) saveOne() error {
	h := w.unsaved[0]
	if w.EncodedObjectStorer.HasEncodedObject(h) != nil {
		if err := w.save(h, w.objects[h]); err != nil {
			return err
		}
	}
	w.unsaved = w.unsaved[1:]
	return nil
}

// save stores one loose object, whole or not at all: "type size", a zero byte and the
// content, as one stream. It does not compress it, as go-git does: trees are mostly
// hashes, which hardly get smaller, and for large ones that took most of the time of a
// fix.
func (w *written) save(h plumbing.Hash, obj plumbing.EncodedObject) error {
	f, err := os.CreateTemp(w.dir, "tmp_obj_")
	if err != nil {
		return err
	}
	head := fmt.Sprintf("%s %d\x00", obj.Type(), obj.Size())
	if err := errors.Join(w.stored.write(f, obj, head), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	folder := filepath.Join(w.dir, h.String()[:2])
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
	m.objects.mu.Lock()
	defer m.objects.mu.Unlock()
	if err := m.written.add(h, obj); err != nil {
		return plumbing.ZeroHash, errSave(err)
	}
	return h, nil
}

// save has all objects on disk. Others read between two of them.
func (m *Mirror) save() error {
	one := func() (more bool, err error) {
		m.objects.mu.Lock()
		defer m.objects.mu.Unlock()
		if len(m.written.unsaved) == 0 {
			return false, nil
		}
		return true, m.written.saveOne()
	}
	for {
		if more, err := one(); !more || err != nil {
			return errSave(err)
		}
	}
}

func errSave(err error) error {
	if err == nil {
		return nil
	}
	return amend.Errorf(amend.Transient, "write object", "%w", err)
}
