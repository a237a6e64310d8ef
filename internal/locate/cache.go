package locate

import (
	"maps"
	"slices"
	"sync"
)

// cache is a bounded map that is safe for concurrent use. When it is full it
// forgets everything: what it holds can be derived again, and the simplest
// policy keeps the bound.
type cache[V any] struct {
	mu    sync.Mutex
	limit int
	cost  func(V) int
	used  int
	items map[string]V
}

func newCache[V any](limit int, cost func(V) int) *cache[V] {
	return &cache[V]{limit: limit, cost: cost, items: map[string]V{}}
}

func (c *cache[V]) get(key string) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.items[key]
	return v, ok
}

func (c *cache[V]) put(key string, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.items[key]; ok {
		c.used -= c.cost(old)
		delete(c.items, key)
	}
	cost := c.cost(v)
	if c.used+cost > c.limit {
		clear(c.items)
		c.used = 0
	}
	c.items[key] = v
	c.used += cost
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
