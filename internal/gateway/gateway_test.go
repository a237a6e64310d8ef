package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/gateway"
)

var at = time.Date(2026, 3, 2, 9, 15, 0, 0, time.UTC)

// store is a Publisher that keeps what it gets. While down says so it fails;
// after leaves room for that many events before it does.
type store struct {
	mu     sync.Mutex
	down   error
	after  int
	events []amend.Event
}

func (s *store) Publish(ctx context.Context, events []amend.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil && len(s.events)+len(events) > s.after {
		return s.down
	}
	for _, e := range events { // as a bus does
		line, err := alert.Marshal(e)
		if err != nil {
			return err
		}
		if e, err = alert.Unmarshal(line); err != nil {
			return err
		}
		s.events = append(s.events, e)
	}
	return ctx.Err()
}

// stalled is a Publisher that never gets an answer from its bus.
type stalled struct{}

func (stalled) Publish(ctx context.Context, _ []amend.Event) error {
	<-ctx.Done()
	return ctx.Err()
}

// decisions is a DecisionLog with a fixed content.
type decisions struct {
	list []amend.Decision
	err  error
}

func (d decisions) Decisions(_ context.Context, n int) ([]amend.Decision, error) {
	return d.list[max(0, len(d.list)-n):], d.err
}

// site is a gateway under test with what it writes to.
type site struct {
	*gateway.Gateway
	store    *store
	log      *bytes.Buffer
	registry *prometheus.Registry
	now      time.Time
}

