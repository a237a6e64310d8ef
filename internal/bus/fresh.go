package bus

import "sync"

// maxFresh bounds the events that fresh holds, as bytes of their lines.
const maxFresh = 4 << 20

// fresh holds the messages that were stored and the reader has not come to, so that
// it does not have to read them. It is a saving: what does not fit in is in the stream
// like the rest.
type fresh struct {
	room int           // as maxFresh
	news chan struct{} // holds one when messages were stored that the reader may not know

	mu      sync.Mutex
	records []*record // in the order of the stream
	size    int       // of them
	last    uint64    // the latest message that is known to be stored
}

func newFresh() *fresh { return &fresh{room: maxFresh, news: make(chan struct{}, 1)} }

// put takes a message that was stored.
func (f *fresh) put(r *record) {
	f.mu.Lock()
	f.last = max(f.last, r.seq)
	if f.size+r.size <= f.room {
		f.records, f.size = append(f.records, r), f.size+r.size
	}
	f.mu.Unlock()
	select {
	case f.news <- struct{}{}:
	default: // the reader is to look anyway
	}
}

// take returns the message seq, or nil when it is not held; stored reports whether a
// message from seq on may be in the stream then. Messages before it are given up: the
// reader has them.
func (f *fresh) take(seq uint64) (r *record, stored bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.records) > 0 && f.records[0].seq <= seq {
		r = f.records[0]
		f.records[0] = nil
		f.records, f.size = f.records[1:], f.size-r.size
		if r.seq == seq {
			return r, true
		}
	}
	return nil, seq <= f.last
}
