package main

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
)

// Garbage is collected sooner until the first decision, and around a large index from
// then on, unless GOGC says otherwise.
func TestThrift(t *testing.T) {
	for _, c := range []struct {
		gogc              string
		index, start, end int
	}{
		{"", 0, thriftyGC, usualGC}, {"", 2 * largeHeap, thriftyGC, thriftyGC}, {"150", 2 * largeHeap, 150, 150},
	} {
		t.Setenv("GOGC", c.gogc)
		before := debug.SetGCPercent(150)
		index := make([]byte, c.index)
		asked := 0
		decide := thrifty(func(pipeline.World, amend.Event) (amend.Decision, error) {
			asked++
			return amend.Decision{Reason: amend.ReasonAct}, nil
		})
		if got := debug.SetGCPercent(150); got != c.start {
			t.Errorf("with GOGC=%s the heap may grow by %d%% at the start, want %d%%", c.gogc, got, c.start)
		}
		debug.SetGCPercent(c.start)
		for range 2 {
			if d, err := decide(pipeline.World{}, amend.Event{}); err != nil || d.Reason != amend.ReasonAct {
				t.Errorf("decided %q, %v", d.Reason, err)
			}
		}
		if got := debug.SetGCPercent(before); got != c.end || asked != 2 {
			t.Errorf("with GOGC=%s and %d bytes the heap may grow by %d%%, want %d%%; asked %d times", c.gogc, c.index, got, c.end, asked)
		}
		runtime.KeepAlive(index)
	}
}
