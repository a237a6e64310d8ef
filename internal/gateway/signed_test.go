package gateway_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/gateway"
	"github.com/amendhq/amend/internal/sender"
)

// withSources lets Grafana and PagerDuty in, each with a secret that is its name.
func withSources(t testing.TB) func(*gateway.Config) {
	return func(c *gateway.Config) {
		grafana, err := sender.NewGrafana(sender.Keys{secretFile(t, "g", "grafana")}, alert.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		pager, err := sender.NewPagerDuty(sender.Keys{secretFile(t, "p", "pagerduty")}, alert.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		c.Sources = []sender.Source{grafana, pager}
	}
}

func sum(secret, text string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(text))
	return hex.EncodeToString(m.Sum(nil))
}

// A recorded post can be sent again and again.
type recorded struct {
	path   string
	header http.Header
	body   string
}

func (p recorded) send(s *site) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, p.path, strings.NewReader(p.body))
	r.Header = p.header.Clone()
	return s.do(r)
}

func grafanaPost(sentAt time.Time, labels string) recorded {
	body := `{"version":"1","receiver":"amend","alerts":[` + one(labels) + `]}`
	stamp := strconv.FormatInt(sentAt.Unix(), 10)
	h := http.Header{}
	h.Set(sender.GrafanaTimestamp, stamp)
	h.Set(sender.GrafanaSignature, sum("grafana", stamp+":"+body))
	return recorded{"/v1/grafana", h, body}
}

func pagerPost(sentAt time.Time, id string) recorded {
	body := fmt.Sprintf(`{"event":{"id":%q,"event_type":"incident.triggered","occurred_at":%q,"data":{"title":%q,"created_at":%[2]q,"service":{"id":"P1","summary":"web"}}}}`,
		id, sentAt.Format(time.RFC3339), "incident "+id)
	h := http.Header{}
	h.Set(sender.PagerDutySignature, "v1="+sum("pagerduty", body))
	return recorded{"/v1/pagerduty", h, body}
}

// TestReplayAfterTheWindow: a thousand recorded posts of each source, sent once,
// again at once, and again when the window has closed: 0 of them are accepted a
// second time.
func TestReplayAfterTheWindow(t *testing.T) {
	const posts = 1000
	for name, source := range map[string]struct {
		record func(n int) recorded
		window time.Duration
	}{
		"grafana":   {func(n int) recorded { return grafanaPost(at, fmt.Sprintf(`,"deployment":"app-%d"`, n)) }, 5 * time.Minute},
		"pagerduty": {func(n int) recorded { return pagerPost(at, "E"+strconv.Itoa(n)) }, 24 * time.Hour},
	} {
		s := newSite(t, withSources(t))
		count := func(after time.Duration, code int, want string) {
			t.Helper()
			s.now = at.Add(after)
			for n := range posts {
				if w := source.record(n).send(s); w.Code != code || !strings.Contains(w.Body.String(), want) {
					t.Fatalf("%s after %v: %d %s, want %d with %s", name, after, w.Code, w.Body, code, want)
				}
			}
		}
		count(0, 200, `"accepted":1`)
		// Past the fold window the signature is all that tells.
		count(2*time.Minute, 200, `"accepted":0,"folded":1`)
		count(source.window+time.Second, 403, `"forbidden"`)
		count(10*source.window, 403, `"forbidden"`)
		if len(s.store.events) != posts {
			t.Errorf("%s: %d events of %d posts", name, len(s.store.events), posts)
		}
		checkLog(t, s.log.String())
	}
}

// TestReplayElsewhere: after a restart nothing is remembered, and the window still
// holds.
func TestReplayElsewhere(t *testing.T) {
	s := newSite(t, withSources(t))
	s.now = at.Add(5*time.Minute + time.Second)
	if w := grafanaPost(at, "").send(s); w.Code != http.StatusForbidden {
		t.Errorf("%d", w.Code)
	}
	if w := grafanaPost(s.now.Add(6*time.Minute), "").send(s); w.Code != http.StatusForbidden {
		t.Errorf("signed in the future: %d", w.Code)
	}
	if w := grafanaPost(s.now.Add(4*time.Minute), "").send(s); w.Code != http.StatusOK {
		t.Errorf("a clock that is ahead: %d", w.Code)
	}
}

