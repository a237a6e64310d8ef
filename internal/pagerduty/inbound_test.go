package pagerduty_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/pagerduty"
)

const signingSecret = "s1gning-s3cret"

// acknowledged is a webhook as PagerDuty documents it.
const acknowledged = `{"event": {"id": "5ac64822", "event_type": "incident.acknowledged", "resource_type": "incident",
 "occurred_at": "2026-05-20T14:00:00.000Z", "agent": {"id": "PXPGF42", "type": "user_reference", "summary": "Earline @Greenholt"}, "client": {"name": "PagerDuty"},
 "data": {"id": "PT4KHLK", "type": "incident", "number": 1234, "status": "acknowledged", "incident_key": "amend/acme/env/pull/7", "title": "scale up web"}}}`

func signed(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

// post sends a webhook to a client of acme/env, whose folder has the secret, and
// returns the status and what was heeded.
func post(t *testing.T, body, signature string, room bool) (int, []approval.Notice) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, pagerduty.SecretFile), []byte(signingSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var heeded []approval.Notice
	door := pagerduty.New(dir, "acme/env", "").Inbound(func(n approval.Notice) bool {
		heeded = append(heeded, n)
		return room
	}, slog.New(slog.DiscardHandler))
	r := httptest.NewRequest(http.MethodPost, pagerduty.InboundPath, strings.NewReader(body))
	if signature != "" {
		r.Header.Set("X-PagerDuty-Signature", signature)
	}
	w := httptest.NewRecorder()
	door.ServeHTTP(w, r)
	return w.Code, heeded
}

func TestAcknowledgementComesIn(t *testing.T) {
	want := []approval.Notice{{Matter: "pull/7", Via: "pagerduty", Ref: "amend/acme/env/pull/7", By: "Earline @\u200bGreenholt", At: time.Date(2026, 5, 20, 14, 0, 0, 0, time.UTC)}}
	status, heeded := post(t, acknowledged, signed("old", acknowledged)+","+signed(signingSecret, acknowledged), true)
	if diff := cmp.Diff(want, heeded); status != http.StatusAccepted || diff != "" {
		t.Errorf("%d\n%s", status, diff)
	}
	if status, _ := post(t, acknowledged, signed(signingSecret, acknowledged), false); status != http.StatusServiceUnavailable {
		t.Errorf("without room: %d", status)
	}
}

func TestWebhooksThatSayNothing(t *testing.T) {
	for name, c := range map[string]struct {
		body, signature string
		want            int
	}{
		"another repository": {strings.Replace(acknowledged, "acme/env/", "acme/envy/", 1), "", http.StatusAccepted},
		"another event":      {strings.Replace(acknowledged, "incident.acknowledged", "incident.resolved", 1), "", http.StatusAccepted},
		"a ping":             {`{"event": {"event_type": "pagey.ping"}}`, "", http.StatusAccepted},
		"no time":            {strings.Replace(acknowledged, "occurred_at", "at", 1), "", http.StatusAccepted},
		"no JSON":            {"{", "", http.StatusBadRequest},
		"another secret":     {acknowledged, signed("other", acknowledged), http.StatusForbidden},
		"another body":       {acknowledged, signed(signingSecret, acknowledged+" "), http.StatusForbidden},
		"an odd signature":   {acknowledged, "v0=00", http.StatusBadRequest},
		"too long":           {strings.Repeat(" ", 2<<20), "", http.StatusBadRequest},
	} {
		if c.signature == "" {
			c.signature = signed(signingSecret, c.body)
		}
		if status, heeded := post(t, c.body, c.signature, true); status != c.want || len(heeded) > 0 {
			t.Errorf("%s: %d, %v; want %d", name, status, heeded, c.want)
		}
	}
	if status, heeded := post(t, acknowledged, "", true); status != http.StatusBadRequest || len(heeded) > 0 {
		t.Errorf("unsigned: %d, %v", status, heeded)
	}
}

// Nobody can sign with a secret that is not there.
func TestWebhooksWithoutASecret(t *testing.T) {
	for _, content := range []string{"", "\n"} {
		dir := t.TempDir()
		if content != "" {
			if err := os.WriteFile(filepath.Join(dir, pagerduty.SecretFile), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r := httptest.NewRequest(http.MethodPost, pagerduty.InboundPath, strings.NewReader(acknowledged))
		r.Header.Set("X-PagerDuty-Signature", signed("", acknowledged))
		w := httptest.NewRecorder()
		pagerduty.New(dir, "acme/env", "").Inbound(func(approval.Notice) bool { t.Error("heeded"); return true }, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("%q: %d", content, w.Code)
		}
	}
}
