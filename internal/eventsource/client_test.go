package eventsource_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/eventsource"
	"github.com/amendhq/amend/internal/gateway"
)

var at = time.Date(2026, 3, 2, 9, 15, 0, 0, time.UTC)

// source is an EventSource as Argo Events serves one: a token, two routes, each
// of which stores one event at a time.
type source struct {
	*httptest.Server
	routes map[string]*sync.Mutex
	conns  atomic.Int64
	busy   atomic.Int64
	most   atomic.Int64

	mu     sync.Mutex
	stored []amend.Event // in their order
	paths  []string
	answer func(n int) int // status of the nth post; all are stored when nil
	posts  int
	token  string
}

func newSource(t testing.TB) *source {
	t.Helper()
	s := &source{routes: map[string]*sync.Mutex{"/firing": {}, "/resolved": {}}}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.conns.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (s *source) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/health" {
		return
	}
	n := s.busy.Add(1)
	defer s.busy.Add(-1)
	for old := s.most.Load(); n > old && !s.most.CompareAndSwap(old, n); old = s.most.Load() {
	}
	route, ok := s.routes[r.URL.Path]
	if !ok || r.Method != http.MethodPost {
		http.NotFound(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	route.Lock()
	defer route.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.posts++
	code := http.StatusOK
	switch {
	case s.token != "" && r.Header.Get("Authorization") != "Bearer "+s.token:
		code = http.StatusUnauthorized
	case s.answer != nil:
		code = s.answer(s.posts)
	}
	if code != http.StatusOK {
		w.WriteHeader(code)
		return
	}
	// What the Sensor of the project reads: body.subject and body.data_base64.
	var outer struct {
		Subject string `json:"subject"`
		Data    string `json:"data_base64"`
	}
	if err == nil {
		err = json.Unmarshal(body, &outer)
	}
	e, unpacked := alert.Unpack(outer.Data)
	if err != nil || unpacked != nil || e.Identity != outer.Subject {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.stored = append(s.stored, e)
	s.paths = append(s.paths, r.URL.Path)
}

func newClient(t testing.TB, cfg eventsource.Config) *eventsource.Client {
	t.Helper()
	if cfg.Registry == nil {
		cfg.Registry = prometheus.NewRegistry()
	}
	c, err := eventsource.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func events(t testing.TB, n int, status amend.Status) []amend.Event {
	t.Helper()
	all := make([]amend.Event, n)
	for i := range all {
		a := amend.Alert{Status: status, Labels: map[string]string{"alertname": "A", "n": fmt.Sprint(i), "x": "{{workflow.name}}"}, StartsAt: at}
		all[i] = alert.NewEvent(a, at, alert.Identity{})
	}
	return all
}

func TestPublish(t *testing.T) {
	s := newSource(t)
	c := newClient(t, eventsource.Config{URL: s.URL + "/"})
	for status, path := range map[amend.Status]string{amend.Firing: "/firing", amend.Resolved: "/resolved"} {
		if err := c.Publish(t.Context(), events(t, 1, status)); err != nil {
			t.Fatal(err)
		}
		n := len(s.stored) - 1
		if s.paths[n] != path || s.stored[n].Alert.Status != status || s.stored[n].Alert.Labels["x"] != "{{workflow.name}}" {
			t.Errorf("%s went to %s as %+v", status, s.paths[n], s.stored[n])
		}
	}
}

func TestEveryPostMustBeStored(t *testing.T) {
	for _, code := range []int{302, 307, 400, 401, 403, 404, 413, 429, 500, 503} {
		s := newSource(t)
		elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			t.Errorf("%d was followed", code)
		}))
		defer elsewhere.Close()
		s.Config.Handler = redirecting(s, elsewhere.URL)
		s.answer = func(n int) int {
			if n == 3 {
				return code
			}
			return http.StatusOK
		}
		err := newClient(t, eventsource.Config{URL: s.URL, Concurrency: 1}).Publish(t.Context(), events(t, 5, amend.Firing))
		if err == nil || !strings.Contains(err.Error(), fmt.Sprint(code)) {
			t.Errorf("%d: err = %v", code, err)
		}
		if s.posts != 3 {
			t.Errorf("%d: %d posts, want none after the one that failed", code, s.posts)
		}
	}
}

// redirecting names a place to go to in every answer.
func redirecting(next http.Handler, to string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", to)
		next.ServeHTTP(w, r)
	})
}

