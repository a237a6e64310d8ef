package git

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"github.com/amendhq/amend"
)

// objects is an object store in which every read is checked against its hash.
// go-git's stores are not safe for concurrent use; this one is.
type objects struct {
	mu    sync.Mutex
	store storer.EncodedObjectStorer
	// loss is the kind of a lost or rotten object: Transient where a rebuild
	// follows, Invalid where only the user can repair the clone.
	loss amend.Kind
	// broken is set by the first loss, so that a mirror knows to rebuild.
	broken atomic.Bool
}

func (o *objects) has(h plumbing.Hash) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.store.HasEncodedObject(h) == nil
}

// read returns an object's content, or plumbing.ErrObjectNotFound.
func (o *objects) read(t plumbing.ObjectType, h plumbing.Hash) ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	obj, err := o.store.EncodedObject(t, h)
	if err != nil {
		return nil, err
	}
	r, err := obj.Reader()
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if got := plumbing.ComputeHash(t, content); got != h {
		return nil, errors.New("its content has another hash")
	}
	return content, nil
}

// need reads an object that another one refers to, so that its absence is a
// loss and not an answer.
func (o *objects) need(t plumbing.ObjectType, h plumbing.Hash) ([]byte, error) {
	content, err := o.read(t, h)
	if err != nil {
		return nil, o.lost(h, err)
	}
	return content, nil
}

func (o *objects) lost(h plumbing.Hash, cause error) error {
	o.broken.Store(true)
	return amend.Errorf(o.loss, "read repository", "object %s is lost: %w", h, cause)
}

// named reads a commit that the caller names.
func (o *objects) named(sha string) (*object.Commit, error) {
	h, err := parseSHA(sha)
	if err != nil {
		return nil, err
	}
	content, err := o.read(plumbing.CommitObject, h)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, amend.Errorf(amend.NotFound, "read commit", "no commit %s here", sha)
	}
	if err != nil {
		return nil, o.lost(h, err)
	}
	return o.decode(h, content)
}

// commit reads a commit that must be there.
func (o *objects) commit(h plumbing.Hash) (*object.Commit, error) {
	content, err := o.need(plumbing.CommitObject, h)
	if err != nil {
		return nil, err
	}
	return o.decode(h, content)
}

func (o *objects) decode(h plumbing.Hash, content []byte) (*object.Commit, error) {
	c := new(object.Commit)
	if err := c.Decode(encoded(plumbing.CommitObject, content)); err != nil {
		return nil, o.lost(h, err)
	}
	return c, nil
}

// tree reads a tree that must be there.
func (o *objects) tree(h plumbing.Hash) ([]object.TreeEntry, error) {
	content, err := o.need(plumbing.TreeObject, h)
	if err != nil {
		return nil, err
	}
	t := new(object.Tree)
	if err := t.Decode(encoded(plumbing.TreeObject, content)); err != nil {
		return nil, o.lost(h, err)
	}
	return t.Entries, nil
}

// size returns the size of a blob that must be there, mostly without reading it.
func (o *objects) size(h plumbing.Hash) (int64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.store.EncodedObjectSize(h)
	if err != nil {
		return 0, o.lost(h, err)
	}
	return n, nil
}

// write adds an object unless it is there already.
func (o *objects) write(obj plumbing.EncodedObject) (plumbing.Hash, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if h := obj.Hash(); o.store.HasEncodedObject(h) == nil {
		return h, nil
	}
	h, err := o.store.SetEncodedObject(obj)
	if err != nil {
		return plumbing.ZeroHash, amend.Errorf(amend.Transient, "write object", "%w", err)
	}
	return h, nil
}

func encoded(t plumbing.ObjectType, content []byte) plumbing.EncodedObject {
	obj := new(plumbing.MemoryObject)
	obj.SetType(t)
	// MemoryObject.Write keeps what it is given and cannot fail.
	_, _ = obj.Write(content)
	return obj
}
