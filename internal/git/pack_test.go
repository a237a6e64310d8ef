package git

import (
	"encoding/binary"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// Those commits are forgotten that were made long ago, and not those which others were
// just made on.
func TestNewParcelsAreKept(t *testing.T) {
	const most = 64 // that are pushed together
	m := &Mirror{parcels: map[plumbing.Hash]parcel{}}
	name := func(n int) (h plumbing.Hash) {
		binary.BigEndian.PutUint64(h[:], uint64(n))
		return h
	}
	for n := range 3 * maxParcels {
		m.keep(name(n), parcel{})
		if _, ok := m.parcels[name(max(0, n-most))]; !ok || len(m.parcels) > maxParcels {
			t.Fatalf("of %d commits %d are kept, and %v the one %d before the last", n, len(m.parcels), ok, most)
		}
	}
}
