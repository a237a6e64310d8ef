package bus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/amendhq/amend"
)

const (
	// maxHeld bounds the events in hand, as bytes of their lines: those that are
	// handled, those that wait behind them or for another attempt. While they are as
	// many no further message is taken in hand, which may hold maxGroup more.
	maxHeld = 32 << 20
	// serverTimeout bounds the talk with the embedded server about one event; it
	// also goes on when Consume was told to stop.
	serverTimeout = 5 * time.Second
)

// A dispatcher runs the handler, and knows whose turn it is. One goroutine, that of
// run and drain, has all of its state.
type dispatcher struct {
	bus    *Bus
	handle Handler
	lanes  int
	room   int // as maxHeld

	records  chan *record
	finished chan outcome
	due      chan string // identities whose first event is to be tried again

	// queues has a key for each identity in hand. The first event of each is
	// running, is ready, or waits for its next attempt.
	queues   map[string][]*item
	ready    []string
	running  int
	held     int
	removals sync.WaitGroup
}

// An outcome is how an attempt to handle an event ended.
type outcome struct {
	item  *item
	again bool // after the wait
	wait  time.Duration
}

func newDispatcher(b *Bus, lanes int, handle Handler) *dispatcher {
	return &dispatcher{
		bus: b, handle: handle, lanes: max(lanes, 1), room: maxHeld,
		records: make(chan *record), finished: make(chan outcome), due: make(chan string),
		queues: map[string][]*item{},
	}
}

// run hands events out until ctx is done or the reader broke. What it drops then is
// still in the stream.
func (d *dispatcher) run(ctx, work context.Context, broken <-chan error) error {
	for {
		for d.running < d.lanes && len(d.ready) > 0 {
			d.start(work)
		}
		records := d.records
		if d.held >= d.room || len(d.ready) > 0 {
			records = nil // there is enough in hand
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-broken:
			return err
		case r := <-records:
			d.take(r)
		case identity := <-d.due:
			d.ready = append(d.ready, identity)
		case o := <-d.finished:
			d.settle(ctx, o)
		}
	}
}

// drain waits for what still runs, after ctx is done.
func (d *dispatcher) drain(ctx context.Context) {
	for d.running > 0 {
		o := <-d.finished
		d.running--
		if !o.again {
			d.done(ctx, o.item)
		}
	}
	d.removals.Wait()
}

// take puts the events of a message behind those of their identities.
func (d *dispatcher) take(r *record) {
	for _, it := range r.items {
		identity := it.event.Identity
		if len(d.queues[identity]) == 0 {
			d.ready = append(d.ready, identity)
		}
		d.queues[identity] = append(d.queues[identity], it)
		d.held += it.size
	}
	r.items = nil // each is kept no longer than it is in hand
}

// start runs the first event of the identity that is ready longest.
func (d *dispatcher) start(work context.Context) {
	it := d.queues[d.ready[0]][0]
	d.ready = d.ready[1:]
	d.running++
	go func() { d.finished <- d.process(work, it) }()
}

// settle lets the next event of a identity follow one that is done, and has one that
// is not wait.
func (d *dispatcher) settle(ctx context.Context, o outcome) {
	d.running--
	identity := o.item.event.Identity
	if o.again {
		time.AfterFunc(o.wait, func() {
			select {
			case d.due <- identity:
			case <-ctx.Done():
			}
		})
		return
	}
	d.held -= o.item.size
	queue := d.queues[identity]
	queue[0] = nil // what is done is not held
	if d.queues[identity] = queue[1:]; len(queue) > 1 {
		d.ready = append(d.ready, identity)
	} else {
		delete(d.queues, identity)
	}
	d.done(ctx, o.item)
}

// done removes the message of an event when it was the last one of it.
func (d *dispatcher) done(ctx context.Context, it *item) {
	d.bus.done.Add(1)
	if it.from.left--; it.from.left == 0 {
		d.remove(ctx, it.from)
	}
}

// remove takes a message off the stream, and asks a slow server until ctx is done: a
// message that stays for longer than the decisions are kept would be handled again.
// Nobody waits for it: should the process end before, its events are known to be
// decided when it starts again.
func (d *dispatcher) remove(ctx context.Context, r *record) {
	d.removals.Go(func() {
		err := d.tryRemove(r)
		for errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			err = d.tryRemove(r)
		}
		if err != nil {
			d.bus.cfg.Log.Warn("events are handled and not removed, they may come again", "events", r.events, "error", err)
			return
		}
		d.bus.done.Add(-int64(r.events))
	})
}

func (d *dispatcher) tryRemove(r *record) error {
	ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
	defer cancel()
	return d.bus.alerts.DeleteMsg(ctx, r.seq)
}

// process handles an event once, if it has no decision yet.
func (d *dispatcher) process(work context.Context, it *item) outcome {
	result, err := resultDone, error(nil)
	switch {
	case it.unreadable != nil:
		result, err = resultDead, d.bury(it)
	case d.bus.isDecided(keyOf(it.event.ID, it.event.Time)):
		return outcome{item: it}
	default:
		err = d.try(work, it)
	}
	if err == nil {
		d.bus.metrics.handled.WithLabelValues(result).Inc()
		return outcome{item: it}
	}
	d.bus.metrics.handled.WithLabelValues(resultRetry).Inc()
	it.failures++
	d.bus.cfg.Log.Warn("event failed and comes again", "event", it.event.ID, "attempt", it.failures, "error", amend.Public(err))
	return outcome{it, true, backoff(it.failures, d.bus.cfg.RetryMin, d.bus.cfg.RetryMax, rand.Float64())}
}

// try calls the handler. A panic of it costs its event an attempt and not the
// process, which would meet the same event again.
func (d *dispatcher) try(work context.Context, it *item) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the handler panicked: %v", p)
		}
	}()
	return d.handle(work, it.event, it.failures+1)
}

// bury keeps a copy of an event that cannot be read, so that it can neither stop
// the events behind it nor get lost.
func (d *dispatcher) bury(it *item) error {
	d.bus.cfg.Log.Error("event cannot be read and becomes a dead letter", "error", it.unreadable)
	ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
	defer cancel()
	_, err := d.bus.js.Publish(ctx, deadTopic, it.line)
	return err
}

// backoff doubles the wait with every failure up to the most, and takes
// between half and all of it so that what failed together does not come again
// together. random is in [0, 1).
func backoff(n int, least, most time.Duration, random float64) time.Duration {
	wait := most
	if shift := min(n-1, 30); least<<shift > 0 && least<<shift < most {
		wait = least << shift
	}
	return wait/2 + time.Duration(random*float64(wait/2))
}
