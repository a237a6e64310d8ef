package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/amendhq/amend"
)

// queueLen is how many messages of one subject wait in memory behind the one
// in hand; further ones wait in the stream.
const queueLen = 64

// A dispatcher runs the handler with one goroutine for each subject in hand.
type dispatcher struct {
	bus    *Bus
	handle Handler
	slots  chan struct{} // one token for each running subject
	wg     sync.WaitGroup

	mu sync.Mutex
	// queues has a key for each subject in hand, with the messages behind.
	queues map[string][]jetstream.Msg
	// failures counts by stream sequence how often an event failed.
	failures map[uint64]int
}

func newDispatcher(b *Bus, lanes int, handle Handler) *dispatcher {
	return &dispatcher{
		bus: b, handle: handle, slots: make(chan struct{}, max(lanes, 1)),
		queues: map[string][]jetstream.Msg{}, failures: map[uint64]int{},
	}
}

func (d *dispatcher) wait() { d.wg.Wait() }

// dispatch gives msg to the goroutine of its subject. It blocks while all lanes
// are busy; what it drops because ctx is done is still in the stream.
func (d *dispatcher) dispatch(ctx, work context.Context, msg jetstream.Msg) {
	if d.queued(msg) {
		return
	}
	select {
	case d.slots <- struct{}{}:
	case <-ctx.Done():
		return
	}
	d.mu.Lock()
	d.queues[msg.Subject()] = nil
	d.mu.Unlock()
	d.wg.Go(func() {
		defer func() { <-d.slots }()
		for next := msg; next != nil; next = d.next(ctx, msg.Subject()) {
			d.process(work, next)
		}
	})
}

// queued puts msg behind the message of its subject that is in hand, if any.
func (d *dispatcher) queued(msg jetstream.Msg) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	queue, busy := d.queues[msg.Subject()]
	switch {
	case busy && len(queue) >= queueLen:
		d.again(msg, 1)
	case busy:
		d.queues[msg.Subject()] = append(queue, msg)
	}
	return busy
}

// next takes the next message of a subject that is in hand, or lets go of the
// subject and returns nil.
func (d *dispatcher) next(ctx context.Context, subject string) jetstream.Msg {
	d.mu.Lock()
	defer d.mu.Unlock()
	queue := d.queues[subject]
	if len(queue) == 0 || ctx.Err() != nil {
		delete(d.queues, subject)
		return nil
	}
	d.queues[subject] = queue[1:]
	return queue[0]
}

// process handles msg if it is its turn and tells the server what became of it.
func (d *dispatcher) process(work context.Context, msg jetstream.Msg) {
	meta, err := msg.Metadata()
	if err != nil {
		d.bus.cfg.Log.Error("bus message without metadata", "error", err)
		return
	}
	seq := meta.Sequence.Stream
	switch first, err := d.first(work, msg.Subject()); {
	case err != nil:
		d.bus.cfg.Log.Warn("bus does not say whose turn it is", "error", err)
		d.again(msg, 1)
		return
	case first < seq:
		d.again(msg, 1)
		return
	case first > seq:
		return // handled already; this is a second delivery
	}
	e, err := decode(msg)
	if err != nil {
		d.bury(work, msg, err)
		return
	}
	err = d.run(work, msg, e, d.attempt(seq))
	switch {
	case errors.Is(err, ErrUnreadable):
		d.forget(seq)
		d.bury(work, msg, err)
	case err != nil:
		d.bus.metrics.handled.WithLabelValues(resultRetry).Inc()
		n := d.failed(seq)
		d.bus.cfg.Log.Warn("event failed and comes again", "event", e.ID(), "attempt", n, "error", amend.Public(err))
		d.again(msg, n)
	default:
		d.done(work, msg, seq)
	}
}

// first returns the sequence of the oldest message of a subject that was not
// handled, beyond any real one when there is none.
func (d *dispatcher) first(work context.Context, subject string) (uint64, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(work), ackTimeout)
	defer cancel()
	m, err := d.bus.alerts.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(subject))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return ^uint64(0), nil
	}
	if err != nil {
		return 0, err
	}
	return m.Sequence, nil
}

func decode(msg jetstream.Msg) (event.Event, error) {
	var e event.Event
	if err := json.Unmarshal(msg.Data(), &e); err != nil {
		return event.Event{}, err
	}
	if err := e.Validate(); err != nil {
		return event.Event{}, err
	}
	if alertPrefix+e.Subject() != msg.Subject() {
		return event.Event{}, errors.New("the event was stored under another subject than its own")
	}
	return e, nil
}

// run calls the handler and keeps msg and those behind it from being handed
// out again meanwhile. A panic of the handler costs its event an attempt and
// not the process, which would meet the same event again.
func (d *dispatcher) run(work context.Context, msg jetstream.Msg, e event.Event, attempt int) (err error) {
	stop := make(chan struct{})
	defer close(stop)
	d.wg.Go(func() { d.heartbeat(stop, ackWait/3, msg) })
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the handler panicked: %v", p)
		}
	}()
	return d.handle(work, e, attempt)
}

func (d *dispatcher) heartbeat(stop <-chan struct{}, every time.Duration, msg jetstream.Msg) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		d.mu.Lock()
		held := append([]jetstream.Msg{msg}, d.queues[msg.Subject()]...)
		d.mu.Unlock()
		for _, m := range held {
			if err := m.InProgress(); err != nil {
				d.bus.cfg.Log.Warn("bus takes no sign of life", "error", err)
			}
		}
	}
}

// done removes msg for good. When that fails the event comes again, which a
// handler must bear anyway.
func (d *dispatcher) done(work context.Context, msg jetstream.Msg, seq uint64) {
	d.forget(seq)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(work), ackTimeout)
	defer cancel()
	if err := msg.DoubleAck(ctx); err != nil {
		d.bus.cfg.Log.Warn("event handled but not acknowledged, it comes again", "error", err)
		return
	}
	d.bus.metrics.handled.WithLabelValues(resultDone).Inc()
}

// bury keeps a copy of a message that cannot be read and takes it off the
// stream, so that it can neither stop the events behind it nor get lost.
func (d *dispatcher) bury(work context.Context, msg jetstream.Msg, reason error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(work), ackTimeout)
	defer cancel()
	d.bus.cfg.Log.Error("event cannot be read and becomes a dead letter", "error", reason)
	dead := &nats.Msg{Subject: deadTopic, Data: msg.Data(), Header: nats.Header{"Amend-Subject": {msg.Subject()}}}
	if _, err := d.bus.js.PublishMsg(ctx, dead); err != nil {
		d.bus.cfg.Log.Warn("dead letter not stored", "error", err)
		d.again(msg, 1)
		return
	}
	if err := msg.TermWithReason("cannot be read"); err != nil {
		d.bus.cfg.Log.Warn("dead letter not taken off the stream", "error", err)
		return
	}
	d.bus.metrics.handled.WithLabelValues(resultDead).Inc()
}

// again has msg handed out once more, after a wait for the nth failure.
func (d *dispatcher) again(msg jetstream.Msg, n int) {
	wait := backoff(n, d.bus.cfg.RetryMin, d.bus.cfg.RetryMax, rand.Float64())
	if err := msg.NakWithDelay(wait); err != nil {
		d.bus.cfg.Log.Warn("bus takes no refusal, the event comes again later", "error", err)
	}
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

func (d *dispatcher) attempt(seq uint64) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failures[seq] + 1
}

func (d *dispatcher) failed(seq uint64) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failures[seq]++
	return d.failures[seq]
}

func (d *dispatcher) forget(seq uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.failures, seq)
}
