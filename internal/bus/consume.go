package bus

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
)

// A Handler does the work for one event. An error means that the event comes
// again, after a wait that grows with every attempt; attempt counts from 1 and
// starts anew when the process does. What the event holds may be in other hands too
// and must not be changed.
type Handler func(ctx context.Context, e amend.Event, attempt int) error

// Consume hands events to handle until ctx is done, at most lanes at a time.
// Events of one identity come one after the other in the order they were
// published: the next one waits until the one before it was handled without an
// error. Other identities wait for it only once 32 MiB of events are in hand. An event
// that cannot be read is kept as a dead letter and not handed out.
//
// An event that was handled is removed together with those that it was stored
// with. When Consume ends before, it comes again with the next one, unless its
// decision was recorded.
//
// When ctx is done running handlers get Config.Grace to finish, then their
// context ends too; Consume returns nil when all have returned. It ends in the same
// way with amend.Transient when the stream cannot be read any more. Only one Consume
// may run at a time; a second one fails with amend.Conflict.
func (b *Bus) Consume(ctx context.Context, lanes int, handle Handler) error {
	if !b.consuming.CompareAndSwap(false, true) {
		return amend.Errorf(amend.Conflict, "consume", "the bus has a consumer already")
	}
	defer b.consuming.Store(false)
	defer b.done.Store(0) // what is still stored is handed out again

	running, stop := context.WithCancel(ctx)
	defer stop()
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(running, func() { time.AfterFunc(b.cfg.Grace, cancel) })()

	d := newDispatcher(b, lanes, handle)
	broken := make(chan error, 1)
	var reader sync.WaitGroup
	reader.Go(func() { broken <- b.read(running, d.records) })
	err := d.run(running, work, broken)
	stop()
	d.drain(running)
	reader.Wait()
	if err != nil && ctx.Err() == nil {
		return amend.Errorf(amend.Transient, "consume", "%w", err)
	}
	return nil
}

// A record is one message of the stream of alerts.
type record struct {
	seq    uint64
	items  []*item // until they are in hand
	events int
	left   int // of them, not done
	size   int // of all lines
}

func (r *record) add(items ...*item) {
	for _, it := range items {
		it.from = r
		r.size += it.size
	}
	r.items = append(r.items, items...)
	r.events += len(items)
	r.left += len(items)
}

// An item is one event in hand.
type item struct {
	from     *record
	event    amend.Event
	size     int // of its line
	failures int
	// Of a line that cannot be read there is no event.
	unreadable error
	line       []byte
}

// read sends the messages of the stream, oldest first, until ctx is done. Those that
// this process has stored are known still, as a rule; the others it reads.
func (b *Bus) read(ctx context.Context, records chan<- *record) error {
	for next := uint64(1); ; {
		r, stored := b.fresh.take(next)
		if r == nil && stored {
			var err error
			if r, err = b.readNext(ctx, next); err != nil {
				return err
			}
		}
		if r == nil {
			select {
			case <-b.fresh.news:
			case <-ctx.Done():
				return nil
			}
			continue
		}
		next = r.seq + 1
		select {
		case records <- r:
		case <-ctx.Done():
			return nil
		}
	}
}

// readNext reads the first message from seq on; there is none when it returns nil.
func (b *Bus) readNext(ctx context.Context, seq uint64) (*record, error) {
	for {
		msg, err := b.alerts.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(alertPrefix+"*"))
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound) || ctx.Err() != nil:
			return nil, nil
		case errors.Is(err, context.DeadlineExceeded):
			b.cfg.Log.Warn("bus is slow to answer", "error", err)
		case err != nil:
			return nil, err
		default:
			return unpack(msg), nil
		}
	}
}

// unpack decodes the events of a message.
func unpack(msg *jetstream.RawStreamMsg) *record {
	r := &record{seq: msg.Sequence}
	for _, line := range lines(msg.Data) {
		it := &item{size: len(line)}
		if it.event, it.unreadable = alert.Unmarshal(line); it.unreadable != nil {
			it.line = bytes.Clone(line)
		}
		r.add(it)
	}
	return r
}
