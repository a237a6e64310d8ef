package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
)

// A meter stands before the host and notes what serve asks it, and how many round
// trips one after the other that takes, at whatever speed: a request is one later
// than all that were answered before it came.
type meter struct {
	next http.Handler

	mu     sync.Mutex
	calls  []tripped
	trips  int         // that the last answer was one of
	expect map[int]int // how many calls of each round trip are to come
	round  int         // of clear
}

// far is how long the host takes at least, so that what is asked at the same time
// comes before the answer to any of it. On a busy machine that takes longer, so an
// answer waits for all calls that are expected with its own, as long as they may take.
const far, farthest = 50 * time.Millisecond, 30 * time.Second

// A tripped is a call with its round trip, the first of which is 1.
type tripped struct {
	trip int
	name string
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
	trip, round := m.trips+1, m.round
	m.calls = append(m.calls, tripped{trip, name})
	m.mu.Unlock()
	time.Sleep(far)
	for began := time.Now(); m.lacks(trip) && time.Since(began) < farthest; {
		time.Sleep(time.Millisecond)
	}
	answer := httptest.NewRecorder()
	m.next.ServeHTTP(answer, r)
	m.mu.Lock()
	if round == m.round {
		m.trips = max(m.trips, trip)
	}
	m.mu.Unlock()
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // the client may have left
}

// lacks reports whether calls of a round trip are expected and have not come.
func (m *meter) lacks(trip int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	came := 0
	for _, c := range m.calls {
		if c.trip == trip {
			came++
		}
	}
	return came < m.expect[trip]
}

// clear begins anew, with the calls that are to come, as until returns them.
func (m *meter) clear(calls ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls, m.trips, m.expect = nil, 0, map[int]int{}
	m.round++
	for _, c := range calls {
		m.expect[int(c[0]-'0')]++
	}
}

// until returns the calls up to the one with a name, each with its round trip before
// it. Those of one round trip come in any order, and are sorted.
func (m *meter) until(name string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var calls []string
	for _, c := range m.calls {
		if strings.HasPrefix(c.name, "push amend/") {
			c.name = "push a new branch"
		}
		if calls = append(calls, fmt.Sprint(c.trip, " ", c.name)); c.name == name {
			break
		}
	}
	slices.Sort(calls) // there are less than ten round trips
	return calls
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
		return slices.ContainsFunc(m.until("pulls"), func(c string) bool { return strings.HasSuffix(c, " pulls") })
	})
	fix := func(alert string, n int, want ...string) {
		t.Helper()
		m.clear(want...)
		s.post(firing(alert, app(n)))
		s.want(s.decided(app(n), 1)[0], amend.ReasonAct)
		if len(want) == 0 {
			return
		}
		_, last, _ := strings.Cut(want[len(want)-1], " ")
		if diff := cmp.Diff(want, m.until(last)); diff != "" {
			t.Errorf("the calls, each with its round trip (-want +got):\n%s", diff)
		}
	}
	fix("AppOutOfMemory", 1) // what is asked once in the life of a process
	fix("AppOutOfMemory", 2,
		"1 git/ref/heads/main", // where the branch is, while it is decided about where it was
		"1 pulls",              // whether the incident has a pull request
		"2 pulls",              // what was proposed lately, for the budgets
		"3 pulls",              // and what is open since longer
		"4 push a new branch",  // the claim
		"5 POST pulls",
		"6 POST issues/2/labels",
	)
	fix("AppStuck", 3,
		"1 git/ref/heads/main",
		"1 pulls",     // whether the incident has one from when its playbook had another mode
		"2 push main", // all objects, and the compare-and-swap of the branch
	)
	s.oneCommit(app(3)) // the log is asked for, and nobody waits for that
	if n := len(s.door.asked()); n != 1 {
		t.Errorf("the log was asked for %d times, want once", n)
	}
}
