package locate

import "testing"

func TestCacheCountsWhatItHolds(t *testing.T) {
	c := newCache(10, func(s string) int { return len(s) })
	c.put("other", "1234")
	for range 5 { // the same key again and again takes no more room
		c.put("key", "56789")
	}
	if v, ok := c.get("other"); !ok || v != "1234" {
		t.Errorf("other is %q, %v; it fits beside key", v, ok)
	}
	c.put("third", "ab")
	if _, ok := c.get("other"); ok {
		t.Error("the cache holds more than its limit")
	}
	if v, ok := c.get("third"); !ok || v != "ab" {
		t.Errorf("third is %q, %v", v, ok)
	}
}
