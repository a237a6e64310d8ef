package git

import (
	"bytes"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"

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
	for todo := []plumbing.Hash{commit}; len(todo) > 0; todo = todo[1:] {
		p, ok := m.parcels[todo[0]]
		if !ok || slices.Contains(d.commits, todo[0]) {
			continue
		}
		d.commits = append(d.commits, todo[0])
		todo = append(todo, p.parents...)
		for _, h := range p.objects {
			if !listed[h] {
				listed[h] = true
				objects = append(objects, h)
			}
		}
	}
	m.mu.Unlock()
	m.objects.mu.Lock()
	defer m.objects.mu.Unlock()
	var b bytes.Buffer
	if _, err := packfile.NewEncoder(&b, m.store, false).Encode(objects, 0); err != nil {
		return d, amend.Errorf(amend.Transient, "pack commits", "%w", err)
	}
	d.content = b.Bytes()
	return d, nil
}
