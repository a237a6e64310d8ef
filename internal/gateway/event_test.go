package gateway_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
)

func ourEvent(t testing.TB) event.Event {
	t.Helper()
	a := amend.Alert{Status: amend.Firing, Labels: map[string]string{"alertname": "A"}, StartsAt: at}
	ce, err := alert.ToCloudEvent(alert.NewEvent(a, at, alert.NewIdentity(alert.DefaultVolatile())))
	if err != nil {
		t.Fatal(err)
	}
	return ce
}

func eventRequest(t testing.TB, ce event.Event, structured bool) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/v1/events", nil)
	ctx := binding.WithForceBinary(t.Context())
	if structured {
		ctx = binding.WithForceStructured(t.Context())
	}
	if err := cehttp.WriteRequest(ctx, binding.ToMessage(&ce), r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEventsOfBothModes(t *testing.T) {
	for _, structured := range []bool{true, false} {
		s := newSite(t)
		ce := ourEvent(t)
		if w := s.do(eventRequest(t, ce, structured)); w.Code != http.StatusOK || len(s.store.events) != 1 {
			t.Fatalf("structured %v: %d %s", structured, w.Code, w.Body)
		}
		if got := s.store.events[0]; got.ID != ce.ID() || got.Identity != ce.Subject() {
			t.Errorf("structured %v: a right id changed to %s", structured, got.ID)
		}
	}
}

func TestEventIDsAreNeverTrusted(t *testing.T) {
	s := newSite(t)
	want := ourEvent(t)
	forged := want.Clone()
	forged.SetID("00000000000000000000000000000000.firing")
	forged.SetSubject("{{workflow.parameters.token}}")
	if w := s.do(eventRequest(t, forged, true)); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if got := s.store.events[0]; got.ID != want.ID() || got.Identity != want.Subject() {
		t.Errorf("stored as %s", got.ID)
	}
	// So the same alert under a third id is a repeat.
	forged.SetID("x")
	if w := s.do(eventRequest(t, forged, false)); !strings.Contains(w.Body.String(), `"folded":1`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestForeignEvents(t *testing.T) {
	other := ourEvent(t)
	other.SetType("com.example.alert")
	notAlert := ourEvent(t)
	_ = notAlert.SetData(event.ApplicationJSON, []byte(`{"x":1}`))
	wire, err := json.Marshal(ourEvent(t))
	if err != nil {
		t.Fatal(err)
	}
	structured := func(body string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/v1/events", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/cloudevents+json")
		return r
	}
	badTime := eventRequest(t, ourEvent(t), false)
	badTime.Header.Set("Ce-Time", "yesterday")
	tests := []struct {
		name string
		r    *http.Request
		code int
	}{
		{"another type", eventRequest(t, other, true), 400},
		{"another type, binary", eventRequest(t, other, false), 400},
		{"data is no alert", eventRequest(t, notAlert, true), 400},
		{"bad header", badTime, 400},
		{"not JSON", structured("x"), 400},
		{"empty", structured(""), 400},
		{"no attributes", structured("{}"), 400},
		{"cut short", structured(string(wire[:len(wire)-5])), 400},
		{"deep", structured(strings.Repeat(`{"a":`, 100_000)), 400},
		{"17 MiB", structured(strings.Repeat(" ", 17<<20)), 413},
		{"null", structured("null"), 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			w := s.do(tt.r)
			if w.Code != tt.code || len(s.store.events) > 0 {
				t.Errorf("%d, want %d: %s", w.Code, tt.code, w.Body)
			}
			if tt.code == 400 && !strings.Contains(w.Body.String(), alert.TypeResolved) {
				t.Errorf("the answer does not name the types that are taken: %s", w.Body)
			}
			checkLog(t, s.log.String())
		})
	}
}

func FuzzEvents(f *testing.F) {
	wire, err := json.Marshal(ourEvent(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire, "application/cloudevents+json", "")
	f.Add(ourEvent(f).Data(), "application/json", "1.0")
	f.Fuzz(func(t *testing.T, body []byte, contentType, version string) {
		s := newSite(t)
		r := httptest.NewRequest(http.MethodPost, "/v1/events", strings.NewReader(string(body)))
		r.Header.Set("Content-Type", contentType)
		if version != "" {
			for name, value := range map[string]string{"Specversion": version, "Id": "x", "Source": "y", "Type": alert.TypeFiring} {
				r.Header.Set("Ce-"+name, value)
			}
		}
		w := s.do(r)
		if (w.Code == http.StatusOK) != (len(s.store.events) == 1) || w.Code >= 500 {
			t.Errorf("%d with %d events: %s", w.Code, len(s.store.events), w.Body)
		}
		checkLog(t, s.log.String())
	})
}
