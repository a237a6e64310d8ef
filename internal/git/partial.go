package git

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"github.com/amendhq/amend"
)

// A mirror begins with part of the history, so that a start costs what the repository
// holds today and not what it ever held: all commits, whose messages say what amend has
// done, and the files of the newest of them. The oldest commits whose files are here
// are its edge. A read of what lies below it brings more.
const (
	// startDepth is how many commits of each branch have their files at the start: it
	// should reach to where the open branches of a repository left one another.
	startDepth = 100
	// deeper is how many more the first read below the edge brings; the second
	// brings all.
	deeper = 1000
	// everything is the depth by which Git means all of the history
	// (INFINITE_DEPTH in its source).
	everything = 0x7fffffff
)

// start gets the branches of an empty mirror.
func (m *Mirror) start(ctx context.Context, c caller) error {
	m.setEdge(nil)
	wants := slices.Collect(maps.Values(c.heads))
	if !c.can.Supports(capability.Shallow) || !c.can.Supports(capability.Filter) {
		_, err := m.request(ctx, c, ask{wants: wants})
		return err
	}
	got, err := m.request(ctx, c, ask{wants: wants, deepen: startDepth})
	if err != nil || len(got.Shallows) == 0 {
		return err
	}
	// The edge must be known before the commits are: they would look like whole ones.
	m.setEdge(set(slices.Values(got.Shallows)))
	_, err = m.request(ctx, c, ask{wants: wants, filter: packp.FilterTreeDepth(0)})
	var away *plumbing.UnexpectedError // by which go-git means that there was no answer
	if err == nil || errors.As(err, &away) || ctx.Err() != nil {
		return err
	}
	// A host may know filters and not take this one (uploadpackfilter.tree.allow).
	m.cfg.Log.DebugContext(ctx, "the host does not send commits alone", "error", err)
	return m.extend(ctx, c, everything)
}

// extend brings so many commits below the edge with their files.
func (m *Mirror) extend(ctx context.Context, c caller, by int) error {
	got, err := m.request(ctx, c, ask{wants: slices.Collect(maps.Values(c.heads)), haves: m.haves(), deepen: by})
	if err != nil {
		return err
	}
	m.mu.Lock()
	edge := maps.Clone(m.edge)
	m.mu.Unlock()
	for _, h := range got.Unshallows { // not those that the host does not know any more
		delete(edge, h)
	}
	maps.Copy(edge, set(slices.Values(got.Shallows)))
	m.setEdge(edge)
	return nil
}

// stands reports whether a commit is known to have all below it here, down to the edge.
// A branch at any other would have more claimed than is here.
func (m *Mirror) stands(commit plumbing.Hash) bool {
	m.mu.Lock()
	_, ground := m.unpushed(commit)
	heads, whole := slices.Collect(maps.Values(m.heads)), len(m.edge) == 0
	m.mu.Unlock()
	among := func(here []plumbing.Hash) bool {
		return !slices.ContainsFunc(ground, func(h plumbing.Hash) bool { return !slices.Contains(here, h) })
	}
	return whole || among(heads) || among(m.haves())
}

func (m *Mirror) setEdge(edge map[plumbing.Hash]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.edge = edge
}

func set(all iter.Seq[plumbing.Hash]) map[plumbing.Hash]bool {
	s := map[plumbing.Hash]bool{}
	for h := range all {
		s[h] = true
	}
	return s
}

// complete brings an object that lies below the edge. It is no error when it stays
// unknown.
func (m *Mirror) complete(h plumbing.Hash) error {
	ctx := m.life
	done, err := m.alone(ctx)
	if err != nil {
		return err
	}
	defer done()
	for _, by := range []int{deeper, everything} {
		m.mu.Lock()
		whole := len(m.edge) == 0 || m.heads == nil
		m.mu.Unlock()
		if whole || m.objects.has(h) {
			return nil
		}
		m.cfg.Log.InfoContext(ctx, "the files of older commits are fetched", "object", h.String())
		if err := m.deepen(ctx, by); err != nil {
			return classify("fetch", err)
		}
		m.mu.Lock()
		err := m.saveState()
		m.mu.Unlock()
		if err != nil {
			return amend.Errorf(amend.Transient, "save mirror", "%w", err)
		}
	}
	return nil
}

// deepen asks the host for so many commits below the edge.
func (m *Mirror) deepen(ctx context.Context, by int) error {
	c, err := m.call(ctx)
	if err != nil {
		return err
	}
	if len(c.heads) == 0 {
		return errors.New("the host has no branches")
	}
	defer c.Close()
	if !c.can.Supports(capability.DeepenRelative) {
		by = everything
	}
	return m.extend(ctx, c, by)
}
