package cache_test

import (
	"testing"

	"github.com/amendhq/amend/internal/cache"
)

func TestMapCountsWhatItHolds(t *testing.T) {
	m := cache.New[string](10, func(s string) int { return len(s) })
	m.Put("other", "1234")
	for range 5 { // the same key again and again takes no more room
		m.Put("key", "56789")
	}
	if v, ok := m.Get("other"); !ok || v != "1234" {
		t.Errorf("other is %q, %v; it fits beside key", v, ok)
	}
	m.Put("third", "ab")
	if _, ok := m.Get("other"); ok {
		t.Error("the map holds more than its limit")
	}
	if v, ok := m.Get("third"); !ok || v != "ab" {
		t.Errorf("third is %q, %v", v, ok)
	}
	m.PutUpTo(3, "fourth", "ab")
	if _, ok := m.Get("fourth"); ok {
		t.Error("what is over the bound of a caller is kept")
	}
	m.PutUpTo(4, "fourth", "ab")
	if v, ok := m.Get("fourth"); !ok || v != "ab" {
		t.Errorf("fourth is %q, %v", v, ok)
	}
	m.Clear()
	if v, ok := m.Get("third"); ok {
		t.Errorf("third is %q after Clear", v)
	}
}