func TestUnreachable(t *testing.T) {
	s := newSource(t)
	registry := prometheus.NewRegistry()
	c := newClient(t, eventsource.Config{URL: s.URL, Registry: registry})
	if err := c.Ready(t.Context()); err != nil {
		t.Errorf("ready: %v", err)
	}
	s.Close()
	if err := c.Publish(t.Context(), events(t, 1, amend.Firing)); amend.KindOf(err) != amend.Transient {
		t.Errorf("publish: %v, want Transient", err)
	}
	if err := c.Ready(t.Context()); amend.KindOf(err) != amend.Transient {
		t.Errorf("ready: %v, want Transient", err)
	}
	want := `
# HELP amend_eventsource_posts_total Posts to the EventSource by result: stored, refused (3xx, 4xx), failed (5xx), unreachable.
# TYPE amend_eventsource_posts_total counter
amend_eventsource_posts_total{result="failed"} 0
amend_eventsource_posts_total{result="refused"} 0
amend_eventsource_posts_total{result="stored"} 0
amend_eventsource_posts_total{result="unreachable"} 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "amend_eventsource_posts_total"); err != nil {
		t.Error(err)
	}
}

func TestRotatedTokenCountsAtOnce(t *testing.T) {
	s := newSource(t)
	file := filepath.Join(t.TempDir(), "token")
	write := func(token string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("0ld\n")
	s.token = "0ld"
	c := newClient(t, eventsource.Config{URL: s.URL, TokenFile: file})
	one := events(t, 1, amend.Firing)
	if err := c.Publish(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	s.token = "n3w"
	if err := c.Publish(t.Context(), one); amend.KindOf(err) != amend.Invalid || strings.Contains(err.Error(), "0ld") {
		t.Errorf("old token: %v, want Invalid", err)
	}
	write("n3w\n")
	if err := c.Publish(t.Context(), one); err != nil {
		t.Error(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := c.Publish(t.Context(), one); err == nil {
		t.Error("published without the token")
	}
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]eventsource.Config{
		"no URL":             {},
		"no host":            {URL: "http:///firing"},
		"another scheme":     {URL: "ftp://x"},
		"credentials":        {URL: "http://a:b@x"},
		"a token file":       {URL: "http://x", TokenFile: "/does/not/exist"},
		"not a URL":          {URL: "http://x\n"},
		"a name and no more": {URL: "amend-alerts-eventsource-svc:12000"},
	} {
		cfg.Registry = prometheus.NewRegistry()
		if _, err := eventsource.New(cfg); amend.KindOf(err) != amend.Invalid {
			t.Errorf("%s: %v, want Invalid", name, err)
		}
	}
}

// TestFewPostsAtATime: however many callers there are, and however many events
// they bring, only so many posts, goroutines and connections are in work.
func TestFewPostsAtATime(t *testing.T) {
	s := newSource(t)
	c := newClient(t, eventsource.Config{URL: s.URL, Concurrency: 3})
	before := runtime.NumGoroutine()
	var highest atomic.Int64
	s.answer = func(int) int {
		highest.Store(max(highest.Load(), int64(runtime.NumGoroutine())))
		return http.StatusOK
	}
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			if err := c.Publish(t.Context(), events(t, 500, amend.Firing)); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	if len(s.stored) != 2000 {
		t.Errorf("%d events stored", len(s.stored))
	}
	if n := s.most.Load(); n > 3 {
		t.Errorf("%d posts at a time", n)
	}
	if n := s.conns.Load(); n > 10 {
		t.Errorf("%d connections for 2000 posts", n)
	}
	// Callers, posts, and a few for each connection on both sides.
	if n := highest.Load() - int64(before); n > 60 {
		t.Errorf("%d goroutines more", n)
	}
}

// TestStalledEventSource: the gateway's answer comes after its stall time, and
// what was stored before is not sent again.
func TestStalledEventSource(t *testing.T) {
	s := newSource(t)
	release := make(chan struct{})
	s.answer = func(n int) int {
		if n > 100 {
			<-release
		}
		return http.StatusOK
	}
	g := newGateway(t, newClient(t, eventsource.Config{URL: s.URL}), 5*time.Second)
	if code, body := postAlerts(g, 200); code != http.StatusServiceUnavailable {
		t.Errorf("stalled: %d %s", code, body)
	}
	close(release)
	s.mu.Lock()
	s.answer = nil
	s.mu.Unlock()
	code, body := postAlerts(g, 200)
	if code != http.StatusOK || strings.Contains(body, `"folded":0`) {
		t.Errorf("later: %d %s", code, body)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	different := map[string]bool{}
	for _, e := range s.stored {
		different[e.ID] = true
	}
	if len(different) != 200 {
		t.Errorf("%d alerts arrived", len(different))
	}
}

func TestStorm(t *testing.T) {
	s := newSource(t)
	g := newGateway(t, newClient(t, eventsource.Config{URL: s.URL}), 10*time.Second)
	code, body := postAlerts(g, 2_000)
	if code != http.StatusOK || !strings.Contains(body, `"accepted":2000`) || len(s.stored) != 2_000 {
		t.Errorf("%d %s; %d stored", code, body, len(s.stored))
	}
}

func newGateway(t testing.TB, p gateway.Publisher, stall time.Duration) http.Handler {
	t.Helper()
	g, err := gateway.New(gateway.Config{
		Publisher: p, Folder: alert.NewFolder(time.Minute, 20_000), Limits: alert.ArgoLimits(), Chunk: eventsource.Chunk,
		Stall: stall, Now: func() time.Time { return at }, Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func postAlerts(g http.Handler, n int) (int, string) {
	alerts := make([]string, n)
	for i := range alerts {
		alerts[i] = fmt.Sprintf(`{"status":"firing","labels":{"alertname":"A","n":"%d"},"startsAt":"2026-03-02T09:05:00Z"}`, i)
	}
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "http://127.0.0.1/v1/alertmanager",
		strings.NewReader(`{"version":"4","alerts":[`+strings.Join(alerts, ",")+`]}`))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}