// TestRefusedPostMayComeAgain: what was not stored is not a repeat.
func TestRefusedPostMayComeAgain(t *testing.T) {
	s := newSite(t, withSources(t))
	s.store.down = errors.New("full")
	post := pagerPost(at, "E1")
	if w := post.send(s); w.Code != http.StatusServiceUnavailable {
		t.Fatalf("bus down: %d", w.Code)
	}
	s.store.down = nil
	if w := post.send(s); w.Code != http.StatusOK || len(s.store.events) != 1 {
		t.Errorf("bus back: %d %s", w.Code, w.Body)
	}
}

// TestRefusalsAreCounted, each with one line in the log, and the sender is not
// told why.
func TestRefusalsAreCounted(t *testing.T) {
	s := newSite(t, withSources(t))
	forged := grafanaPost(at, "")
	forged.header.Set(sender.GrafanaSignature, sum("other", forged.body))
	unsigned := pagerPost(at, "E1")
	unsigned.header.Del(sender.PagerDutySignature)
	swapped := grafanaPost(at, "")
	swapped.path = "/v1/pagerduty"
	var answers []string
	for _, p := range []recorded{forged, unsigned, swapped, grafanaPost(at.Add(-time.Hour), "")} {
		w := p.send(s)
		if w.Code != http.StatusForbidden {
			t.Errorf("%s: %d %s", p.path, w.Code, w.Body)
		}
		answers = append(answers, w.Body.String())
	}
	for _, a := range answers {
		if a != answers[0] {
			t.Errorf("answers differ: %q and %q", a, answers[0])
		}
	}
	if n := strings.Count(s.log.String(), "\n"); n != 4 {
		t.Errorf("%d lines:\n%s", n, s.log)
	}
	want := `
# HELP amend_gateway_unauthorized_total Requests that did not prove who sent them, by source and what was wrong.
# TYPE amend_gateway_unauthorized_total counter
amend_gateway_unauthorized_total{reason="signature",source="grafana"} 1
amend_gateway_unauthorized_total{reason="stale",source="grafana"} 1
amend_gateway_unauthorized_total{reason="unsigned",source="pagerduty"} 2
`
	if err := testutil.GatherAndCompare(s.registry, strings.NewReader(want), "amend_gateway_unauthorized_total"); err != nil {
		t.Error(err)
	}
	if len(s.store.events) > 0 {
		t.Error("something was stored")
	}
	asking := newSite(t, func(c *gateway.Config) { c.Auth = gateway.Auth{TokenFiles: []string{secretFile(t, "am", "am")}} })
	bearer("/v1/events", "s3cret", "{}").send(asking)
	if log := asking.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, `"msg":"unauthorized","source":"events","reason":"token"`) || strings.Contains(log, "s3cret") {
		t.Errorf("a wrong token is logged as %s", log)
	}
}

// TestRoutesAreThereWhenConfigured, and take no credential of another one.
func TestRoutesAreThereWhenConfigured(t *testing.T) {
	plain := newSite(t)
	for _, route := range []string{"grafana", "pagerduty", "sns", "argocd"} {
		if w := (recorded{"/v1/" + route, http.Header{}, ""}).send(plain); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", route, w.Code)
		}
	}
	tokens := map[string]string{"alertmanager": "am", "events": "ce", "argocd": "cd"}
	all := newSite(t, withSources(t), func(c *gateway.Config) {
		c.Auth = gateway.Auth{TokenFiles: []string{secretFile(t, "am", "am")}}
		c.EventTokenFiles = []string{secretFile(t, "ce", "ce"), secretFile(t, "ce2", "ce2")}
		c.ArgoCDTokenFiles = []string{secretFile(t, "cd", "cd"), secretFile(t, "cd2", "cd2")}
	})
	letIn := map[string][]string{"alertmanager": {"am"}, "events": {"am", "ce", "ce2"}, "argocd": {"cd", "cd2"}, "undelivered": {"am"}, "grafana": nil, "pagerduty": nil}
	for route, good := range letIn {
		for _, token := range []string{"am", "ce", "ce2", "cd", "cd2", "no", ""} {
			w := recorded{"/v1/" + route, http.Header{"Authorization": {"Bearer " + token}}, "{}"}.send(all)
			in := w.Code != http.StatusUnauthorized && w.Code != http.StatusForbidden
			want := false
			for _, g := range good {
				want = want || g == token
			}
			if in != want {
				t.Errorf("%s with the token %q: %d", route, token, w.Code)
			}
		}
	}
	r := recorded{"/v1/argocd", http.Header{"Authorization": {"Bearer " + tokens["argocd"]}, "Content-Type": {"application/json"}}, group(one(`,"namespace":"shop"`))}
	if w := r.send(all); w.Code != http.StatusOK || len(all.store.events) != 1 {
		t.Errorf("argocd: %d %s", w.Code, w.Body)
	}
}

