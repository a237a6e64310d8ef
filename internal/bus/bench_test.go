package bus_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/amendhq/amend"
)

// BenchmarkPublish lets so many callers publish so many events in each call.
func BenchmarkPublish(b *testing.B) {
	for _, size := range []struct{ callers, events int }{{1, 1}, {64, 1}, {1, 500}} {
		b.Run(fmt.Sprintf("callers=%d/events=%d", size.callers, size.events), func(b *testing.B) {
			bus := open(b)
			var left atomic.Int64
			left.Store(int64(b.N))
			var all sync.WaitGroup
			b.ResetTimer()
			for c := range size.callers {
				var list []amend.Event
				for i := range size.events {
					list = append(list, newEvent(fmt.Sprintf("s%d-%d", c, i), "1"))
				}
				all.Go(func() {
					for left.Add(-1) >= 0 {
						if err := bus.Publish(b.Context(), list); err != nil {
							b.Error(err)
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N*size.events)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkConsume hands events out and records a decision about each.
func BenchmarkConsume(b *testing.B) {
	bus := open(b)
	for i := 0; i < b.N; i += 500 {
		var list []amend.Event
		for n := i; n < min(i+500, b.N); n++ {
			list = append(list, newEvent(fmt.Sprintf("s%d", n), fmt.Sprint(n)))
		}
		if err := bus.Publish(b.Context(), list); err != nil {
			b.Fatal(err)
		}
	}
	var n atomic.Int64
	b.ResetTimer()
	consume(b, bus, 256, func(ctx context.Context, e amend.Event, _ int) error {
		n.Add(1)
		return bus.RecordDecision(ctx, amend.Decision{EventID: e.ID, ReceivedAt: e.Time})
	}, func() bool { return n.Load() >= int64(b.N) })
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
