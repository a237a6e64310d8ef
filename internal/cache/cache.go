// Package cache keeps what can be derived again, up to a bound.
package cache

import "sync"

// A Map keeps at most so much. When it is full it forgets everything: the
// simplest policy keeps the bound, and whoever asks derives the value anew. It
// is safe for concurrent use.
type Map[K comparable, V any] struct {
	limit int
	cost  func(V) int

	mu    sync.Mutex
	used  int
	items map[K]V
}

// New returns an empty map whose values may cost limit in all. The cost of a
// value must not change while it is in the map.
func New[K comparable, V any](limit int, cost func(V) int) *Map[K, V] {
	return &Map[K, V]{limit: limit, cost: cost, items: map[K]V{}}
}

// Get returns the value of the key, if it is still there.
func (m *Map[K, V]) Get(key K) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.items[key]
	return v, ok
}

// PutUpTo is Put for a value that may never be asked for: it is only kept when all
// values cost no more than most with it.
func (m *Map[K, V]) PutUpTo(most int, key K, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used+m.cost(v) <= most {
		m.put(key, v)
	}
}

// Put keeps a value in place of the key's old one.
func (m *Map[K, V]) Put(key K, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(key, v)
}

func (m *Map[K, V]) put(key K, v V) {
	if old, ok := m.items[key]; ok {
		m.used -= m.cost(old)
		delete(m.items, key)
	}
	cost := m.cost(v)
	if m.used+cost > m.limit {
		clear(m.items)
		m.used = 0
	}
	m.items[key] = v
	m.used += cost
}

// Clear forgets everything.
func (m *Map[K, V]) Clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.items)
	m.used = 0
}