// A fakeSource opens every post as it is told.
func fakeSource(c *gateway.Config, open func(ctx context.Context) (sender.Delivery, error)) {
	c.Sources = []sender.Source{{Name: "fake", Bytes: 1 << 20, Window: time.Hour, Expected: "something", Open: func(ctx context.Context, _ http.Header, _ []byte) (sender.Delivery, error) {
		return open(ctx)
	}}}
}

// TestConfirmations happen once, for fresh posts only, and are tried again when
// they fail.
func TestConfirmations(t *testing.T) {
	confirmed, sentAt, fails := 0, at, true
	s := newSite(t, func(c *gateway.Config) {
		fakeSource(c, func(context.Context) (sender.Delivery, error) {
			return sender.Delivery{ID: "1", SentAt: sentAt, Confirm: func(context.Context) error {
				if confirmed++; fails {
					return amend.Errorf(amend.Transient, "ask", "no route")
				}
				return nil
			}}, nil
		})
	})
	post := recorded{"/v1/fake", http.Header{}, "{}"}
	for _, want := range []struct{ code, confirmed int }{{503, 1}, {200, 2}, {200, 2}} {
		w := post.send(s)
		if fails = false; w.Code != want.code || confirmed != want.confirmed {
			t.Errorf("%d after %d confirmations, want %+v: %s", w.Code, confirmed, want, w.Body)
		}
	}
	sentAt = at.Add(-2 * time.Hour)
	if w := post.send(s); w.Code != http.StatusForbidden || confirmed != 2 {
		t.Errorf("an old one: %d after %d confirmations", w.Code, confirmed)
	}
}

// TestCopiesAtTheSameTime: the second copy of a post has to wait for what becomes
// of the first.
func TestCopiesAtTheSameTime(t *testing.T) {
	inside, goOn := make(chan struct{}), make(chan struct{})
	s := newSite(t, func(c *gateway.Config) {
		fakeSource(c, func(context.Context) (sender.Delivery, error) {
			return sender.Delivery{ID: "1", SentAt: at, Confirm: func(context.Context) error {
				close(inside)
				<-goOn
				return nil
			}}, nil
		})
	})
	post := recorded{"/v1/fake", http.Header{}, "{}"}
	done := make(chan int)
	go func() { done <- post.send(s).Code }()
	select {
	case <-inside:
	case code := <-done:
		t.Fatalf("the first: %d before it was confirmed", code)
	}
	if w := post.send(s); w.Code != http.StatusServiceUnavailable {
		t.Errorf("the copy: %d", w.Code)
	}
	close(goOn)
	if code := <-done; code != http.StatusOK {
		t.Errorf("the first: %d", code)
	}
}

// TestStrangersTakeNoRoom: as many bodies of strangers as there is room for on one
// route leave the others as they are.
func TestStrangersTakeNoRoom(t *testing.T) {
	s := newSite(t, withSources(t))
	reading, release := make(chan struct{}, 1), make(chan struct{})
	done := make(chan int)
	var open int
	for ; open < 4; open++ { // chunked bodies, each of which may become the longest
		go func() {
			body := held{reading, release, strings.NewReader("x")}
			done <- s.do(httptest.NewRequest(http.MethodPost, "/v1/grafana", body)).Code
		}()
		<-reading
	}
	if w := grafanaPost(at, "").send(s); w.Code != http.StatusServiceUnavailable {
		t.Errorf("the same route: %d", w.Code)
	}
	if w := pagerPost(at, "E1").send(s); w.Code != http.StatusOK {
		t.Errorf("another signed route: %d", w.Code)
	}
	if w := s.post(group(one(""))); w.Code != http.StatusOK {
		t.Errorf("Alertmanager: %d", w.Code)
	}
	close(release)
	for range open {
		if code := <-done; code != http.StatusForbidden {
			t.Errorf("a stranger got %d", code)
		}
	}
}

