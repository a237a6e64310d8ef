package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/amendhq/amend"
)

// RecordDecision keeps what became of an event, for seven days or until
// 100,000 newer ones came. It returns nil when the decision is on disk. The same
// event, handled again after a crash, has its first decision kept. Of a detail or
// a diff that is longer than 64 KiB the start is kept, and a note that says so.
// The record is for people: the authority on what was changed is Git.
func (b *Bus) RecordDecision(ctx context.Context, d amend.Decision) error {
	body, err := json.Marshal(shortened(d))
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

// maxText is what is kept of one text of a decision. A line of a manifest may be
// as long as the file, and its diff has it twice.
const maxText = 64 << 10

// shortened returns d with its texts cut: an event whose decision cannot be kept
// would come again for ever.
func shortened(d amend.Decision) amend.Decision {
	d.Detail = cut(d.Detail)
	if d.Plan != nil {
		p := *d.Plan
		p.Diff = cut(p.Diff)
		d.Plan = &p
	}
	return d
}

func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	return fmt.Sprintf("%s\n[cut: %d bytes]\n", strings.ToValidUTF8(s[:maxText], ""), len(s))
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
