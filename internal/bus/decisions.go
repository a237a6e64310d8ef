package bus

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/amendhq/amend"
)

// RecordDecision keeps what became of an event, for seven days or until at least
// 100,000 newer ones came, or newer ones of 256 MiB. It returns nil when the decision
// is synced to disk; decisions that are recorded at the same time share that sync.
// From then on, and while its decision is kept, the event is done, also when the
// process is killed. The same event, handled again, has its first decision kept. Of a
// detail or a diff that is longer than 64 KiB the start is kept, and a note that says
// so. The record is for people: the authority on what was changed is Git.
func (b *Bus) RecordDecision(ctx context.Context, d amend.Decision) error {
	body, err := json.Marshal(shortened(d))
	if err != nil {
		return amend.Errorf(amend.Internal, "record decision", "%w", err)
	}
	if len(body) >= maxGroup {
		return amend.Errorf(amend.Invalid, "record decision", "it has %d bytes, more than %d", len(body), maxGroup)
	}
	key := keyOf(d.EventID, d.ReceivedAt)
	if b.isDecided(key) {
		return nil
	}
	if err := b.record.add(ctx, &share{body: append(body, '\n'), key: key}); err != nil {
		return amend.Errorf(amend.Transient, "record decision", "%w", err)
	}
	return nil
}

// storeDecisions stores the shares of recorders in one message.
func (b *Bus) storeDecisions(ctx context.Context, shares []*share) error {
	if _, err := b.js.Publish(ctx, decisionTopic, joined(shares)); err != nil {
		return err
	}
	for _, s := range shares {
		b.decided.Put(s.key, struct{}{})
	}
	return nil
}

// A decisionKey tells an accepted event from every other: the same trouble,
// accepted later, is another event. It is a hash, as very many are remembered.
type decisionKey [16]byte

func keyOf(eventID string, receivedAt time.Time) decisionKey {
	sum := sha256.Sum256(strconv.AppendInt([]byte(eventID+"@"), receivedAt.UnixNano(), 36))
	return decisionKey(sum[:16])
}

func (b *Bus) isDecided(key decisionKey) bool {
	_, ok := b.decided.Get(key)
	return ok
}

// loadDecided learns which events have their decision: those since the oldest
// event that is stored, and at least those of the last minutes. An event is removed
// some time after it was decided, so after a crash it may be there still.
func (b *Bus) loadDecided(ctx context.Context) error {
	info, err := b.alerts.Info(ctx)
	if err != nil {
		return err
	}
	since := info.TimeStamp.Add(-decisionWindow)
	if oldest := info.State.FirstTime; info.State.Msgs > 0 && oldest.Before(since) {
		since = oldest
	}
	n := 0
	return b.eachDecision(ctx, func(at time.Time, line []byte) (bool, error) {
		var d struct {
			EventID    string    `json:"eventId"`
			ReceivedAt time.Time `json:"receivedAt"`
		}
		if n++; n > maxDecided || at.Before(since) {
			return false, nil
		}
		if json.Unmarshal(line, &d) == nil { // Decisions says so when it cannot be read
			b.decided.Put(keyOf(d.EventID, d.ReceivedAt), struct{}{})
		}
		return true, nil
	})
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
	var decisions []amend.Decision
	err := b.eachDecision(ctx, func(_ time.Time, line []byte) (bool, error) {
		if len(decisions) >= n {
			return false, nil
		}
		// Unknown fields are skipped, so that an older version can still show
		// what a newer one left.
		var d amend.Decision
		if err := json.Unmarshal(line, &d); err != nil {
			return false, amend.Errorf(amend.Internal, "read decisions", "%w", err)
		}
		decisions = append(decisions, d)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	slices.Reverse(decisions)
	return decisions, nil
}

// eachDecision calls see with the decisions that are kept and when they were
// stored, newest first, until it returns false or fails.
func (b *Bus) eachDecision(ctx context.Context, see func(at time.Time, line []byte) (bool, error)) error {
	info, err := b.decisions.Info(ctx)
	if err != nil {
		return amend.Errorf(amend.Transient, "read decisions", "%w", err)
	}
	if info.State.Msgs == 0 {
		return nil
	}
	for seq := info.State.LastSeq; seq >= info.State.FirstSeq; seq-- {
		msg, err := b.decisions.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // it became too old just now
		}
		if err != nil {
			return amend.Errorf(amend.Transient, "read decisions", "%w", err)
		}
		for _, line := range slices.Backward(lines(msg.Data)) {
			if more, err := see(msg.Time, line); err != nil || !more {
				return err
			}
		}
	}
	return nil
}

// lines returns the lines of a message. An earlier version stored one event or
// decision in a message, without the end of the line.
func lines(body []byte) [][]byte {
	return bytes.Split(bytes.TrimSuffix(body, []byte{'\n'}), []byte{'\n'})
}