// TestHostileSignedPosts: limits of the routes whose senders are not known yet.
func TestHostileSignedPosts(t *testing.T) {
	for _, tt := range []struct {
		name, path, body string
		code             int
	}{
		{"5 MiB", "/v1/grafana", strings.Repeat(" ", 5<<20), 413},
		{"2 MiB", "/v1/pagerduty", strings.Repeat(" ", 2<<20), 413},
		{"deep", "/v1/grafana", strings.Repeat("[", 1_000_000), 400},
		{"not signed", "/v1/grafana", "{}", 403},
		{"empty", "/v1/pagerduty", "", 403},
	} {
		s := newSite(t, withSources(t))
		if w := (recorded{tt.path, http.Header{}, tt.body}).send(s); w.Code != tt.code {
			t.Errorf("%s: %d, want %d: %.200s", tt.name, w.Code, tt.code, w.Body)
		}
		checkLog(t, s.log.String())
	}
	s := newSite(t, withSources(t))
	zipped := grafanaPost(at, "")
	zipped.header.Set("Content-Encoding", "gzip")
	if w := zipped.send(s); w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("compressed: %d", w.Code)
	}
	if w := grafanaPost(at, `,"alertname":"RemediationRequest"`).send(s); w.Code != http.StatusOK && w.Code != http.StatusBadRequest || len(s.store.events) > 0 {
		t.Errorf("a request in disguise: %d %s", w.Code, w.Body)
	}
}

// TestOldestIsForgottenFirst, and stays out: a guard that is full keeps its bound
// and lets nothing in twice.
func TestOldestIsForgottenFirst(t *testing.T) {
	const size = 100
	g := gateway.NewReplayGuard(time.Hour, size)
	delivery := func(n int) sender.Delivery {
		return sender.Delivery{ID: strconv.Itoa(n), SentAt: at.Add(time.Duration(n) * time.Millisecond)}
	}
	for n := range 10 * size {
		if !g.Admit(delivery(n), at.Add(10*time.Minute)) {
			t.Fatalf("delivery %d is refused", n)
		}
		if g.Len() > size {
			t.Fatalf("%d are remembered", g.Len())
		}
	}
	for n := range 10 * size {
		if g.Admit(delivery(n), at.Add(10*time.Minute)) {
			t.Fatalf("delivery %d is let in twice", n)
		}
	}
}

func BenchmarkGrafanaPost(b *testing.B) {
	s := newSite(b, withSources(b), func(c *gateway.Config) { c.Registry = prometheus.NewRegistry() })
	n := 0
	for b.Loop() {
		n++
		if w := grafanaPost(at, `,"n":"`+strconv.Itoa(n)+`"`).send(s); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}

// TestReplayInOtherLetters: a signature is the same in upper case.
func TestReplayInOtherLetters(t *testing.T) {
	s := newSite(t, withSources(t))
	p := grafanaPost(at, "")
	p.send(s)
	s.now = at.Add(2 * time.Minute)
	p.header.Set(sender.GrafanaSignature, strings.ToUpper(p.header.Get(sender.GrafanaSignature)))
	if w := p.send(s); !strings.Contains(w.Body.String(), `"accepted":0`) {
		t.Errorf("a replay: %d %s", w.Code, w.Body)
	}
}

// TestTenantsDoNotSpendEachOthersIDs: what one tenant sends does not make another's
// posts look as if they were accepted before, and a replaced secret does not let
// one come again.
func TestTenantsDoNotSpendEachOthersIDs(t *testing.T) {
	files := []string{secretFile(t, "a", "secret-a"), secretFile(t, "b", "secret-b"), secretFile(t, "b2", "secret-b2")}
	s := newSite(t, func(c *gateway.Config) {
		pager, err := sender.NewPagerDuty(sender.Keys(files), alert.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		c.Sources, c.Tenants = []sender.Source{pager}, map[string]string{files[0]: "a", files[1]: "b", files[2]: "b"}
	})
	for i, c := range []struct {
		secret string
		want   string
	}{{"secret-a", `"accepted":1`}, {"secret-b", `"accepted":1`}, {"secret-b", `"accepted":0`}, {"secret-b2", `"accepted":0`}, {"secret-a", `"accepted":0`}} {
		s.now = at.Add(time.Duration(2*i) * time.Minute)
		p := pagerPost(at, "E1")
		p.header.Set(sender.PagerDutySignature, "v1="+sum(c.secret, p.body))
		if w := p.send(s); !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("post %d with %s: %d %s, want %s", i, c.secret, w.Code, w.Body, c.want)
		}
	}
}
