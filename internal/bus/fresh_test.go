package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/amendhq/amend"
)

// names returns the names of the alerts that Consume hands out, until the last one.
func names(t *testing.T, b *Bus, last string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var seen []string
	if err := b.Consume(ctx, 1, func(_ context.Context, e amend.Event, _ int) error {
		seen = append(seen, e.Alert.Name())
		if e.Alert.Name() == last {
			cancel()
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return seen
}

func named(name string) amend.Event {
	e := plainEvent("a")
	e.Alert.Labels = map[string]string{"alertname": name}
	return e
}

// Whatever of the events is held in memory, all come, once and in their order.
func TestWhatIsNotHeldIsRead(t *testing.T) {
	line, err := encode(named("0"))
	if err != nil {
		t.Fatal(err)
	}
	for _, events := range []int{0, 1, 3, 9} { // that memory has room for
		b, err := Open(t.Context(), Config{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		b.fresh.room = events * len(line)
		var want []string
		for i := range 8 {
			if i == 5 { // the reader has been at those before
				if got := names(t, b, "4"); !slices.Equal(got, want) {
					t.Errorf("room for %d: %v, want %v", events, got, want)
				}
				want = nil
			}
			want = append(want, fmt.Sprint(i))
			if err := b.Publish(t.Context(), []amend.Event{named(fmt.Sprint(i))}); err != nil {
				t.Fatal(err)
			}
			if b.fresh.size > b.fresh.room {
				t.Errorf("%d bytes are held, there is room for %d", b.fresh.size, b.fresh.room)
			}
		}
		if got := names(t, b, "7"); !slices.Equal(got, want) {
			t.Errorf("room for %d: %v, want %v", events, got, want)
		}
		if b.fresh.size != 0 || len(b.fresh.records) != 0 {
			t.Errorf("%d bytes of %d messages are held, and all are handed out", b.fresh.size, len(b.fresh.records))
		}
	}
}

// An event that is stored, although its publisher could not be told, comes before those
// that are stored later.
func TestStoredWithoutAnAnswer(t *testing.T) {
	b, err := Open(t.Context(), Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	b.intake.store = func(ctx context.Context, shares []*share) error {
		if _, err := b.js.Publish(ctx, alertPrefix+countMark+"1", joined(shares)); err != nil {
			t.Error(err)
		}
		return errors.New("no answer")
	}
	if err := b.Publish(t.Context(), []amend.Event{named("1")}); amend.KindOf(err) != amend.Transient {
		t.Errorf("err = %v, want Transient", err)
	}
	b.intake.store = b.storeEvents
	if err := b.Publish(t.Context(), []amend.Event{named("2")}); err != nil {
		t.Fatal(err)
	}
	if got := names(t, b, "2"); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("handed out %v, want both", got)
	}
}
