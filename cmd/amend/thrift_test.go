package main

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
)

// A large index is collected around sooner, from the first decision on, unless GOGC
// says otherwise.
func TestThrift(t *testing.T) {
	for gogc, want := range map[string]int{"": thriftyGC, "150": 150} {
		t.Setenv("GOGC", gogc)
		before := debug.SetGCPercent(150)
		index := make([]byte, 2*largeHeap)
		asked := 0
		decide := thrifty(func(pipeline.World, amend.Event) (amend.Decision, error) {
			asked++
			return amend.Decision{Reason: amend.ReasonAct}, nil
		})
		for range 2 {
			if d, err := decide(pipeline.World{}, amend.Event{}); err != nil || d.Reason != amend.ReasonAct {
				t.Errorf("decided %q, %v", d.Reason, err)
			}
		}
		if got := debug.SetGCPercent(before); got != want || asked != 2 {
			t.Errorf("with GOGC=%s the heap may grow by %d%%, want %d%%; asked %d times", gogc, got, want, asked)
		}
		runtime.KeepAlive(index)
	}
}
