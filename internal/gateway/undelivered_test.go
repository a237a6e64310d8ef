package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/amendhq/amend/internal/gateway"
)

func (s *site) report(body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/v1/undelivered", strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return s.do(r)
}

func TestUndeliveredEventPassesAgain(t *testing.T) {
	s := newSite(t)
	post := func(want string) {
		t.Helper()
		if w := s.post(group(one(""))); !strings.Contains(w.Body.String(), want) {
			t.Fatalf("%d %s, want %s", w.Code, w.Body, want)
		}
	}
	post(`"accepted":1`)
	post(`"folded":1`)
	if w := s.report(`{"id":"` + s.store.events[0].ID + `"}`); w.Code != http.StatusNoContent || w.Body.Len() > 0 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	post(`"accepted":1`)
	want := `
# HELP amend_undelivered_total Events that a Sensor gave up, those whose Workflow exists already included.
# TYPE amend_undelivered_total counter
amend_undelivered_total 1
`
	if err := testutil.GatherAndCompare(s.registry, strings.NewReader(want), "amend_undelivered_total"); err != nil {
		t.Error(err)
	}
	if !strings.Contains(s.log.String(), s.store.events[0].ID) {
		t.Errorf("the log does not name the event:\n%s", s.log)
	}
}

func TestUndeliveredRefusesWhatNamesNoEvent(t *testing.T) {
	for body, code := range map[string]int{
		"":           400,
		"{}":         400,
		`{"id":7}`:   400,
		`{"id":"X"}`: 400,
		// A request or a merge, which is no alert.
		`{"id":"0e6f3a52-7a1c-4b53-9d3c-1f6f0f2d9a11"}`:     204,
		`{"id":"{{x}}.firing"}`:                             400,
		`{"id":"a\nb.resolved"}`:                            400,
		`{"id":"` + strings.Repeat("a", 5000) + `.firing"}`: 400,
	} {
		s := newSite(t)
		if w := s.report(body); w.Code != code {
			t.Errorf("%.40s: %d, want %d", body, w.Code, code)
		}
		checkLog(t, s.log.String())
	}
	// What a web page can send without asking first.
	w := newSite(t).report(`{"id":"bfc0dde33f825d1368c82f8ab90f0b5f.firing"}`, "Content-Type", "text/plain")
	if w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("text/plain: %d", w.Code)
	}
}

func TestRequestsFromOutsideAreRejected(t *testing.T) {
	s := newSite(t)
	request := strings.Replace(one(""), `"A"`, `"RemediationRequest"`, 1)
	w := s.post(group(request, one("")))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"accepted":1,"folded":0,"rejected":[{"index":0,"reason":"the alertname RemediationRequest`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if len(s.store.events) != 1 || s.store.events[0].Alert.Name() != "A" || !strings.Contains(s.log.String(), `"rejected":1`) {
		t.Errorf("stored %+v, log:\n%s", s.store.events, s.log)
	}
	ce := ourEvent(t)
	_ = ce.SetData("application/json", []byte(request))
	if w := s.do(eventRequest(t, ce, true)); w.Code != http.StatusBadRequest || len(s.store.events) != 1 {
		t.Errorf("as a CloudEvent: %d %s", w.Code, w.Body)
	}
}

func TestPostGoesOnAfterTheLastChunk(t *testing.T) {
	s := newSite(t, func(c *gateway.Config) { c.Chunk = 2 })
	alerts := []string{one(`,"n":"1"`), one(`,"n":"2"`), one(`,"n":"3"`), one(`,"n":"4"`), one(`,"n":"5"`)}
	s.store.down, s.store.after = http.ErrServerClosed, 4
	if w := s.post(group(alerts...)); w.Code != http.StatusServiceUnavailable {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	s.store.down = nil
	if w := s.post(group(alerts...)); !strings.Contains(w.Body.String(), `"accepted":1,"folded":4`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
