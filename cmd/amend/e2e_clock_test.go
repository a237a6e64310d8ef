package main

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestClockOfTheHost: with clocks that are an hour apart, what amend puts into Git
// has the time of the host, by which its cooldowns and budgets go then.
func TestClockOfTheHost(t *testing.T) {
	t.Parallel()
	const ahead = time.Hour
	s := newStage(t, 1, "", nil)
	s.door.leadTo(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		s.host.ServeHTTP(w, r)
	}))
	s.start()
	began := time.Now()
	s.post(firing("AppStuck", app(1)))
	s.decided(app(1), 1)
	seconds, err := strconv.ParseInt(strings.TrimSpace(s.git("log", "-1", "--format=%ct", "main")), 10, 64)
	s.must(err)
	if made := time.Unix(seconds, 0); made.Before(began.Add(ahead-5*time.Second)) || made.After(time.Now().Add(ahead+5*time.Second)) {
		t.Errorf("the commit is of %s, and the host has %s", made, time.Now().Add(ahead))
	}
}
