package alert_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
)

// decodeOne sends one alert the way Alertmanager does.
func decodeOne(t *testing.T, a amend.Alert, limits alert.Limits) (*amend.Alert, string) {
	t.Helper()
	body, err := json.Marshal(struct {
		Version string        `json:"version"`
		Alerts  []amend.Alert `json:"alerts"`
	}{"4", []amend.Alert{a}})
	if err != nil {
		t.Fatal(err)
	}
	alerts, g, err := alert.DecodeAlertmanager(strings.NewReader(string(body)), limits)
	if err != nil {
		t.Fatal(err)
	}
	if len(alerts) == 1 {
		return &alerts[0], ""
	}
	return nil, g.Rejected[0].Reason
}

func size(a amend.Alert) int {
	n := len(a.GeneratorURL) + len(a.ExternalURL) + len(a.Fingerprint) + len(a.Receiver)
	for _, pairs := range []map[string]string{a.Labels, a.Annotations} {
		for k, v := range pairs {
			n += len(k) + len(v)
		}
	}
	return n
}

func TestEvidenceIsCutBeforeAnAlertIsLost(t *testing.T) {
	limits := alert.ArgoLimits()
	full := firing(map[string]string{"alertname": "A", "namespace": "shop", "deployment": "web", "reason": strings.Repeat("l", 1000)})
	full.Annotations = map[string]string{"summary": "short"}
	for i := range 12 {
		full.Annotations[fmt.Sprintf("text_%d", i)] = strings.Repeat("é", 450)
	}
	full.GeneratorURL = "http://prometheus/graph?g0.expr=" + strings.Repeat("x", 2000)
	got, reason := decodeOne(t, full, limits)
	if got == nil {
		t.Fatal(reason)
	}
	if n := size(*got); n > limits.AlertBytes {
		t.Errorf("%d bytes are left", n)
	}
	if diff := cmp.Diff(full.Labels, got.Labels); diff != "" {
		t.Errorf("the labels changed:\n%s", diff)
	}
	if got.Annotations["summary"] != "short" {
		t.Errorf("summary = %q", got.Annotations["summary"])
	}
	for _, text := range []string{got.Annotations["text_0"], got.GeneratorURL} {
		if !strings.Contains(text, "…[cut: ") {
			t.Errorf("the cut cannot be seen: %q", text)
		}
	}
	if !strings.Contains(got.Annotations["text_0"], "…[cut: 900 bytes") {
		t.Errorf("the mark does not speak of the whole text: %q", got.Annotations["text_0"])
	}
}

func TestLabelsAreNeverCutQuietly(t *testing.T) {
	limits := alert.ArgoLimits()
	name := strings.Repeat("w", limits.ValueBytes+1)
	got, reason := decodeOne(t, firing(map[string]string{"alertname": "A", "deployment": name}), limits)
	if got == nil {
		t.Fatal(reason)
	}
	// The mark can be part of no Kubernetes name, so nothing is ever found by it.
	if !strings.Contains(got.Labels["deployment"], "…[cut: ") {
		t.Errorf("deployment = %q", got.Labels["deployment"])
	}
	many := firing(map[string]string{"alertname": "A"})
	for i := range 5 {
		many.Labels[fmt.Sprintf("label_%d", i)] = strings.Repeat("x", 1000)
	}
	if got, reason := decodeOne(t, many, limits); got != nil || reason != "its text is longer than 4096 bytes" {
		t.Errorf("labels over the limit: %v, %q", got, reason)
	}
}

func TestLongestAlertFitsIntoAnEnvironmentVariable(t *testing.T) {
	worst := firing(map[string]string{"alertname": "A"})
	worst.Annotations = map[string]string{}
	for i := range 120 {
		worst.Labels[fmt.Sprint(i)] = ""
		worst.Annotations[fmt.Sprint(i)] = ""
	}
	worst.Annotations["x"] = strings.Repeat("<", 1000)
	worst.Labels["y"], worst.Labels["z"] = strings.Repeat("&", 1000), strings.Repeat("\x01", 1000)
	got, reason := decodeOne(t, worst, alert.ArgoLimits())
	if got == nil {
		t.Fatal(reason)
	}
	// AMEND_EVENT= and its value; MAX_ARG_STRLEN of Linux is 128 KiB.
	if n := len(enveloped(t, *got)); n > 64<<10 {
		t.Errorf("%d bytes of base64", n)
	}
}

func TestWhatIsNoAlertFromOutside(t *testing.T) {
	strict := alert.DefaultLimits()
	strict.NoRequests = true
	request := firing(map[string]string{"alertname": amend.RequestAlert})
	if got, reason := decodeOne(t, request, strict); got != nil || !strings.Contains(reason, amend.RequestAlert) {
		t.Errorf("a request from outside: %v, %q", got, reason)
	}
	if got, reason := decodeOne(t, request, alert.DefaultLimits()); got == nil {
		t.Errorf("a request in a simulation: %q", reason)
	}
	if got, _ := decodeOne(t, firing(map[string]string{"alertname": "A"}), strict); got == nil {
		t.Error("an ordinary alert is rejected")
	}
	none := amend.Alert{Status: amend.Firing, Labels: map[string]string{"alertname": "A"}}
	if got, reason := decodeOne(t, none, strict); got != nil || reason != "there is no startsAt" {
		t.Errorf("without startsAt: %v, %q", got, reason)
	}
}
