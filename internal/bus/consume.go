package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/amendhq/amend"
)

// ErrUnreadable in the chain of a handler's error says that the handler can
// never read the event, so that it does not come again.
var ErrUnreadable = errors.New("the event cannot be read")

// A Handler does the work for one event. An error means that the event comes
// again, after a wait that grows with every attempt, unless it is ErrUnreadable;
// attempt counts from 1 and starts anew when the process does.
type Handler func(ctx context.Context, e event.Event, attempt int) error

// Consume hands events to handle until ctx is done, at most lanes at a time.
// Events of one subject come one after the other in the order they were
// published: the next one waits until the one before it was handled without an
// error. Other subjects wait for it only once 32 MiB of events are in hand. An event
// that cannot be read is kept as a dead letter and not handed out, or not again when
// only the handler cannot read it.
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

// A record is one message of the stream of alerts, read.
type record struct {
	seq    uint64
	items  []*item // until they are in hand
	events int
	left   int // of them, not done
}

// An item is one event in hand.
type item struct {
	from     *record
	event    event.Event
	size     int // of its line
	failures int
	// Of a line that cannot be read there is no event.
	unreadable error
	line       []byte
}

// read sends the messages of the stream, oldest first, until ctx is done.
func (b *Bus) read(ctx context.Context, records chan<- *record) error {
	for next := uint64(1); ; {
		msg, err := b.alerts.GetMsg(ctx, next, jetstream.WithGetMsgSubject(alertPrefix+"*"))
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			select {
			case <-b.news:
			case <-ctx.Done():
				return nil
			}
			continue
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			b.cfg.Log.Warn("bus is slow to answer", "error", err)
			continue
		case err != nil:
			return err
		}
		select {
		case records <- unpack(msg):
		case <-ctx.Done():
			return nil
		}
		next = msg.Sequence + 1
	}
}

// unpack decodes the events of a message.
func unpack(msg *jetstream.RawStreamMsg) *record {
	r := &record{seq: msg.Sequence}
	for _, line := range lines(msg.Data) {
		it := &item{from: r, size: len(line)}
		var err error
		if it.event, err = decode(line); err != nil {
			it.unreadable, it.line = fmt.Errorf("%w: %w", ErrUnreadable, err), bytes.Clone(line)
		}
		r.items = append(r.items, it)
	}
	r.events, r.left = len(r.items), len(r.items)
	return r
}

func decode(line []byte) (event.Event, error) {
	var e event.Event
	if err := json.Unmarshal(line, &e); err != nil {
		return event.Event{}, err
	}
	if err := e.Validate(); err != nil {
		return event.Event{}, err
	}
	if !subjectForm.MatchString(e.Subject()) {
		return event.Event{}, errors.New("the event's subject is not a safe word")
	}
	return e, nil
}