func newSite(t testing.TB, change ...func(*gateway.Config)) *site {
	t.Helper()
	s := &site{store: &store{}, log: &bytes.Buffer{}, registry: prometheus.NewRegistry(), now: at}
	cfg := gateway.Config{
		Publisher: s.store,
		Identity:  alert.NewIdentity(alert.DefaultVolatile()),
		Folder:    alert.NewFolder(time.Minute, 20_000),
		Now:       func() time.Time { return s.now },
		Log:       slog.New(slog.NewJSONHandler(s.log, nil)),
		Registry:  s.registry,
	}
	for _, c := range change {
		c(&cfg)
	}
	var err error
	if s.Gateway, err = gateway.New(cfg); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) do(r *http.Request) *httptest.ResponseRecorder {
	if r.Host == "example.com" { // httptest's own; see TestForeignHost
		r.Host = "127.0.0.1:8080"
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func (s *site) post(body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/v1/alertmanager", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return s.do(r)
}

func one(labels string) string {
	return `{"status":"firing","labels":{"alertname":"A"` + labels + `},"annotations":{},"startsAt":"2026-03-02T09:05:00Z","endsAt":"0001-01-01T00:00:00Z"}`
}

func group(alerts ...string) string {
	return `{"receiver":"amend","alerts":[` + strings.Join(alerts, ",") + `],"version":"4","groupKey":"{}:{}"}`
}

func TestAlertmanager(t *testing.T) {
	s := newSite(t)
	w := s.post(group(one(""), `{"status":"firing"}`, one(`,"namespace":"shop"`), one(`,"pod":"x"`)))
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	want := `{"accepted":2,"folded":1,"rejected":[{"index":1,"reason":"startsAt is not an RFC 3339 time"}]}` + "\n"
	if diff := cmp.Diff(want, w.Body.String()); diff != "" {
		t.Error(diff)
	}
	if len(s.store.events) != 2 || !s.store.events[0].Time.Equal(at) || s.store.events[0].Alert.Receiver != "amend" {
		t.Errorf("stored %+v", s.store.events)
	}
}

func TestNothingIsAcceptedWithoutTheBus(t *testing.T) {
	s := newSite(t)
	s.store.down = amend.Errorf(amend.Transient, "publish", "the store is full")
	for range 2 { // what was refused does not fold
		w := s.post(group(one("")))
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Fatalf("bus down: %d %v", w.Code, w.Header())
		}
	}
	s.store.down = nil
	if w := s.post(group(one(""))); w.Code != http.StatusOK || len(s.store.events) != 1 {
		t.Errorf("bus back: %d %s", w.Code, w.Body)
	}
	// What is durable folds even when the bus is down.
	s.store.down = errors.New("down")
	if w := s.post(group(one(""))); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"folded":1`) {
		t.Errorf("repeat while the bus is down: %d %s", w.Code, w.Body)
	}
	s.now = at.Add(2 * time.Minute)
	if w := s.post(group(one(""))); w.Code != http.StatusServiceUnavailable {
		t.Errorf("after the window: %d %s", w.Code, w.Body)
	}
}

func TestStalledBus(t *testing.T) {
	s := newSite(t, func(c *gateway.Config) { c.Publisher = stalled{}; c.Stall = time.Millisecond })
	if w := s.post(group(one(""))); w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func storm(n int) string {
	alerts := make([]string, n)
	for i := range alerts {
		alerts[i] = one(fmt.Sprintf(`,"namespace":"team-%d","deployment":"app-%d","pod":"app-%d-6d5f7c9b8-x2x7q","description":"%0250d"`, i%50, i, i, i))
	}
	return group(alerts...)
}

func TestStormGoesOnWhereItEnded(t *testing.T) {
	body := storm(10_000)
	if len(body) < 4_400_000 {
		t.Fatalf("the body has %d bytes only", len(body))
	}
	s := newSite(t)
	s.store.down, s.store.after = errors.New("full"), 4200
	if w := s.post(body); w.Code != http.StatusServiceUnavailable {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	first := len(s.store.events)
	s.store.down = nil
	w := s.post(body)
	want := fmt.Sprintf(`{"accepted":%d,"folded":%d,"rejected":[]}`+"\n", 10_000-first, first)
	if first == 0 || w.Code != http.StatusOK || w.Body.String() != want {
		t.Errorf("%d after %d: %s", w.Code, first, w.Body)
	}
	if len(s.store.events) != 10_000 {
		t.Errorf("%d events stored", len(s.store.events))
	}
}

func TestHostileInput(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	tests := []struct {
		name, body string
		code       int
	}{
		{"not JSON", "alertname=x", 400},
		{"empty", "", 400},
		{"wrong version", `{"version":"3","alerts":[` + one("") + `]}`, 400},
		{"no alerts", group(), 400},
		{"no good alert", group(`{}`, `7`), 400},
		{"deep nesting", `{"version":"4","x":` + strings.Repeat("[", 1_000_000), 400},
		{"deep nesting in an alert", group(strings.Repeat(`{"labels":`, 100_000)), 400},
		{"17 MiB", group(one("")) + strings.Repeat(" ", 17<<20), 413},
		{"60,000 alerts", group(strings.Repeat(`{},`, 60_000) + one("")), 413},
		{"invalid UTF-8", group(one(",\"a\":\"\xff\xfe\"")), 200},
		{"path", group(one(`,"namespace":"../../../etc","pod":"..\\.."`)), 200},
		{"newlines", group(one(`,"a":"x\r\n{\"level\":\"ERROR\"}"`)), 200},
		{"template", group(one(`,"a":"{{workflow.parameters.token}} {{=sprig.getHostByName('x')}}"`)), 200},
		{"mention", group(one(`,"a":"@team [x](javascript:y) <script>"`)), 200},
		{"ANSI", group(one(`,"a":"\u001b[31mred\u001b]0;title\u0007"`)), 200},
		{"100 KB value", group(one(`,"a":"`+long+`"`), one(`,"b":"x"`)), 200},
		{"100 KB name", group(one(`,"` + long + `":"x"`)), 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			w := s.post(tt.body)
			if w.Code != tt.code {
				t.Errorf("code %d, want %d: %.300s", w.Code, tt.code, w.Body)
			}
			if tt.code >= 400 {
				var p struct{ Error, Expected string }
				if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Error == "" || p.Expected == "" || len(p.Error) > 1000 {
					t.Errorf("the answer does not say what was expected: %.300s", w.Body)
				}
			}
			if (len(s.store.events) > 0) != (tt.code == 200) {
				t.Errorf("%d events stored", len(s.store.events))
			}
			for _, e := range s.store.events {
				if !regexp.MustCompile(`^[a-z0-9.-]{1,63}$`).MatchString(e.ID) {
					t.Errorf("id %q", e.ID)
				}
			}
			checkLog(t, s.log.String())
		})
	}
}

// checkLog checks that every line is one JSON record of bounded length, without
// control characters.
func checkLog(t *testing.T, log string) {
	t.Helper()
	for line := range strings.Lines(log) {
		if !json.Valid([]byte(line)) || len(line) > 2000 || strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\r\n\x1b") {
			t.Errorf("log line %.300q", line)
		}
	}
}

func TestTruncatedAlertsAreSeen(t *testing.T) {
	s := newSite(t)
	body := `{"receiver":"a\u001b[31m\nb","alerts":[` + one("") + `],"version":"4","groupKey":"{\u202e}` + strings.Repeat("k", 5000) + `","truncatedAlerts":12}`
	if w := s.post(body); w.Code != http.StatusOK {
		t.Fatal(w.Code)
	}
	if n := strings.Count(s.log.String(), `"truncated":12,"receiver":"a?[31m?b","group":"{?}kkk`); n != 1 {
		t.Errorf("%d lines about it in:\n%s", n, s.log)
	}
	checkLog(t, s.log.String())
	want := `
# HELP amend_gateway_truncated_alerts_total Alerts that Alertmanager left out of its posts (max_alerts).
# TYPE amend_gateway_truncated_alerts_total counter
amend_gateway_truncated_alerts_total 12
`
	if err := testutil.GatherAndCompare(s.registry, strings.NewReader(want), "amend_gateway_truncated_alerts_total"); err != nil {
		t.Error(err)
	}
}

func TestSeriesStayBounded(t *testing.T) {
	s := newSite(t)
	if w := s.post(storm(2000)); w.Code != http.StatusOK {
		t.Fatal(w.Code)
	}
	s.post("{")
	n, err := testutil.GatherAndCount(s.registry)
	if err != nil || n > 20 {
		t.Errorf("%d series, %v", n, err)
	}
	w := s.do(httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range []string{
		`amend_gateway_alerts_total{result="accepted",source="alertmanager"} 2000`,
		`amend_gateway_posts_total{code="200",source="alertmanager"} 1`,
		`amend_gateway_posts_total{code="400",source="alertmanager"} 1`,
	} {
		if !strings.Contains(w.Body.String(), line) {
			t.Errorf("/metrics lacks %s", line)
		}
	}
}

func TestRouting(t *testing.T) {
	tests := []struct {
		method, path string
		header       []string // name, value
		code         int
	}{
		{"GET", "/healthz", nil, 200},
		{"GET", "/readyz", nil, 200},
		{"GET", "/metrics", nil, 200},
		{"GET", "/", nil, 404},
		{"POST", "/v1/alertmanager/", nil, 404},
		{"GET", "/v1/decisions", nil, 404}, // none configured
		{"GET", "/v1/alertmanager", nil, 405},
		{"PUT", "/v1/events", nil, 405},
		{"POST", "/healthz", nil, 405},
		{"POST", "/v1/alertmanager", nil, 415},
		{"POST", "/v1/alertmanager", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		{"POST", "/v1/alertmanager", []string{"Content-Type", "application/json; charset=utf-8"}, 200},
		{"POST", "/v1/alertmanager", []string{"Content-Type", "application/json", "Content-Encoding", "gzip"}, 415},
		{"POST", "/v1/events", []string{"Content-Type", "application/json"}, 415},
		{"POST", "/v1/events", []string{"Content-Type", "application/cloudevents-batch+json"}, 415},
	}
	for _, tt := range tests {
		r := httptest.NewRequest(tt.method, tt.path, strings.NewReader(group(one(""))))
		for i := 0; i < len(tt.header); i += 2 {
			r.Header.Set(tt.header[i], tt.header[i+1])
		}
		if w := newSite(t).do(r); w.Code != tt.code {
			t.Errorf("%s %s %v: %d, want %d", tt.method, tt.path, tt.header, w.Code, tt.code)
		}
	}
}

func TestBrokenConnectionMayTryAgain(t *testing.T) {
	s := newSite(t)
	body := io.MultiReader(strings.NewReader(group(one(""))[:40]), iotest.ErrReader(io.ErrUnexpectedEOF))
	r := httptest.NewRequest(http.MethodPost, "/v1/alertmanager", body)
	r.Header.Set("Content-Type", "application/json")
	if w := s.do(r); w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// held is a body that tells when it is read and then waits.
type held struct {
	reading, release chan struct{}
	io.Reader
}

func (h held) Read(p []byte) (int, error) {
	select {
	case h.reading <- struct{}{}:
	default:
	}
	<-h.release
	return h.Reader.Read(p)
}

func TestTooManyBytesInFlight(t *testing.T) {
	// A chunked body counts as the longest one, which is all there is room for.
	s := newSite(t, func(c *gateway.Config) { c.InFlightBytes = 1 })
	body := held{make(chan struct{}, 1), make(chan struct{}), strings.NewReader(group(one("")))}
	r := httptest.NewRequest(http.MethodPost, "/v1/alertmanager", body)
	r.Header.Set("Content-Type", "application/json")
	done := make(chan int)
	go func() { done <- s.do(r).Code }()
	<-body.reading
	if w := s.post(group(one(""))); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" {
		t.Errorf("second post: %d %v", w.Code, w.Header())
	}
	close(body.release)
	if code := <-done; code != http.StatusOK {
		t.Errorf("first post: %d", code)
	}
	if w := s.post(group(one(""))); w.Code != http.StatusOK {
		t.Errorf("third post: %d", w.Code)
	}
}

func TestReadyz(t *testing.T) {
	s := newSite(t, func(c *gateway.Config) { c.Ready = func(context.Context) error { return errors.New("no bus") } })
	if w := s.do(httptest.NewRequest(http.MethodGet, "/readyz", nil)); w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d", w.Code)
	}
}

func TestDecisions(t *testing.T) {
	log := decisions{}
	for i := range 150 {
		log.list = append(log.list, amend.Decision{EventID: fmt.Sprint(i), Reason: amend.ReasonAct})
	}
	s := newSite(t, func(c *gateway.Config) { c.Decisions = log })
	for query, want := range map[string]int{"": 100, "?limit=3": 3, "?limit=1000": 150} {
		w := s.do(httptest.NewRequest(http.MethodGet, "/v1/decisions"+query, nil))
		var got []amend.Decision
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got) != want || got[want-1].EventID != "149" {
			t.Errorf("%q: %d decisions, %v; want %d up to 149", query, len(got), err, want)
		}
	}
	for _, query := range []string{"?limit=0", "?limit=1001", "?limit=x"} {
		if w := s.do(httptest.NewRequest(http.MethodGet, "/v1/decisions"+query, nil)); w.Code != http.StatusBadRequest {
			t.Errorf("%q: %d", query, w.Code)
		}
	}
	s = newSite(t, func(c *gateway.Config) { c.Decisions = decisions{} })
	if w := s.do(httptest.NewRequest(http.MethodGet, "/v1/decisions", nil)); w.Body.String() != "[]\n" {
		t.Errorf("none: %s", w.Body)
	}
	s = newSite(t, func(c *gateway.Config) { c.Decisions = decisions{err: errors.New("down")} })
	if w := s.do(httptest.NewRequest(http.MethodGet, "/v1/decisions", nil)); w.Code != http.StatusServiceUnavailable {
		t.Errorf("bus down: %d", w.Code)
	}
}

func secretFile(t testing.TB, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// BenchmarkPostOne takes one alert, another one each time.
func BenchmarkPostOne(b *testing.B) {
	s := newSite(b)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		s.store.events = s.store.events[:0]
		if w := s.post(group(one(`,"deployment":"app-` + strconv.Itoa(n) + `"`))); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}

func BenchmarkPost10000Alerts(b *testing.B) {
	body := storm(10_000)
	for b.Loop() {
		s := newSite(b)
		if w := s.post(body); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
