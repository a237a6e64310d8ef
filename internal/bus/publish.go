package bus

import (
	"context"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
)

// Publish stores events. It returns nil only when every event is synced to disk;
// events that are published at the same time share that sync. Events of up to 4 MiB as JSON are stored all or none;
// of more, a leading part may be stored when it fails. When ctx ends they may be
// stored or not. The error is amend.Invalid for an event that can never be stored
// and amend.Transient otherwise, a full store included.
func (b *Bus) Publish(ctx context.Context, events []amend.Event) error {
	shares, err := pack(events)
	if err != nil {
		return err
	}
	for _, s := range shares {
		if err := b.intake.add(ctx, s); err != nil {
			return amend.Errorf(amend.Transient, "publish", "%w", err)
		}
	}
	return nil
}

// pack encodes events, one a line, in as few shares as they fit in.
func pack(events []amend.Event) ([]*share, error) {
	var shares []*share
	var last *share
	for _, e := range events {
		line, err := encode(e)
		if err != nil {
			return nil, err
		}
		if last == nil || len(last.body)+len(line) > maxGroup {
			last = &share{body: line}
			shares = append(shares, last)
		} else {
			last.body = append(last.body, line...)
		}
		last.items = append(last.items, &item{event: e, size: len(line)})
	}
	return shares, nil
}

// encode returns an event as a line.
func encode(e amend.Event) ([]byte, error) {
	body, err := alert.Marshal(e) // leaves no newline in it
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "publish", "%w", err)
	}
	if len(body) >= maxGroup {
		return nil, amend.Errorf(amend.Invalid, "publish", "the event has %d bytes, more than %d", len(body), maxGroup)
	}
	return append(body, '\n'), nil
}

// storeEvents stores the shares of publishers in one message. Its subject says how
// many events it holds, so that the server can count them.
func (b *Bus) storeEvents(ctx context.Context, shares []*share) error {
	r := &record{}
	for _, s := range shares {
		r.add(s.items...)
	}
	ack, err := b.js.PublishMsg(ctx, &nats.Msg{Subject: alertPrefix + countMark + strconv.Itoa(r.events), Data: joined(shares)}, jetstream.WithExpectStream(alertStream))
	if err != nil {
		return err
	}
	b.metrics.published.Add(float64(r.events))
	r.seq = ack.Sequence
	b.fresh.put(r)
	return nil
}
