package bus_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/bus"
)

// However events are put together in messages, and however often handlers fail and
// Consume and the bus end in between, each event gets one decision, in the order of
// its subject, and none is handed out after it.
func TestOrderAcrossMessagesAndRestarts(t *testing.T) {
	const subjects, each = 12, 25
	dir := t.TempDir()
	in := func(c *bus.Config) { c.Dir = dir }
	b := open(t, in)
	want := map[string][]string{}
	var all sync.WaitGroup
	for s := range subjects {
		subject := fmt.Sprintf("s%d", s)
		var list []amend.Event
		for i := range each {
			id := fmt.Sprintf("%s-%d", subject, i)
			want[subject] = append(want[subject], id)
			list = append(list, newEvent(subject, id))
		}
		all.Go(func() {
			for _, batch := range slices.Collect(slices.Chunk(list, 1+s%3)) {
				if err := b.Publish(t.Context(), batch); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	var j journal // of decisions
	handle := func(ctx context.Context, e amend.Event, _ int) error {
		if rand.IntN(3) == 0 {
			return errors.New("not now")
		}
		if err := b.RecordDecision(ctx, amend.Decision{EventID: e.ID, ReceivedAt: e.Time}); err != nil {
			return err
		}
		j.note(e)
		return nil
	}
	for round := 1; round <= 10; round++ {
		consume(t, b, 4, handle, j.has(round*subjects*each/10))
		if round%2 == 0 {
			b.Close()
			b = open(t, in)
		}
	}
	if diff := cmp.Diff(want, j.seen); diff != "" {
		t.Error(diff)
	}
	list, err := b.Decisions(t.Context(), 2*subjects*each)
	if err != nil || len(list) != subjects*each {
		t.Errorf("%d decisions, want %d (%v)", len(list), subjects*each, err)
	}
}
