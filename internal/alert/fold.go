package alert

import (
	"container/list"
	"sync"
	"time"

	"github.com/amendhq/amend"
)

// A Folder leaves out repeats: Alertmanager sends a group again whenever one of
// its alerts changes, and every pod of a broken Deployment fires its own alert.
// It remembers accepted events only, so what was not stored is never folded,
// and it reads no clock: an event's Time is the time. It is safe for concurrent
// use. What it remembers is a saving and may be lost at any time.
type Folder struct {
	window time.Duration
	size   int

	mu    sync.Mutex
	seen  map[string]*list.Element // identity -> element of order
	order *list.List               // of accepted, most recent first
}

type accepted struct {
	identity string
	status   amend.Status
	at       time.Time
}

// NewFolder returns a Folder that folds repeats for the given time after an
// event was accepted and remembers at most size identities, the latest.
func NewFolder(window time.Duration, size int) *Folder {
	return &Folder{window: window, size: size, seen: map[string]*list.Element{}, order: list.New()}
}

// Split returns the events of one delivery that are to be published, in their
// order; the others fold into one of these or into an event accepted before.
//
// Within the delivery an identity counts once, and it is firing as long as any
// of its alerts fires: one recovered pod does not end the trouble of the others.
//
// What it returns takes the place of events, which are not to be used any more: of a
// large delivery a second list would be megabytes.
func (f *Folder) Split(events []amend.Event) []amend.Event {
	firing := map[string]bool{}
	for _, e := range events {
		if e.Alert.Status == amend.Firing {
			firing[e.Identity] = true
		}
	}
	taken := map[string]bool{}
	fresh := events[:0]
	for _, e := range events {
		over := e.Alert.Status == amend.Resolved && firing[e.Identity]
		if taken[e.Identity] || over {
			continue
		}
		taken[e.Identity] = true
		if !f.repeats(e) {
			fresh = append(fresh, e)
		}
	}
	return fresh
}

// repeats reports whether an event of the same identity and status was accepted
// less than the window ago, and none of the opposite status since.
func (f *Folder) repeats(e amend.Event) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	el, ok := f.seen[e.Identity]
	if !ok {
		return false
	}
	last := el.Value.(accepted)
	age := e.Time.Sub(last.at)
	return last.status == e.Alert.Status && age >= 0 && age < f.window
}

// Accept remembers events that are durably stored. It must not be called
// before they are.
func (f *Folder) Accept(events []amend.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range events {
		if el, ok := f.seen[e.Identity]; ok {
			f.order.Remove(el)
		}
		f.seen[e.Identity] = f.order.PushFront(accepted{e.Identity, e.Alert.Status, e.Time})
		if f.order.Len() > f.size {
			oldest := f.order.Remove(f.order.Back()).(accepted)
			delete(f.seen, oldest.identity)
		}
	}
}

// Forget lets the next event of an identity pass, because what was accepted did
// not arrive after all.
func (f *Folder) Forget(identity string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if el, ok := f.seen[identity]; ok {
		f.order.Remove(el)
		delete(f.seen, identity)
	}
}
