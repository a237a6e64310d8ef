package main

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
)

// A heap with more than largeHeap bytes in use is mostly the index of a large env
// repo, which hardly changes. It need not be collected as late as when it is twice its
// size: at thriftyGC percent more it is, which costs a few milliseconds of CPU for each
// change and saves tens of megabytes for good.
const (
	largeHeap = 20 << 20
	thriftyGC = 40
	usualGC   = 100 // of the runtime
)

// thrifty collects garbage early until the first decision, as that reads the whole env
// repo and so takes the most memory of all that follows. Then it gives back to the system,
// once, what it took beside what it left: by itself the runtime would take minutes for
// that. Whoever sets GOGC has decided about the rest.
func thrifty(decide func(pipeline.World, amend.Event) (amend.Decision, error)) func(pipeline.World, amend.Event) (amend.Decision, error) {
	choose := func(percent int) {
		if os.Getenv("GOGC") == "" {
			debug.SetGCPercent(percent)
		}
	}
	choose(thriftyGC)
	var first sync.Once
	return func(w pipeline.World, e amend.Event) (amend.Decision, error) {
		d, err := decide(w, e)
		first.Do(func() {
			debug.FreeOSMemory() // collects first
			live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
			metrics.Read(live)
			if live[0].Value.Uint64() <= largeHeap {
				choose(usualGC)
			}
		})
		return d, err
	}
}
