package bus_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
)

func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			bus := open(b)
			var list []event.Event
			for i := range n {
				list = append(list, newEvent(fmt.Sprintf("s%d", i), "1"))
			}
			for b.Loop() {
				if err := bus.Publish(b.Context(), list); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

func BenchmarkConsume(b *testing.B) {
	bus := open(b)
	var list []event.Event
	for i := range b.N {
		list = append(list, newEvent(fmt.Sprintf("s%d", i), "1"))
	}
	if err := bus.Publish(b.Context(), list); err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	b.ResetTimer()
	consume(b, bus, 8, func(context.Context, event.Event, int) error { n.Add(1); return nil },
		func() bool { return n.Load() >= int64(b.N) })
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
