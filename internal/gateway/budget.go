package gateway

import "sync/atomic"

// A budget bounds the bytes of the bodies that are read at the same time, and
// so the memory: a decoded alert is a few times its JSON.
type budget struct {
	left atomic.Int64
}

// newBudget returns one of n bytes.
func newBudget(n int64) *budget {
	b := &budget{}
	b.left.Store(n)
	return b
}

// take reports whether n bytes were free and are now taken.
func (b *budget) take(n int64) bool {
	if b.left.Add(-n) < 0 {
		b.left.Add(n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.left.Add(n) }
