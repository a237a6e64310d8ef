package bus_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/bus"
)

func TestFullStoreIsAnErrorAndKeepsWhatItHas(t *testing.T) {
	b := open(t, func(c *bus.Config) { c.MaxBytes = 20_000 })
	stored := 0
	var err error
	for range 200 {
		if err = b.Publish(t.Context(), events("a", fmt.Sprint(stored), "x")); err != nil {
			break
		}
		stored += 2
	}
	if amend.KindOf(err) != amend.Transient || !strings.Contains(err.Error(), "maximum bytes") {
		t.Fatalf("err = %v, want Transient: maximum bytes exceeded", err)
	}
	var j journal
	consume(t, b, 1, func(_ context.Context, e amend.Event, _ int) error { j.note(e); return nil }, j.has(stored))
	if len(j.seen["a"]) != stored || j.seen["a"][0] != "0" {
		t.Errorf("%d events came back, first %s; want %d from 0", len(j.seen["a"]), j.seen["a"][0], stored)
	}
	if err := b.Publish(t.Context(), events("a", "after")); err != nil {
		t.Errorf("the store has room again: %v", err)
	}
}

func TestPublishRefuses(t *testing.T) {
	b := open(t)
	big := newEvent("a", "big")
	big.Alert.Annotations = map[string]string{"summary": strings.Repeat("x", 4<<20)}
	tests := map[string]amend.Event{
		"wildcard": newEvent("*", "1"), "two words": newEvent("a.b", "1"), "no subject": newEvent("", "1"),
		"template": newEvent("{{x}}", "1"), "not an event": {}, "too big": big,
	}
	for name, e := range tests {
		if err := b.Publish(t.Context(), append(events("a", "1"), e)); amend.KindOf(err) != amend.Invalid {
			t.Errorf("%s: err = %v, want Invalid", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, list := range [][]amend.Event{events("a", "1"), events("a", "1", "2")} {
		if err := b.Publish(ctx, list); amend.KindOf(err) != amend.Transient {
			t.Errorf("ended context: err = %v, want Transient", err)
		}
	}
}

func TestConcurrentPublish(t *testing.T) {
	b := open(t)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			if err := b.Publish(t.Context(), events(fmt.Sprintf("s%d", i), "1", "2", "3")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var j journal
	consume(t, b, 8, func(_ context.Context, e amend.Event, _ int) error { j.note(e); return nil }, j.has(300))
}

// Publish takes any number of events; the metrics know how many, however they are
// stored.
func TestMoreEventsThanOneMessageHolds(t *testing.T) {
	reg := prometheus.NewRegistry()
	b := open(t, func(c *bus.Config) { c.Metrics = reg })
	var list []amend.Event
	for i := range 1203 {
		e := newEvent(fmt.Sprintf("s%d", i), "1")
		e.Alert.Annotations = map[string]string{"summary": strings.Repeat("x", 8<<10)}
		list = append(list, e)
	}
	if err := b.Publish(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	want := `
# HELP amend_bus_published_total Events that were durably stored.
# TYPE amend_bus_published_total counter
amend_bus_published_total 1203
# HELP amend_bus_waiting Events stored and not handled yet; -1 when the bus does not answer.
# TYPE amend_bus_waiting gauge
amend_bus_waiting 1203
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "amend_bus_published_total", "amend_bus_waiting"); err != nil {
		t.Error(err)
	}
}
