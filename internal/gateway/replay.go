package gateway

import (
	"crypto/sha256"
	"slices"
	"sync"
	"time"

	"github.com/amendhq/amend/internal/sender"
)

const (
	// ahead is how far the clock of a sender may be ahead of ours.
	ahead = 5 * time.Minute
	// maxRemembered bounds the posts of one source and tenant that are remembered, at about
	// 100 bytes each.
	maxRemembered = 100_000
)

// A freshness is what is known about a signed post.
type freshness int

const (
	fresh   freshness = iota // never seen; it is now being accepted
	stale                    // too old, or too new
	pending                  // another copy of it is being accepted
	known                    // it was accepted
)

// A replayGuard remembers the posts of one source and tenant for as long as their signature
// is good for, so that nothing is accepted twice. What is forgotten early, because
// there is too much of it, is stale from then on. It lives in memory: another
// process, or this one after a restart, does not know what this one accepted, and
// only the window protects it.
type replayGuard struct {
	window time.Duration
	size   int

	mu    sync.Mutex
	seen  map[[sha256.Size]byte]remembered
	floor time.Time // what was sent at this time or before is stale
}

// replayGuards has a guard for each tenant, so that none uses up another's ids and
// room. The secrets of one tenant share theirs: while one is replaced, a post may be
// signed with both.
type replayGuards struct {
	window time.Duration

	mu       sync.Mutex
	byTenant map[string]*replayGuard
}

func newReplayGuards(window time.Duration) *replayGuards {
	return &replayGuards{window: window, byTenant: map[string]*replayGuard{}}
}

func (g *replayGuards) of(tenant string) *replayGuard {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.byTenant[tenant] == nil {
		g.byTenant[tenant] = newReplayGuard(g.window, maxRemembered)
	}
	return g.byTenant[tenant]
}

type remembered struct {
	sentAt time.Time
	done   bool
}

func newReplayGuard(window time.Duration, size int) *replayGuard {
	return &replayGuard{window: window, size: size, seen: map[[sha256.Size]byte]remembered{}}
}

// admit says what is known about a delivery. After fresh, settle has to follow.
func (g *replayGuard) admit(d sender.Delivery, now time.Time) freshness {
	g.mu.Lock()
	defer g.mu.Unlock()
	if d.SentAt.Before(now.Add(-g.window)) || d.SentAt.After(now.Add(ahead)) || !d.SentAt.After(g.floor) {
		return stale
	}
	key := sha256.Sum256([]byte(d.ID))
	if r, ok := g.seen[key]; ok {
		if r.done {
			return known
		}
		return pending
	}
	if len(g.seen) >= g.size {
		g.forget(now)
	}
	g.seen[key] = remembered{sentAt: d.SentAt}
	return fresh
}

// settle says whether a fresh delivery was accepted; if it was not, it may come
// again.
func (g *replayGuard) settle(d sender.Delivery, accepted bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := sha256.Sum256([]byte(d.ID))
	if accepted {
		g.seen[key] = remembered{sentAt: d.SentAt, done: true}
		return
	}
	delete(g.seen, key)
}

// forget makes room: first of what the window has closed on, and if that is too
// little, of the oldest tenth.
func (g *replayGuard) forget(now time.Time) {
	g.drop(now.Add(-g.window))
	if len(g.seen) < g.size {
		return
	}
	times := make([]time.Time, 0, len(g.seen))
	for _, r := range g.seen {
		times = append(times, r.sentAt)
	}
	slices.SortFunc(times, time.Time.Compare)
	g.drop(times[len(times)/10])
}

// drop forgets all that was sent at the time or before, and lets none of it in
// again.
func (g *replayGuard) drop(floor time.Time) {
	g.floor = floor
	for key, r := range g.seen {
		if !r.sentAt.After(floor) {
			delete(g.seen, key)
		}
	}
}
