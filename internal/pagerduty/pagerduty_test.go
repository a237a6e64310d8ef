package pagerduty_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/pagerduty"
)

const routingKey = "0123456789abcdef0123456789abcdef"

// An event is a body of the Events API, version 2, as PagerDuty documents it.
type event struct {
	RoutingKey string `json:"routing_key"`
	Action     string `json:"event_action"`
	DedupKey   string `json:"dedup_key"`
	Client     string `json:"client"`
	ClientURL  string `json:"client_url"`
	Payload    *struct {
		Summary, Source, Severity, Class string
		Details                          json.RawMessage `json:"custom_details"`
	}
}

// invalid says what PagerDuty would refuse, "" when nothing.
func (e event) invalid() string {
	switch {
	case len(e.RoutingKey) != 32:
		return "the routing key has not 32 characters"
	case e.Action != "trigger" && e.Action != "acknowledge" && e.Action != "resolve":
		return "the event_action is none"
	case e.DedupKey == "" || len(e.DedupKey) > 255:
		return "the dedup_key"
	case e.Action == "trigger" && (e.Payload == nil || e.Payload.Summary == "" || len(e.Payload.Summary) > 1024 || e.Payload.Source == ""):
		return "the payload"
	case e.Action == "trigger" && e.Payload.Severity != "warning" && e.Payload.Severity != "error":
		return "the severity"
	}
	return ""
}

// serve is PagerDuty: incidents by dedup key, and every event that came.
func serve(t *testing.T) (*pagerduty.Client, *[]event, *int) {
	t.Helper()
	var all []event
	status := http.StatusAccepted
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		var e event
		switch err := json.NewDecoder(r.Body).Decode(&e); {
		case r.Method != http.MethodPost || r.URL.String() != "/v2/enqueue":
			t.Errorf("%s %s", r.Method, r.URL)
		case err != nil || e.invalid() != "":
			t.Errorf("PagerDuty does not take it: %s, %v", e.invalid(), err)
		}
		w.WriteHeader(status)
		if status != http.StatusAccepted {
			_, _ = w.Write([]byte(`{"status":"invalid event","message":"Event object is invalid","errors":["no"]}`))
			return
		}
		all = append(all, e)
		_, _ = w.Write([]byte(`{"status":"success","message":"Event processed","dedup_key":"` + e.DedupKey + `"}`))
	}))
	t.Cleanup(web.Close)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pagerduty-payments"), []byte(routingKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return pagerduty.New(dir, "acme/env", web.URL), &all, &status
}

var question = approval.Question{
	Matter: "pull/7", Title: "scale up <b>web</b>", Text: "It waits.", Diff: "+ x\n", URL: "https://host/pull/7", SHA: "aaa", Until: time.Unix(0, 0),
}

func TestAnIncidentFromEndToEnd(t *testing.T) {
	c, all, _ := serve(t)
	ref, err := c.Ask(t.Context(), "payments", question)
	if err != nil || ref != "amend/acme/env/pull/7" {
		t.Fatalf("%q, %v", ref, err)
	}
	for _, state := range []approval.OutcomeState{approval.Waiting, approval.Replaced, approval.Taken, approval.Accepted, approval.Declined, approval.Landed, approval.Over, approval.Expired} {
		if err := c.Tell(t.Context(), "payments", ref, question, approval.Outcome{State: state}); err != nil {
			t.Fatal(err)
		}
	}
	var actions []string
	for _, e := range *all {
		actions = append(actions, e.Action)
		if e.RoutingKey != routingKey || e.DedupKey != ref {
			t.Errorf("%s is for %s by %s", e.Action, e.DedupKey, e.RoutingKey)
		}
	}
	if diff := cmp.Diff([]string{"trigger", "acknowledge", "resolve", "resolve", "resolve", "resolve", "resolve"}, actions); diff != "" {
		t.Error(diff)
	}
	first := (*all)[0]
	if first.ClientURL != question.URL || first.Payload.Severity != "warning" || first.Payload.Source != "acme/env" || !strings.Contains(string(first.Payload.Details), `"diff":"+ x\n"`) {
		t.Errorf("triggered %+v", first)
	}
	trouble := approval.Question{Matter: "trouble/x", Title: strings.Repeat("€", 2000)}
	if _, err := c.Ask(t.Context(), "payments", trouble); err != nil || (*all)[len(*all)-1].Payload.Severity != "error" {
		t.Errorf("trouble: %v, %+v", err, (*all)[len(*all)-1])
	}
}

func TestErrors(t *testing.T) {
	c, _, status := serve(t)
	for code, want := range map[int]amend.Kind{400: amend.Invalid, 403: amend.Invalid, 302: amend.Invalid, 429: amend.Transient, 500: amend.Transient, 503: amend.Transient} {
		*status = code
		_, err := c.Ask(t.Context(), "payments", question)
		if amend.KindOf(err) != want || strings.Contains(err.Error(), routingKey) {
			t.Errorf("%d is %q, want %q: %v", code, amend.KindOf(err), want, err)
		}
	}
	if _, err := c.Ask(t.Context(), "nobody", question); amend.KindOf(err) != amend.Invalid {
		t.Errorf("a service without a key: %v", err)
	}
	gone := pagerduty.New(t.TempDir(), "acme/env", "http://127.0.0.1:1")
	if err := gone.Tell(t.Context(), "payments", "x", question, approval.Outcome{State: approval.Waiting}); err != nil {
		t.Errorf("nothing is to be told, and %v", err)
	}
}
