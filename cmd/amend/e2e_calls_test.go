package main

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
)

// A meter stands before the host and notes what serve asks it, and how many round
// trips one after the other that takes, at whatever speed: a request is one later
// than all that were answered before it came.
type meter struct {
	next http.Handler

	mu    sync.Mutex
	calls []string
	trips int            // that the last answer was one of
	at    map[string]int // the round trip of each call
}

func (m *meter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, secret, _ := r.BasicAuth()
	if secret != serveToken && r.Header.Get("Authorization") != "Bearer "+serveToken {
		m.next.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client has left
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	name := strings.TrimPrefix(nameOf(r, body), "GET ")
	m.mu.Lock()
	trip := m.trips + 1
	m.calls = append(m.calls, name)
	m.at[name] = trip
	m.mu.Unlock()
	m.next.ServeHTTP(w, r) // small answers leave when this returns
	m.mu.Lock()
	m.trips = max(m.trips, trip)
	m.mu.Unlock()
}

func (m *meter) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls, m.trips, m.at = nil, 0, map[string]int{}
}

// until returns the calls up to the one with a name, and the round trip of that.
func (m *meter) until(name string) (calls []string, trip int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.calls {
		if strings.HasPrefix(c, "push amend/") {
			c = "push a new branch"
		}
		if calls = append(calls, c); c == name {
			break
		}
	}
	return calls, m.at[name]
}

// TestCallsOfAFix: what a fix costs on a warm connection to a host far away. Each
// call more is a round trip, and counts towards the host's limits.
func TestCallsOfAFix(t *testing.T) {
	t.Parallel()
	s := newStage(t, 3, "", nil)
	m := &meter{next: s.host}
	m.clear()
	s.door.leadTo(m)
	s.start("--sweep-interval", "1h", "--pull-interval", "1h")
	s.eventually("the look at the open pull requests at the start is over", func() bool {
		calls, _ := m.until("pulls")
		return slices.Contains(calls, "pulls")
	})
	fix := func(alert string, n int) {
		s.Helper()
		m.clear()
		s.post(firing(alert, app(n)))
		s.want(s.decided(app(n), 1)[0], amend.ReasonAct)
	}
	check := func(last string, trips int, want ...string) {
		t.Helper()
		calls, trip := m.until(last)
		if diff := cmp.Diff(want, calls); diff != "" || trip != trips {
			t.Errorf("%s is round trip %d, want %d; the calls (-want +got):\n%s", last, trip, trips, diff)
		}
	}
	fix("AppOutOfMemory", 1) // what is asked once in the life of a process
	fix("AppOutOfMemory", 2)
	check("POST issues/2/labels", 7,
		"git/ref/heads/main", // where the branch is
		"pulls",              // whether the incident has a pull request
		"pulls",              // what was proposed lately, for the budgets
		"pulls",              // and what is open since longer
		"push a new branch",  // the claim
		"POST pulls",
		"POST issues/2/labels",
	)
	fix("AppStuck", 3)
	check("push main", 3,
		"git/ref/heads/main",
		"pulls",     // whether the incident has one from when its playbook had another mode
		"push main", // all objects, and the compare-and-swap of the branch
	)
	s.oneCommit(app(3)) // the log is asked for, and nobody waits for that
	if n := len(s.door.asked()); n != 1 {
		t.Errorf("the log was asked for %d times, want once", n)
	}
}
