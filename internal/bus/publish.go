package bus

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"regexp"
	"strconv"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/amendhq/amend"
)

// One batch is at most this many events and bytes; the server allows 1000
// messages.
const (
	batchEvents = 500
	batchBytes  = 8 << 20
)

// subjectForm keeps a CloudEvents subject one plain word of a NATS subject.
var subjectForm = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)

// Publish stores events as structured CloudEvents under their subject, which
// must match ^[a-z0-9-]{1,63}$. It returns nil only when every event is synced
// to disk. Up to 500 events are stored all or none; of more, a leading part may
// be stored when it fails. The error is amend.Invalid for an event that can
// never be stored and amend.Transient otherwise, a full store included.
func (b *Bus) Publish(ctx context.Context, events []event.Event) error {
	msgs := make([]*nats.Msg, len(events))
	for i, e := range events {
		m, err := encode(e)
		if err != nil {
			return err
		}
		msgs[i] = m
	}
	for len(msgs) > 0 {
		n := batchLen(msgs)
		if err := b.store(ctx, msgs[:n]); err != nil {
			return amend.Errorf(amend.Transient, "publish", "%w", err)
		}
		b.metrics.published.Add(float64(n))
		msgs = msgs[n:]
	}
	return nil
}

func encode(e event.Event) (*nats.Msg, error) {
	if !subjectForm.MatchString(e.Subject()) {
		return nil, amend.Errorf(amend.Invalid, "publish", "the event's subject is not a safe word")
	}
	body, err := json.Marshal(e)
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "publish", "%w", err)
	}
	if len(body) > maxMessage {
		return nil, amend.Errorf(amend.Invalid, "publish", "the event has %d bytes, more than %d", len(body), maxMessage)
	}
	return &nats.Msg{Subject: alertPrefix + e.Subject(), Data: body}, nil
}

// batchLen returns how many of msgs go into the next batch, at least one.
func batchLen(msgs []*nats.Msg) int {
	size := 0
	for i, m := range msgs {
		size += len(m.Data)
		if i > 0 && (i == batchEvents || size > batchBytes) {
			return i
		}
	}
	return len(msgs)
}

// store writes the messages in one atomic batch (NATS ADR-50), which costs one
// sync of the disk instead of one a message.
func (b *Bus) store(ctx context.Context, msgs []*nats.Msg) error {
	last := len(msgs) - 1
	if last > 0 {
		// The server takes a bounded number of open batches, and syncs one at a
		// time anyway.
		select {
		case b.batching <- struct{}{}:
			defer func() { <-b.batching }()
		case <-ctx.Done():
			return ctx.Err()
		}
		id := rand.Text()
		for i, m := range msgs {
			m.Header = nats.Header{"Nats-Batch-Id": {id}, "Nats-Batch-Sequence": {strconv.Itoa(i + 1)}}
		}
		msgs[last].Header.Set("Nats-Batch-Commit", "1")
		for _, m := range msgs[:last] {
			if err := b.conn.PublishMsg(m); err != nil {
				return err
			}
		}
	}
	_, err := b.js.PublishMsg(ctx, msgs[last], jetstream.WithExpectStream(alertStream))
	return err
}
