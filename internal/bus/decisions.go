package bus

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/amendhq/amend"
)

// RecordDecision keeps what became of an event, for seven days or until
// 100,000 newer ones came. It returns nil when the decision is on disk. The same
// event, handled again after a crash, has its first decision kept. The
// record is for people: the authority on what was changed is Git.
func (b *Bus) RecordDecision(ctx context.Context, d amend.Decision) error {
	body, err := json.Marshal(d)
	if err != nil {
		return amend.Errorf(amend.Internal, "record decision", "%w", err)
	}
	if len(body) > maxMessage {
		return amend.Errorf(amend.Invalid, "record decision", "it has %d bytes, more than %d", len(body), maxMessage)
	}
	event := d.EventID + "@" + strconv.FormatInt(d.ReceivedAt.UnixNano(), 36)
	if _, err := b.js.Publish(ctx, decisionTopic, body, jetstream.WithMsgID(event)); err != nil {
		return amend.Errorf(amend.Transient, "record decision", "%w", err)
	}
	return nil
}

// Decisions returns the latest n decisions that are kept, newest last.
func (b *Bus) Decisions(ctx context.Context, n int) ([]amend.Decision, error) {
	info, err := b.decisions.Info(ctx)
	if err != nil {
		return nil, amend.Errorf(amend.Transient, "read decisions", "%w", err)
	}
	n = min(n, int(info.State.Msgs))
	if n <= 0 {
		return nil, nil
	}
	decisions := make([]amend.Decision, 0, n)
	for seq := info.State.LastSeq - uint64(n) + 1; seq <= info.State.LastSeq; seq++ {
		msg, err := b.decisions.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // it became too old just now
		}
		if err != nil {
			return nil, amend.Errorf(amend.Transient, "read decisions", "%w", err)
		}
		// Unknown fields are skipped, so that an older version can still show
		// what a newer one left.
		var d amend.Decision
		if err := json.Unmarshal(msg.Data, &d); err != nil {
			return nil, amend.Errorf(amend.Internal, "read decisions", "entry %d: %w", seq, err)
		}
		decisions = append(decisions, d)
	}
	return decisions, nil
}
