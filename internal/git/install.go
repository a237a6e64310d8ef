package git

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"runtime/debug"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/storage/memory"
)

const (
	// unpackLimit is the number of objects from which a fetch is kept as a pack.
	// Below, objects are stored one by one, because every pack makes every later
	// look-up slower.
	unpackLimit = 100
	// unpackBytes is what such objects may have together, because they are held
	// in memory: a few kilobytes on the wire may inflate to gigabytes.
	unpackBytes = 64 << 20
	// largePack is the number of objects from which the memory that it took to
	// index a pack is given back to the system at once.
	largePack = 20_000
)

// install stores the objects of a pack. The network is read before anything is
// put in place, and nothing else waits for it.
func (m *Mirror) install(r io.Reader) error {
	in := bufio.NewReader(r)
	// "PACK", version, number of objects: four bytes each (gitformat-pack).
	head, err := in.Peek(12)
	if err != nil {
		return err
	}
	if count := binary.BigEndian.Uint32(head[8:]); !bytes.HasPrefix(head, []byte("PACK")) || count > unpackLimit {
		if count > largePack { // to index it takes kilobytes for each object, once in the life of a mirror
			defer debug.FreeOSMemory()
		}
		return m.installPack(in)
	}
	var raw bytes.Buffer // what was read, to begin again
	mem := &memoryStore{ObjectStorage: &memory.NewStorage().ObjectStorage, left: unpackBytes}
	p, err := packfile.NewParserWithStorage(packfile.NewScanner(io.TeeReader(in, &raw)), mem)
	if err != nil {
		return err
	}
	if _, err := p.Parse(); errors.Is(err, errUnpacksLarge) {
		return m.installPack(io.MultiReader(&raw, in))
	} else if err != nil {
		return err
	}
	return m.inPlace(func() error {
		for _, obj := range mem.Objects {
			if _, err := m.store.SetEncodedObject(obj); err != nil {
				return err
			}
		}
		return nil
	})
}

var errUnpacksLarge = errors.New("the pack inflates to too much")

// A memoryStore takes objects until they are too much to hold in memory.
type memoryStore struct {
	*memory.ObjectStorage
	left int64
}

func (s *memoryStore) SetEncodedObject(obj plumbing.EncodedObject) (plumbing.Hash, error) {
	if s.left -= obj.Size(); s.left < 0 {
		return plumbing.ZeroHash, errUnpacksLarge
	}
	return s.ObjectStorage.SetEncodedObject(obj)
}

func (m *Mirror) installPack(r io.Reader) error {
	m.objects.mu.Lock()
	w, err := m.store.PackfileWriter()
	m.objects.mu.Unlock()
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, r); err != nil {
		return errors.Join(err, w.Close())
	}
	return m.inPlace(func() error {
		if err := w.Close(); err != nil {
			return err
		}
		m.store.Reindex() // the store may be another than the one that wrote, and reads the index smaller than it was made
		return nil
	})
}

// inPlace runs what changes the store, so that a death in the middle shows.
func (m *Mirror) inPlace(change func() error) error {
	m.objects.mu.Lock()
	defer m.objects.mu.Unlock()
	if err := os.WriteFile(m.tornPath(), nil, 0o600); err != nil {
		return err
	}
	if err := change(); err != nil {
		m.objects.broken.Store(true)
		return err
	}
	return os.Remove(m.tornPath())
}
