package alertmanager_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/alertmanager"
	"github.com/amendhq/amend/internal/gateway"
)

// shelf is a gateway.Publisher with room for so many events.
type shelf struct{ room, stored int }

func (s *shelf) Publish(_ context.Context, events []amend.Event) error {
	if s.stored+len(events) > s.room {
		return amend.Errorf(amend.Transient, "publish", "no room")
	}
	s.stored += len(events)
	return nil
}

// newGateway returns the address of a real gateway before s.
func newGateway(t *testing.T, s *shelf) string {
	t.Helper()
	g, err := gateway.New(gateway.Config{
		Publisher: s, Folder: alert.NewFolder(time.Minute, 10_000), Limits: alert.ArgoLimits(), Registry: prometheus.NewRegistry(),
		Auth: gateway.Auth{TokenFiles: []string{secretFile(t, "hook")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, g.ServeHTTP)
}

func some(n int) []amend.Alert {
	alerts := make([]amend.Alert, n)
	for i := range alerts {
		alerts[i] = amend.Alert{
			Status: amend.Firing, Labels: map[string]string{"alertname": "A", "n": fmt.Sprint(i)},
			Annotations: map[string]string{"text": strings.Repeat("x", 100)}, StartsAt: time.Now(),
		}
	}
	return alerts
}

func TestSend(t *testing.T) {
	s := &shelf{room: 10_000}
	w, err := alertmanager.NewWebhook(newGateway(t, s), alertmanager.Auth{TokenFile: secretFile(t, "hook")})
	if err != nil {
		t.Fatal(err)
	}
	alerts := some(1201)
	alerts[700].Labels["alertname"] = amend.RequestAlert
	for _, want := range []alertmanager.Outcome{{Accepted: 1200, Rejected: 1}, {Folded: 1200, Rejected: 1}} {
		got, err := w.Send(t.Context(), alerts)
		if err != nil || got != want {
			t.Fatalf("%+v, %v; want %+v", got, err, want)
		}
	}
	if s.stored != 1200 {
		t.Errorf("%d stored", s.stored)
	}
	if got, err := w.Send(t.Context(), nil); err != nil || got != (alertmanager.Outcome{}) {
		t.Errorf("nothing: %+v, %v", got, err)
	}
}

// TestSendPoison: what can never be accepted keeps nothing else out.
func TestSendPoison(t *testing.T) {
	s := &shelf{room: 10}
	w, err := alertmanager.NewWebhook(newGateway(t, s), alertmanager.Auth{TokenFile: secretFile(t, "hook")})
	if err != nil {
		t.Fatal(err)
	}
	alerts := some(3)
	alerts[0].Annotations["text"] = strings.Repeat("x", 17<<20) // longer than any post
	alerts[2].Labels = map[string]string{}
	got, err := w.Send(t.Context(), alerts)
	if want := (alertmanager.Outcome{Accepted: 1, Rejected: 2}); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

func TestSendStopsWhenTheGatewayCannot(t *testing.T) {
	s := &shelf{room: 600}
	root := newGateway(t, s)
	w, err := alertmanager.NewWebhook(root, alertmanager.Auth{TokenFile: secretFile(t, "hook")})
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.Send(t.Context(), some(1500))
	if want := (alertmanager.Outcome{Accepted: 500}); amend.KindOf(err) != amend.Transient || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	s.room = 2000
	got, err = w.Send(t.Context(), some(1500))
	if want := (alertmanager.Outcome{Accepted: 1000, Folded: 500}); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	w, err = alertmanager.NewWebhook(root, alertmanager.Auth{TokenFile: secretFile(t, "wrong")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Send(t.Context(), some(1)); amend.KindOf(err) != amend.Invalid || !strings.Contains(err.Error(), fmt.Sprint(http.StatusUnauthorized)) {
		t.Errorf("wrong token: %v, want Invalid", err)
	}
}
