package notify_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/notify"
)

const key = "a key of ours"

var (
	now      = time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	question = approval.Question{
		Matter: "pull/7", Title: "scale up web", Diff: "+ x\n", URL: "https://host/pull/7", SHA: "aaa", Answerable: true, Until: now.Add(time.Hour), Step: 2,
	}
)

// serve is a receiver that takes what is signed as Standard Webhooks says.
func serve(t *testing.T) (*notify.Client, *[]event.Event, *int) {
	t.Helper()
	var all []event.Event
	status := http.StatusNoContent
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		id, seconds := r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp")
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(id + "." + seconds + "." + string(body)))
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("webhook-signature") != want || seconds != strconv.FormatInt(now.Unix(), 10) {
			t.Errorf("signed %s at %s", r.Header.Get("webhook-signature"), seconds)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var e event.Event
		if err := json.Unmarshal(body, &e); err != nil || e.Validate() != nil || e.ID() != id || r.Header.Get("Content-Type") != "application/cloudevents+json" {
			t.Errorf("no CloudEvent of that id: %v, %v\n%s", err, e.Validate(), body)
		}
		all = append(all, e)
		w.WriteHeader(status)
	}))
	t.Cleanup(web.Close)
	dir := t.TempDir()
	for name, content := range map[string]string{
		"webhook-audit": web.URL + "/s3cret", "webhook-audit-key": key, "webhook-unsigned": web.URL,
		"webhook-away": "http://127.0.0.1:1/s3cret", "webhook-away-key": key,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return notify.New(dir, "acme/env", func() time.Time { return now }), &all, &status
}

func TestEvents(t *testing.T) {
	c, all, _ := serve(t)
	ref, err := c.Ask(t.Context(), "audit", question)
	if err != nil {
		t.Fatal(err)
	}
	outcome := approval.Outcome{State: approval.Accepted, By: "Ada"}
	for range 2 {
		if err := c.Tell(t.Context(), "audit", ref, question, outcome); err != nil {
			t.Fatal(err)
		}
	}
	asked, told, again := (*all)[0], (*all)[1], (*all)[2]
	if asked.ID() != ref || told.ID() == ref || told.ID() != again.ID() {
		t.Errorf("the ids are %s, %s and %s", asked.ID(), told.ID(), again.ID())
	}
	if asked.Type() != "dev.amend.approval.asked.v1" || told.Type() != "dev.amend.approval.told.v1" || asked.Source() != "acme/env" || asked.Subject() != "pull/7" {
		t.Errorf("%s and %s", asked, told)
	}
	want := notify.Data{Matter: "pull/7", Title: "scale up web", Diff: "+ x\n", URL: "https://host/pull/7", Commit: "aaa", Answerable: true, Until: question.Until, Step: 2}
	var data notify.Data
	if err := asked.DataAs(&data); err != nil || cmp.Diff(want, data) != "" {
		t.Errorf("%v %s", err, cmp.Diff(want, data))
	}
	want.Outcome, data = &outcome, notify.Data{}
	if err := told.DataAs(&data); err != nil || cmp.Diff(want, data) != "" {
		t.Errorf("%v %s", err, cmp.Diff(want, data))
	}
}

func TestErrorsHoldNoAddress(t *testing.T) {
	c, all, status := serve(t)
	ask := func(receiver string, want amend.Kind) {
		t.Helper()
		_, err := c.Ask(t.Context(), receiver, question)
		if amend.KindOf(err) != want || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s, %d: %q, want %q: %v", receiver, *status, amend.KindOf(err), want, err)
		}
	}
	for code, want := range map[int]amend.Kind{302: amend.Invalid, 401: amend.Invalid, 429: amend.Transient, 500: amend.Transient} {
		*status = code
		ask("audit", want)
	}
	sent := len(*all)
	ask("away", amend.Transient)
	ask("unsigned", amend.Invalid)
	ask("nobody", amend.Invalid)
	if len(*all) != sent {
		t.Error("something was sent without a signature")
	}
}
