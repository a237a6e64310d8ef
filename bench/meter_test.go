package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// A host that takes two writes in ten seconds, and a client that comes too early
// once.
func TestMeterHoldsTheLimit(t *testing.T) {
	m := &meter{limit: limit{writes: 2, window: 10 * time.Second}, sum: tally{calls: map[string]int{}}}
	begin := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	post := func(after time.Duration) time.Duration {
		return m.admit(httptest.NewRequest(http.MethodPost, "/api/v3/repos/acme/env/git/trees", nil), begin.Add(after))
	}
	for _, step := range []struct{ after, wait time.Duration }{
		{0, 0}, {time.Second, 0}, {2500 * time.Millisecond, 8 * time.Second}, {3 * time.Second, 8 * time.Second},
		{10600 * time.Millisecond, 0},
	} {
		if wait := post(step.after); wait != step.wait {
			t.Errorf("after %v the host asks to wait %v, want %v", step.after, wait, step.wait)
		}
	}
	sum := m.read()
	if sum.content != 3 || sum.limited != 2 || len(sum.early) != 1 {
		t.Errorf("%d writes, turned away %d, early %q", sum.content, sum.limited, sum.early)
	}
	share, err := sum.share()
	if want := 10.5 / 10.6; err != nil || share < want-1e-9 || share > want+1e-9 {
		t.Errorf("used %v of the rate (%v), want %v", share, err, want)
	}
}

func TestMeterTellsWritesFromReads(t *testing.T) {
	m := &meter{sum: tally{calls: map[string]int{}}}
	for _, r := range []*http.Request{
		httptest.NewRequest(http.MethodGet, "/api/v3/repos/acme/env/git/ref/heads/main", nil),
		httptest.NewRequest(http.MethodPatch, "/api/v3/repos/acme/env/git/refs/heads/main", nil),
		httptest.NewRequest(http.MethodPost, "/acme/env.git/git-upload-pack", nil),
		httptest.NewRequest(http.MethodPost, "/acme/env.git/git-receive-pack", nil),
		httptest.NewRequest(http.MethodGet, "/acme/env.git/info/refs", nil),
		httptest.NewRequest(http.MethodPost, "/api/v3/repos/acme/env/dispatches", nil),
		httptest.NewRequest(http.MethodPost, "/api/v3/repos/acme/env/statuses/0123456789abcdef", nil),
	} {
		m.admit(r, time.Now())
	}
	if sum := m.read(); sum.content != 2 || sum.notes != 2 || sum.reads != 1 || sum.total() != 7 {
		t.Errorf("%d and %d writes and %d reads in %d calls", sum.content, sum.notes, sum.reads, sum.total())
	}
}
