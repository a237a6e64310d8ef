package oncall_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/oncall"
)

// path is where a "Formatted webhook" integration takes posts; its token is the
// secret.
const path = "/integrations/v1/formatted_webhook/s3cret-t0ken/"

var question = approval.Question{Matter: "pull/7", Title: "scale up web", Text: "It waits.", URL: "https://host/pull/7", SHA: "aaa"}

// serve is OnCall: it takes the documented fields and nothing else.
func serve(t *testing.T) (*oncall.Client, *[]map[string]string, *int) {
	t.Helper()
	var all []map[string]string
	status := http.StatusOK
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var fields struct {
			UID     string `json:"alert_uid"`
			Title   string `json:"title"`
			Image   string `json:"image_url"`
			State   string `json:"state"`
			Link    string `json:"link_to_upstream_details"`
			Message string `json:"message"`
		}
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&fields); err != nil || r.Method != http.MethodPost || r.URL.Path != path || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		}
		w.WriteHeader(status)
		if status == http.StatusOK {
			all = append(all, map[string]string{"uid": fields.UID, "state": fields.State, "title": fields.Title, "link": fields.Link, "message": fields.Message})
		}
	}))
	t.Cleanup(web.Close)
	dir := t.TempDir()
	for name, address := range map[string]string{"platform": web.URL + path, "away": "http://127.0.0.1:1" + path, "broken": "::s3cret-t0ken"} {
		if err := os.WriteFile(filepath.Join(dir, "oncall-"+name), []byte(address+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return oncall.New(dir, "acme/env"), &all, &status
}

func TestAnAlertGroupFromEndToEnd(t *testing.T) {
	c, all, _ := serve(t)
	ref, err := c.Ask(t.Context(), "platform", question)
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range []approval.OutcomeState{approval.Waiting, approval.Taken, approval.Replaced, approval.Accepted} {
		if err := c.Tell(t.Context(), "platform", ref, question, approval.Outcome{State: state}); err != nil {
			t.Fatal(err)
		}
	}
	alert := map[string]string{"uid": "amend/acme/env/pull/7", "state": "alerting", "title": "scale up web", "link": "https://host/pull/7", "message": "It waits."}
	end := map[string]string{}
	for k, v := range alert {
		end[k] = v
	}
	end["state"] = "ok"
	if diff := cmp.Diff([]map[string]string{alert, end}, *all); diff != "" {
		t.Error(diff)
	}
}

func TestErrorsHoldNoAddress(t *testing.T) {
	c, _, status := serve(t)
	ask := func(integration string, want amend.Kind) {
		t.Helper()
		_, err := c.Ask(t.Context(), integration, question)
		if amend.KindOf(err) != want || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s, %d: %q, want %q: %v", integration, *status, amend.KindOf(err), want, err)
		}
	}
	for code, want := range map[int]amend.Kind{302: amend.Invalid, 403: amend.Invalid, 404: amend.Invalid, 429: amend.Transient, 502: amend.Transient} {
		*status = code
		ask("platform", want)
	}
	ask("away", amend.Transient)
	ask("broken", amend.Invalid)
	ask("nobody", amend.Invalid)
}
