package bus

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// maxGroup is the most bytes that one message of a stream holds.
	maxGroup = 4 << 20
	// storeTimeout is how long the embedded server may take for one message. Who
	// has less time leaves earlier.
	storeTimeout = 30 * time.Second
	// Where so many callers wait, more are on their way, and waiting for them for this
	// long saves messages, each of which takes longer than that. Fewer are not delayed.
	company  = 5
	patience = 500 * time.Microsecond
)

// A share is what one caller wants stored, all or none.
type share struct {
	body  []byte      // lines, each with its end
	items []*item     // of events
	key   decisionKey // of a decision
	done  chan error  // holds one
}

// A group stores the shares of callers that come at the same time in one message:
// a message costs one sync of the disk however much it holds. A caller who comes alone
// waits for nobody; the others meet while the disk is busy with the one before, and
// where there are many, for a moment more.
type group struct {
	// store stores the shares in one message, in their order.
	store func(ctx context.Context, shares []*share) error

	mu      sync.Mutex
	waiting []*share
	busy    bool // a goroutine stores
}

// add returns nil when the share is synced to disk. When ctx ends first it returns
// at once; the share is then stored only if that had begun.
func (g *group) add(ctx context.Context, s *share) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.done = make(chan error, 1)
	g.mu.Lock()
	g.waiting = append(g.waiting, s)
	idle := !g.busy
	g.busy = true
	g.mu.Unlock()
	if idle {
		go g.work()
	}
	select {
	case err := <-s.done:
		return err
	case <-ctx.Done():
		g.leave(s)
		return ctx.Err()
	}
}

// leave takes back a share that nobody has begun to store.
func (g *group) leave(s *share) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = slices.DeleteFunc(g.waiting, func(w *share) bool { return w == s })
}

// work stores what waits until nothing does.
func (g *group) work() {
	for shares := g.gather(); len(shares) > 0; shares = g.gather() {
		err := g.put(shares)
		var refused *jetstream.APIError
		alone := len(shares) > 1 && errors.As(err, &refused)
		for _, s := range shares {
			if alone { // what one of them asks for may be too much, for a full store say
				err = g.put([]*share{s})
			}
			s.done <- err
		}
	}
}

// gather is next, after those have come who are about to: it lets others work first, as
// long as that brings more, and where there is company it waits once.
func (g *group) gather() []*share {
	for before, waited := -1, false; ; {
		g.mu.Lock()
		n := len(g.waiting)
		g.mu.Unlock()
		switch {
		case n > before && n > 0:
			before = n
			runtime.Gosched()
		case n >= company && !waited:
			waited = true
			time.Sleep(patience)
		default:
			return g.next()
		}
	}
}

func (g *group) put(shares []*share) error {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	return g.store(ctx, shares)
}

// next takes the shares of the next message off those that wait, at least one.
// There is none when it returns nil, and the next caller starts anew.
func (g *group) next() []*share {
	g.mu.Lock()
	defer g.mu.Unlock()
	size, n := 0, 0
	for _, s := range g.waiting {
		size += len(s.body)
		if n > 0 && size > maxGroup {
			break
		}
		n++
	}
	shares := slices.Clone(g.waiting[:n])
	g.waiting = slices.Delete(g.waiting, 0, n)
	g.busy = n > 0
	return shares
}

// joined returns the body of a message of these shares.
func joined(shares []*share) []byte {
	if len(shares) == 1 {
		return shares[0].body
	}
	bodies := make([][]byte, len(shares))
	for i, s := range shares {
		bodies[i] = s.body
	}
	return bytes.Join(bodies, nil)
}
