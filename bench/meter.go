package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A limit is how many writes a host takes in a window, which begins with its
// first write. What comes then is turned away with the time to wait, as GitHub
// does with requests that create content.
type limit struct {
	writes int
	window time.Duration
}

// A meter stands before the host, counts what the host is asked for, holds the limit
// and lets requests fail.
type meter struct {
	server   *http.Server
	listener net.Listener
	pass     *httputil.ReverseProxy
	limit    limit
	faults   faults

	mu    sync.Mutex
	sum   tally
	end   time.Time // of the window
	used  int       // in the window
	until time.Time // nobody may ask before
	told  time.Time // when the host has said so
}

// onItsWay is how long a request may have been under way when the host turned
// another one away.
const onItsWay = 100 * time.Millisecond

// A tally is what a meter has counted.
type tally struct {
	calls     map[string]int // by method and route
	content   int            // writes that make or change content, each push among them
	notes     int            // writes that do not: a status, a start of a workflow
	reads     int
	asked     int // reads that ask whether anything has changed
	unchanged int // reads that were answered 304
	last      time.Time
	limited   int         // requests that were turned away
	early     []string    // requests before the time that the host had named
	taken     []time.Time // when each write was taken
	windows   []time.Time // when each window began
	granted   time.Duration
}

func newMeter(host string, l limit) (*meter, error) {
	target, err := url.Parse("http://" + host)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &meter{listener: listener, limit: l, sum: tally{calls: map[string]int{}}}
	m.pass = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // the host names itself in its answers
		},
		ModifyResponse: m.answered,
		FlushInterval:  -1,
	}
	m.server = &http.Server{Handler: m, ErrorLog: log.New(io.Discard, "", 0)} // a client that leaves is no news
	go func() { _ = m.server.Serve(listener) }()                              // ends with close
	return m, nil
}

func (m *meter) addr() string { return m.listener.Addr().String() }

func (m *meter) close() error { return m.server.Close() }

// ServeHTTP passes a request on unless a fault strikes it or the limit forbids it.
func (m *meter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if m.faults.strike(w, r) {
		return
	}
	if wait := m.admit(r, time.Now()); wait > 0 {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}`)
		return
	}
	m.pass.ServeHTTP(w, r)
}

// admit counts a request, and returns how long its client has to wait; whole
// seconds, as the header has no other.
func (m *meter) admit(r *http.Request, now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sum.last = now
	m.sum.calls[r.Method+" "+route(r.URL.Path)]++
	api := strings.HasPrefix(r.URL.Path, "/api/v3/")
	push := strings.HasSuffix(r.URL.Path, "/git-receive-pack") && r.Method == http.MethodPost
	write := push || api && r.Method != http.MethodGet
	if api && !write {
		m.sum.reads++
		if r.Header.Get("If-None-Match") != "" || r.Header.Get("If-Modified-Since") != "" {
			m.sum.asked++
		}
	}
	if m.limit.writes > 0 && api {
		if wait := m.hold(r, write, now); wait > 0 {
			m.sum.limited++
			return wait
		}
	}
	if write && noContent.MatchString(r.URL.Path) {
		m.sum.notes++
	} else if write {
		m.sum.content++
	}
	if write {
		m.sum.taken = append(m.sum.taken, now)
	}
	return 0
}

// noContent matches what is a write for the limit of this host and leaves the
// repository as it is.
var noContent = regexp.MustCompile(`/(statuses/[0-9a-f]+|dispatches)$`)

// hold keeps the limit.
func (m *meter) hold(r *http.Request, write bool, now time.Time) time.Duration {
	if now.Before(m.until) {
		if now.Sub(m.told) > onItsWay {
			m.sum.early = append(m.sum.early, fmt.Sprintf("%s %s, %v after it was named", r.Method, route(r.URL.Path), now.Sub(m.told).Round(time.Millisecond)))
		}
		return wholeSeconds(m.until.Sub(now))
	}
	if !write {
		return 0
	}
	if !now.Before(m.end) {
		m.end, m.used = now.Add(m.limit.window), 0
		m.sum.windows = append(m.sum.windows, now)
	}
	if m.used < m.limit.writes {
		m.used++
		return 0
	}
	wait := wholeSeconds(m.end.Sub(now))
	m.told, m.until = now, now.Add(wait)
	m.end = m.until
	m.sum.granted += m.end.Sub(m.sum.windows[len(m.sum.windows)-1])
	return wait
}

func wholeSeconds(d time.Duration) time.Duration {
	return time.Duration(math.Ceil(d.Seconds())) * time.Second
}

func (m *meter) answered(res *http.Response) error {
	if res.StatusCode == http.StatusNotModified {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.sum.unchanged++
	}
	return nil
}

// read returns what was counted since the last clear.
func (m *meter) read() tally {
	m.mu.Lock()
	defer m.mu.Unlock()
	sum := m.sum
	sum.calls = maps.Clone(sum.calls)
	sum.taken, sum.windows = slices.Clone(sum.taken), slices.Clone(sum.windows)
	return sum
}

func (m *meter) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sum = tally{calls: map[string]int{}}
}

// total is the number of requests.
func (t tally) total() int {
	sum := 0
	for _, n := range t.calls {
		sum += n
	}
	return sum
}

// share is the part of the allowed rate that was used, from the first window to
// the begin of the last: each but the last was used up.
func (t tally) share() (float64, error) {
	if len(t.windows) < 2 {
		return 0, errors.New("the limit was never met")
	}
	return t.granted.Seconds() / t.windows[len(t.windows)-1].Sub(t.windows[0]).Seconds(), nil
}

// spaced is the shortest pause between two writes and how many there were in a
// second.
func (t tally) spaced() (least time.Duration, rate float64) {
	least = time.Hour
	for i := 1; i < len(t.taken); i++ {
		least = min(least, t.taken[i].Sub(t.taken[i-1]))
	}
	if n := len(t.taken); n > 1 {
		rate = float64(n-1) / t.taken[n-1].Sub(t.taken[0]).Seconds()
	}
	return least, rate
}

// ids are the parts of a path that differ from call to call.
var ids = regexp.MustCompile(`[0-9a-f]{40}|/[0-9]+\b|heads/.*`)

// route is a path without what differs from call to call.
func route(path string) string {
	path = strings.TrimPrefix(path, "/api/v3")
	return ids.ReplaceAllString(strings.Replace(path, "/repos/"+repoName, "", 1), "…")
}

// list names the calls, the most frequent first, each with its number for one
// of n.
func (t tally) list(n int) string {
	names := slices.SortedFunc(maps.Keys(t.calls), func(a, b string) int {
		return cmp.Or(t.calls[b]-t.calls[a], strings.Compare(a, b))
	})
	var words []string
	for _, name := range names {
		words = append(words, fmt.Sprintf("%.3g × `%s`", float64(t.calls[name])/float64(n), name))
	}
	return strings.Join(words, ", ")
}
