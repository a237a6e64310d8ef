package git

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"

	"github.com/amendhq/amend"
)

// maxHaves bounds how many of our commits the host is told of, so that it can
// leave out what we have. 256 are enough unless a branch was rewound further; then
// it sends more than needed, and never less.
const maxHaves = 256

// Fetch brings all branches up to date: new ones appear, deleted ones go, forced
// ones move. When nothing changed it costs one request. A fetch that fails
// leaves the branches as they were. Errors are amend.Transient for what may pass
// (network, limits, server errors, a mirror that will be rebuilt by the next
// call), amend.Refused when the credential is not accepted or the repository
// has moved, and amend.NotFound when the host shows no such repository. How
// long to wait is up to ctx.
func (m *Mirror) Fetch(ctx context.Context) error {
	done, err := m.alone(ctx)
	if err != nil {
		return err
	}
	defer done()
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

// alone waits until no other fetch runs; done lets the next one.
func (m *Mirror) alone(ctx context.Context) (done func(), err error) {
	select {
	case m.fetching <- struct{}{}:
		return func() { <-m.fetching }, nil
	case <-ctx.Done():
		return nil, amend.Errorf(amend.Transient, "fetch", "another fetch is running: %w", ctx.Err())
	}
}

// download asks for the branches and gets the objects that are missing for them.
func (m *Mirror) download(ctx context.Context) (map[string]plumbing.Hash, error) {
	c, err := m.call(ctx)
	if err != nil || len(c.heads) == 0 {
		return c.heads, err
	}
	defer c.Close()
	m.mu.Lock()
	first := m.heads == nil
	m.mu.Unlock()
	if first {
		return c.heads, m.start(ctx, c)
	}
	if a := m.lacking(c.heads); len(a.wants) > 0 {
		_, err = m.request(ctx, c, a)
	}
	return c.heads, err
}

// A caller talks to the host, which has said where its branches are and what it can do.
type caller struct {
	transport.UploadPackSession
	heads map[string]plumbing.Hash
	can   *capability.List
}

// call asks for the branches.
func (m *Mirror) call(ctx context.Context) (caller, error) {
	c := caller{heads: map[string]plumbing.Hash{}}
	l, err := m.dial(ctx, "fetch")
	if err != nil {
		return c, err
	}
	if c.UploadPackSession, err = l.NewUploadPackSession(l.endpoint, l.auth); err != nil {
		return c, err
	}
	adv, err := c.AdvertisedReferencesContext(ctx)
	if errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	for name, h := range adv.References {
		if branch, ok := strings.CutPrefix(name, "refs/heads/"); ok {
			c.heads[branch] = h
		}
	}
	c.can = adv.Capabilities
	return c, nil
}

// lacking asks for the heads that are not here.
func (m *Mirror) lacking(heads map[string]plumbing.Hash) ask {
	m.mu.Lock()
	known, whole := set(maps.Values(m.heads)), len(m.edge) == 0
	m.mu.Unlock()
	var a ask
	for _, h := range heads {
		if !known[h] && !(whole && m.objects.has(h)) {
			a.wants = append(a.wants, h)
		}
	}
	if len(a.wants) == 0 {
		return a
	}
	a.haves = m.haves()
	if !whole { // that a commit is here says nothing of its files
		a.wants = slices.DeleteFunc(a.wants, func(h plumbing.Hash) bool { return slices.Contains(a.haves, h) })
	}
	return a
}

// haves lists our branches and then their newest ancestors, of which everything is
// here. To Git, who has a commit has all below it, as far as it says no other.
func (m *Mirror) haves() []plumbing.Hash {
	m.mu.Lock()
	heads, edge := maps.Clone(m.heads), m.edge
	m.mu.Unlock()
	w := walk{repo: m.Repo, nodes: map[plumbing.Hash]*node{}, edge: edge}
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

// An ask says which objects are to come.
type ask struct {
	wants, haves []plumbing.Hash
	// deepen is how many commits below the edge are wanted whole, or, of whom has
	// no edge, below the heads. 0 means all that are new.
	deepen int
	filter packp.Filter
}

// request gets the objects and puts them in place. It returns the commits that became
// the edge or ceased to be it.
func (m *Mirror) request(ctx context.Context, c caller, a ask) (packp.ShallowUpdate, error) {
	req := packp.NewUploadPackRequestFromCapabilities(c.can)
	req.Wants, req.Haves, req.Filter = a.wants, a.haves, a.filter
	req.Depth = packp.DepthCommits(a.deepen)
	var use []capability.Capability
	if a.filter == "" { // whose answer has no edge
		m.mu.Lock()
		req.Shallows = slices.Collect(maps.Keys(m.edge))
		m.mu.Unlock()
	} else {
		use = append(use, capability.Filter)
	}
	if a.deepen > 0 || len(req.Shallows) > 0 {
		use = append(use, capability.Shallow)
	}
	if a.deepen > 0 && len(req.Shallows) > 0 && a.deepen < everything {
		use = append(use, capability.DeepenRelative)
	}
	if c.can.Supports(capability.NoProgress) {
		use = append(use, capability.NoProgress)
	}
	for _, u := range use {
		if err := req.Capabilities.Set(u); err != nil {
			return packp.ShallowUpdate{}, err
		}
	}
	resp, err := c.UploadPack(ctx, req)
	if err != nil {
		return packp.ShallowUpdate{}, err
	}
	defer resp.Close()
	if err := m.install(demux(req.Capabilities, resp)); err != nil {
		return packp.ShallowUpdate{}, errors.Join(err, m.dropParts())
	}
	// An answer that ends early can look like one that holds nothing.
	for _, h := range a.wants {
		if !m.objects.has(h) {
			return packp.ShallowUpdate{}, amend.Errorf(amend.Transient, "fetch", "the host did not send %s", h)
		}
	}
	return resp.ShallowUpdate, nil
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
