package git

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/amendhq/amend"
)

// A parcel is what a commit of Write consists of, itself included.
type parcel struct {
	parents, objects []plumbing.Hash
}

// maxParcels bounds the commits that are kept in mind until they are pushed. Most
// of those that never are were made to be compared, or decided about again.
const maxParcels = 4096

// keep notes a commit that the host does not have, and forgets the oldest one of too
// many: whoever pushes that is rejected, and writes it again.
func (m *Mirror) keep(commit plumbing.Hash, p parcel) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.parcels[commit] = p
	if m.kept = append(m.kept, commit); len(m.kept) > maxParcels {
		delete(m.parcels, m.kept[0])
		m.kept = m.kept[1:]
	}
}

// A delivery is what the host needs to have a commit.
type delivery struct {
	commits []plumbing.Hash
	content []byte // in the form of gitformat-pack
}

// pack gathers the commit and those below it that were not pushed yet. It may be
// empty, for a commit that is on the host.
func (m *Mirror) pack(commit plumbing.Hash) (delivery, error) {
	var d delivery
	var objects []plumbing.Hash
	listed := map[plumbing.Hash]bool{}
	m.mu.Lock()
	d.commits, _ = m.unpushed(commit)
	for _, c := range d.commits {
		for _, h := range m.parcels[c].objects {
			if !listed[h] {
				listed[h] = true
				objects = append(objects, h)
			}
		}
	}
	m.mu.Unlock()
	m.objects.mu.Lock()
	defer m.objects.mu.Unlock()
	var err error
	if d.content, err = m.written.pack(objects); err != nil {
		return d, amend.Errorf(amend.Transient, "pack commits", "%w", err)
	}
	return d, nil
}

// unpushed lists the commit and those below it that were not pushed yet, and the ones
// that they stand on; m.mu is held.
func (m *Mirror) unpushed(commit plumbing.Hash) (commits, ground []plumbing.Hash) {
	for todo := []plumbing.Hash{commit}; len(todo) > 0; todo = todo[1:] {
		p, ok := m.parcels[todo[0]]
		switch {
		case !ok:
			ground = append(ground, todo[0])
		case !slices.Contains(commits, todo[0]):
			commits = append(commits, todo[0])
			todo = append(todo, p.parents...)
		}
	}
	return commits, ground
}

// pack writes objects in the form of gitformat-pack, none of them as a difference to
// another one: what a commit adds is small. Trees are not compressed, as in save.
func (w *written) pack(objects []plumbing.Hash) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("PACK")
	b.Write(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, packVersion), uint32(len(objects))))
	for _, h := range objects {
		obj, err := w.EncodedObject(plumbing.AnyObject, h)
		if err != nil {
			return nil, err
		}
		b.Write(packHead(obj))
		z := &w.fast
		if obj.Type() == plumbing.TreeObject {
			z = &w.stored
		}
		if err := z.write(&b, obj, ""); err != nil {
			return nil, err
		}
	}
	sum := sha1.Sum(b.Bytes())
	b.Write(sum[:])
	return b.Bytes(), nil
}

const packVersion = 2

// packHead returns the type and the size of an object: four bits of the size beside the
// type, and then seven in each byte, of which the first says whether more follow.
func packHead(obj plumbing.EncodedObject) []byte {
	size := uint64(obj.Size())
	first := byte(obj.Type())<<4 | byte(size&0x0f)
	if size >>= 4; size == 0 {
		return []byte{first}
	}
	return binary.AppendUvarint([]byte{first | 0x80}, size)
}
