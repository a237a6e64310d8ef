package bus

import (
	"context"
	"errors"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/amendhq/amend"
)

const (
	consumerName = "amend"
	// ackWait is how long the server waits for a sign of life before it hands a
	// message out again.
	ackWait = 30 * time.Second
	// ackTimeout bounds the talk with the embedded server about one message; it
	// also goes on when Consume was told to stop.
	ackTimeout = 5 * time.Second
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
// error. An event that cannot be read is kept as a dead letter and not handed
// out, or not again when only the handler cannot read it.
//
// When ctx is done running handlers get Config.Grace to finish, then their
// context ends too; Consume returns nil when all have returned. Only one
// Consume may run at a time; a second one fails with amend.Conflict.
func (b *Bus) Consume(ctx context.Context, lanes int, handle Handler) error {
	if !b.consuming.CompareAndSwap(false, true) {
		return amend.Errorf(amend.Conflict, "consume", "the bus has a consumer already")
	}
	defer b.consuming.Store(false)
	messages, err := b.messages(ctx, lanes)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return amend.Errorf(amend.Transient, "consume", "%w", err)
	}
	defer context.AfterFunc(ctx, messages.Stop)()
	defer messages.Stop()

	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(b.cfg.Grace, cancel) })()

	d := newDispatcher(b, lanes, handle)
	defer d.wait()
	for {
		msg, err := messages.Next()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, jetstream.ErrNoHeartbeat):
			b.cfg.Log.Warn("bus is slow to answer", "error", err)
		case err != nil:
			return amend.Errorf(amend.Transient, "consume", "%w", err)
		default:
			d.dispatch(ctx, work, msg)
		}
	}
}

// messages starts to read the stream from its oldest message. The consumer is
// made anew each time: a kept one would hand out new messages first and those
// that an ended process had in hand only after their ackWait.
func (b *Bus) messages(ctx context.Context, lanes int) (jetstream.MessagesContext, error) {
	err := b.js.DeleteConsumer(ctx, alertStream, consumerName)
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil, err
	}
	consumer, err := b.js.CreateConsumer(ctx, alertStream, jetstream.ConsumerConfig{
		Durable:       consumerName,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       ackWait,
		MaxDeliver:    -1,
		MaxAckPending: -1, // failing events wait here and must not block the others
	})
	if err != nil {
		return nil, err
	}
	return consumer.Messages(jetstream.PullMaxMessages(max(lanes, 2)))
}
