package git

import (
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cache"
)

// objects is an object store in which every read is checked against its hash.
// go-git's stores are not safe for concurrent use; this one is.
type objects struct {
	mu    sync.Mutex
	store storer.EncodedObjectStorer
	// fresh opens the store anew, nil where it is never: go-git keeps some hundred
	// bytes of every object that it has once come across. seen counts those reads.
	fresh func()
	seen  int
	// complete gets a file or a folder that a partial copy left out, nil where none
	// does. It is called without mu.
	complete func(plumbing.Hash) error
	// loss is the kind of a lost or rotten object: Transient where a rebuild
	// follows, Invalid where only the user can repair the clone.
	loss amend.Kind
	// broken is set by the first loss, so that a mirror knows to rebuild.
	broken atomic.Bool
	// trees keeps large decoded trees, which never change: from one fix to the
	// next all but a few stay the same, and large folders are slow to decode.
	trees *cache.Map[plumbing.Hash, []object.TreeEntry]
	// roots keeps which tree a commit has, by the commit's name: who compares the
	// commits of a history names each several times.
	roots *cache.Map[string, plumbing.Hash]
	// whole says that whole histories are gone through, so trees of any size are
	// kept, and the root of every commit that is read.
	whole bool
}

// A tree is kept from largeTree entries on. maxTreeEntries bounds those to some 10
// MB, maxRoots what is kept of commits to some 10, and maxSeen what go-git keeps to a
// few.
const (
	largeTree      = 128
	maxTreeEntries = 120_000
	maxRoots       = 50_000
	maxSeen        = 20_000
)

// maxGrow bounds the room that is made for an object before any of it is read.
const maxGrow = 1 << 20

// newObjects returns a store whose lost objects are errors of the given kind.
func newObjects(loss amend.Kind) *objects {
	size := func(entries []object.TreeEntry) int { return len(entries) }
	return &objects{
		loss: loss, trees: cache.New[plumbing.Hash](maxTreeEntries, size),
		roots: cache.New[string](maxRoots, func(plumbing.Hash) int { return 1 }),
	}
}

func (o *objects) has(h plumbing.Hash) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.store.HasEncodedObject(h) == nil
}

// read returns an object's content, or plumbing.ErrObjectNotFound.
func (o *objects) read(t plumbing.ObjectType, h plumbing.Hash) ([]byte, error) {
	content, err := o.stored(t, h)
	if err != nil {
		return nil, err
	}
	if got := plumbing.ComputeHash(t, content); got != h {
		return nil, errors.New("its content has another hash")
	}
	return content, nil
}

// stored returns an object's content as the store has it.
func (o *objects) stored(t plumbing.ObjectType, h plumbing.Hash) ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count()
	obj, err := o.store.EncodedObject(t, h)
	if err != nil {
		return nil, err
	}
	r, err := obj.Reader()
	if err != nil {
		return nil, err
	}
	content, err := readSized(r, obj.Size())
	return content, errors.Join(err, r.Close())
}

// readSized reads all there is into room for just that, as it may be kept. A size may
// be forged.
func readSized(r io.Reader, size int64) ([]byte, error) {
	content := make([]byte, min(max(size, 0), maxGrow)+1) // one more to meet the end
	n, err := io.ReadFull(r, content)
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return content[:n], nil
	case err != nil:
		return nil, err
	}
	rest, err := io.ReadAll(r)
	return append(content, rest...), err
}

// count notes that the store is asked for an object; o.mu is held.
func (o *objects) count() {
	if o.seen++; o.seen > maxSeen && o.fresh != nil {
		o.fresh()
		o.seen = 0
	}
}

// need reads an object that another one refers to, so that its absence is a
// loss and not an answer.
func (o *objects) need(t plumbing.ObjectType, h plumbing.Hash) ([]byte, error) {
	content, err := o.read(t, h)
	if o.omitted(t, err) {
		if err := o.complete(h); err != nil {
			return nil, err
		}
		content, err = o.read(t, h)
	}
	if err != nil {
		return nil, o.lost(h, err)
	}
	return content, nil
}

// omitted reports whether an object may be missing because it was left out.
func (o *objects) omitted(t plumbing.ObjectType, err error) bool {
	return o.complete != nil && t != plumbing.CommitObject && errors.Is(err, plumbing.ErrObjectNotFound)
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

// root returns the tree of a commit that the caller names.
func (o *objects) root(sha string) (plumbing.Hash, error) {
	if h, ok := o.roots.Get(sha); ok {
		return h, nil
	}
	c, err := o.named(sha)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	o.roots.Put(sha, c.TreeHash)
	return c.TreeHash, nil
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
	if err := c.Decode(checked{encoded(plumbing.CommitObject, content), h}); err != nil {
		return nil, o.lost(h, err)
	}
	if o.whole {
		o.roots.Put(h.String(), c.TreeHash)
	}
	return c, nil
}

// tree reads a tree that must be there. The result is shared: it must not be
// changed.
func (o *objects) tree(h plumbing.Hash) ([]object.TreeEntry, error) {
	if entries, ok := o.trees.Get(h); ok {
		return entries, nil
	}
	content, err := o.need(plumbing.TreeObject, h)
	if err != nil {
		return nil, err
	}
	entries, err := decodeTree(content)
	if err != nil {
		return nil, o.lost(h, err)
	}
	o.keepTree(h, entries)
	return entries, nil
}

func (o *objects) keepTree(h plumbing.Hash, entries []object.TreeEntry) {
	if o.whole || len(entries) >= largeTree {
		o.trees.Put(h, slices.Clone(entries)) // of just that length
	}
}

// size returns the size of a blob that must be there. A large one is not read.
func (o *objects) size(h plumbing.Hash) (int64, error) {
	size, err := o.storedSize(h)
	if o.omitted(plumbing.BlobObject, err) {
		if err := o.complete(h); err != nil {
			return 0, err
		}
		size, err = o.storedSize(h)
	}
	if err != nil {
		return 0, o.lost(h, err)
	}
	return size, nil
}

func (o *objects) storedSize(h plumbing.Hash) (int64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count()
	// To ask go-git for the size alone makes it list all objects of the pack.
	obj, err := o.store.EncodedObject(plumbing.AnyObject, h)
	if err != nil {
		return 0, err
	}
	return obj.Size(), nil
}

// A checked object has the hash that it was read by, which is not computed again.
type checked struct {
	plumbing.EncodedObject
	hash plumbing.Hash
}

// Hash implements plumbing.EncodedObject.
func (c checked) Hash() plumbing.Hash { return c.hash }

func encoded(t plumbing.ObjectType, content []byte) plumbing.EncodedObject {
	obj := new(plumbing.MemoryObject)
	obj.SetType(t)
	// MemoryObject.Write keeps what it is given and cannot fail.
	_, _ = obj.Write(content)
	return obj
}
