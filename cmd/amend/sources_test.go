package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestGatewaySources posts to amend gateway as Grafana does: the alert reaches the
// bus with the tenant of the secret, a forged and an old post do not.
func TestGatewaySources(t *testing.T) {
	t.Parallel()
	bus := &busSource{}
	web := httptest.NewServer(bus)
	defer web.Close()
	file := secretIn(t, "shared")
	p := startGateway(t, web.URL, "--grafana-secret-file", file, "--tenant", "shop="+file, "--sns-topic", "arn:aws:sns:us-east-1:123456789012:amend")
	body := `{"version":"1","alerts":[{"status":"firing","labels":{"alertname":"High memory","deployment":"web"},"startsAt":"2026-03-02T09:05:00Z"}]}`
	post := func(path, secret string, at time.Time) int {
		t.Helper()
		stamp := strconv.FormatInt(at.Unix(), 10)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(stamp + ":" + body))
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.root+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Grafana-Alerting-Timestamp", stamp)
		r.Header.Set("X-Grafana-Alerting-Signature", hex.EncodeToString(mac.Sum(nil)))
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	for _, c := range []struct {
		path, secret string
		at           time.Time
		want         int
	}{
		{"/v1/grafana", "other", time.Now(), 403},
		{"/v1/grafana", "shared", time.Now().Add(-6 * time.Minute), 403},
		{"/v1/sns", "", time.Now(), 403},
		{"/v1/pagerduty", "shared", time.Now(), 404},
		{"/v1/grafana", "shared", time.Now(), 200},
	} {
		if got := post(c.path, c.secret, c.at); got != c.want {
			t.Errorf("%s with %q: %d, want %d", c.path, c.secret, got, c.want)
		}
	}
	events := bus.stored()
	if len(events) != 1 || events[0].Alert.Labels["deployment"] != "web" || events[0].Alert.Labels["amend_tenant"] != "shop" {
		t.Errorf("on the bus: %+v", events)
	}
}
