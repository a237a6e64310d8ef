package git

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/amendhq/amend"
)

const (
	// maxHaves bounds how many of our commits the host is told of, so that it
	// can leave out what we have. 256 are enough unless a branch was rewound
	// further; then it sends more than needed, and never less.
	maxHaves = 256
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

// Fetch brings all branches up to date: new ones appear, deleted ones go, forced
// ones move. When nothing changed it costs one request. A fetch that fails
// leaves the branches as they were. Errors are amend.Transient for what may pass
// (network, limits, server errors, a mirror that will be rebuilt by the next
// call), amend.Refused when the credential is not accepted or the repository
// has moved, and amend.NotFound when the host shows no such repository. How
// long to wait is up to ctx.
func (m *Mirror) Fetch(ctx context.Context) error {
	select {
	case m.fetching <- struct{}{}:
		defer func() { <-m.fetching }()
	case <-ctx.Done():
		return amend.Errorf(amend.Transient, "fetch", "another fetch is running: %w", ctx.Err())
	}
	if m.objects.broken.Load() {
		m.cfg.Log.WarnContext(ctx, "mirror lost objects and is rebuilt", "dir", m.cfg.Dir)
		if err := m.reset(); err != nil {
			return err
		}
	}
	m.mu.Lock()
	m.advanced = map[string]plumbing.Hash{}
	m.mu.Unlock()
	start := time.Now()
	heads, err := m.download(ctx)
	if err != nil {
		return classify("fetch", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.Copy(heads, m.advanced)
	m.cfg.Log.DebugContext(ctx, "fetched", "branches", len(heads), "took", time.Since(start))
	return m.setHeads(heads)
}

// download asks for the branches and gets the objects that are missing for them.
func (m *Mirror) download(ctx context.Context) (map[string]plumbing.Hash, error) {
	session, err := m.session(ctx)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	adv, err := session.AdvertisedReferencesContext(ctx)
	if errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return map[string]plumbing.Hash{}, nil
	}
	if err != nil {
		return nil, err
	}
	heads := map[string]plumbing.Hash{}
	var wants []plumbing.Hash
	for name, h := range adv.References {
		branch, ok := strings.CutPrefix(name, "refs/heads/")
		if !ok {
			continue
		}
		heads[branch] = h
		if !m.objects.has(h) {
			wants = append(wants, h)
		}
	}
	if len(wants) == 0 {
		return heads, nil
	}
	if err := m.request(ctx, session, adv, wants); err != nil {
		return nil, err
	}
	return heads, nil
}

func (m *Mirror) session(ctx context.Context) (transport.UploadPackSession, error) {
	l, err := m.dial(ctx, "fetch")
	if err != nil {
		return nil, err
	}
	return l.NewUploadPackSession(l.endpoint, l.auth)
}

// A line is a way to the host, on which nothing was said yet.
type line struct {
	transport.Transport
	endpoint *transport.Endpoint
	auth     transport.AuthMethod
}

func (m *Mirror) dial(ctx context.Context, op string) (line, error) {
	endpoint, err := transport.NewEndpoint(m.cfg.URL)
	if err != nil {
		return line{}, amend.Errorf(amend.Invalid, op, "%w", err)
	}
	var auth transport.AuthMethod
	if m.cfg.Auth != nil {
		user, secret, err := m.cfg.Auth(ctx)
		if err != nil {
			return line{}, err
		}
		auth = &githttp.BasicAuth{Username: user, Password: secret}
	}
	base := m.cfg.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	// A redirect would send the credential, or the trust in what comes back,
	// to somebody whom nobody configured; answers turns it into an error.
	client := &http.Client{Transport: answers{base, op}}
	return line{githttp.NewClient(client), endpoint, auth}, nil
}

func (m *Mirror) request(ctx context.Context, s transport.UploadPackSession, adv *packp.AdvRefs, wants []plumbing.Hash) error {
	req := packp.NewUploadPackRequestFromCapabilities(adv.Capabilities)
	if adv.Capabilities.Supports(capability.NoProgress) {
		if err := req.Capabilities.Set(capability.NoProgress); err != nil {
			return err
		}
	}
	req.Wants = wants
	req.Haves = m.haves()
	resp, err := s.UploadPack(ctx, req)
	if err != nil {
		return err
	}
	defer resp.Close()
	if err := m.install(demux(req.Capabilities, resp)); err != nil {
		return errors.Join(err, m.dropParts())
	}
	// An answer that ends early can look like one that holds nothing.
	for _, h := range wants {
		if !m.objects.has(h) {
			return amend.Errorf(amend.Transient, "fetch", "the host did not send %s", h)
		}
	}
	return nil
}

func demux(l *capability.List, r io.Reader) io.Reader {
	switch {
	case l.Supports(capability.Sideband64k):
		return sideband.NewDemuxer(sideband.Sideband64k, r)
	case l.Supports(capability.Sideband):
		return sideband.NewDemuxer(sideband.Sideband, r)
	}
	return r
}

// haves lists our branches and then their newest ancestors.
func (m *Mirror) haves() []plumbing.Hash {
	m.mu.Lock()
	heads := maps.Clone(m.heads)
	m.mu.Unlock()
	w := walk{repo: m.Repo, nodes: map[plumbing.Hash]*node{}}
	var haves []plumbing.Hash
	for _, h := range heads {
		if w.nodes[h] == nil && w.visit(h, false) == nil {
			haves = append(haves, h)
		}
	}
	// An ancestor that cannot be read only makes the answer longer.
	for i := 0; i < maxHaves && len(w.queue) > 0; i++ {
		n, err := w.next()
		if err != nil {
			break
		}
		haves = append(haves, n.commit.Hash)
	}
	return haves
}

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
