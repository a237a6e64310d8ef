package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/policy"
)

// TestPoliciesOfTheSourcesPage: every policy that the page shows is one.
func TestPoliciesOfTheSourcesPage(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```yaml\n(apiVersion: amend.dev/.*?)```").FindAllStringSubmatch(page(t, "sources.md"), -1)
	if len(blocks) < 2 {
		t.Fatalf("the page shows %d policies", len(blocks))
	}
	for _, b := range blocks {
		if _, err := policy.Parse(policy.Path, []byte(b[1]), pipeline.Catalogue()); err != nil {
			t.Errorf("%v in:\n%s", err, b[1])
		}
	}
}

// TestGatewaySources posts to amend-gateway as Grafana does: the alert reaches the
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

// TestGatewayAsksTheCluster whose a token is that a trigger of Knative shows.
func TestGatewayAsksTheCluster(t *testing.T) {
	t.Parallel()
	bus := &busSource{}
	web := httptest.NewServer(bus)
	defer web.Close()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review authenticationv1.TokenReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil || r.URL.Path != "/apis/authentication.k8s.io/v1/tokenreviews" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if review.Spec.Token == "a.b.trigger" {
			review.Status = authenticationv1.TokenReviewStatus{
				Authenticated: true, Audiences: review.Spec.Audiences, User: authenticationv1.UserInfo{Username: "system:serviceaccount:shop:trigger"},
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(review)
	}))
	defer api.Close()
	kubeconfig := secretIn(t, `{"apiVersion":"v1","kind":"Config","current-context":"c","contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],`+
		`"clusters":[{"name":"c","cluster":{"server":"`+api.URL+`"}}],"users":[{"name":"u","user":{}}]}`)
	p := startGateway(t, web.URL, "--kubeconfig", kubeconfig, "--events-account", "system:serviceaccount:shop:trigger", "--tenant", "shop=system:serviceaccount:shop:trigger")
	for token, want := range map[string]int{"a.b.trigger": 200, "a.b.other": 401} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.root+"/v1/events",
			strings.NewReader(`{"status":"firing","labels":{"alertname":"A"},"startsAt":"2026-03-02T09:05:00Z"}`))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{
			"Authorization": "Bearer " + token, "Content-Type": "application/json",
			"Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "knative", "Ce-Type": "dev.amend.alert.firing.v1",
		} {
			r.Header.Set(name, value)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if res.Body.Close(); res.StatusCode != want {
			t.Errorf("%s: %d, want %d", token, res.StatusCode, want)
		}
	}
	if events := bus.stored(); len(events) != 1 || events[0].Alert.Labels["amend_tenant"] != "shop" {
		t.Errorf("on the bus: %+v", events)
	}
}
