package scenario

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// startAlerting starts two Alertmanagers that know nothing of each other, and
// Prometheus with the rules that amend ships.
func (w *world) startAlerting(t *testing.T) {
	t.Helper()
	w.loss = startLossyProxy(t, w.gateway, "Gap")
	config := w.write(t, "alertmanager.yml", `
route:
  receiver: amend
  group_by: [alertname, namespace, deployment]
  group_wait: 100ms
  group_interval: 1s
  repeat_interval: 1s
receivers:
  - name: amend
    webhook_configs:
      - url: `+w.loss.url+`/v1/alertmanager
        send_resolved: true
        http_config: {authorization: {credentials: local-webhook}}
`)
	// The first is where amend-reconcile looks.
	for i, port := range []int{9093, 9095} {
		name, address := fmt.Sprintf("alertmanager-%d", i), fmt.Sprintf("%s:%d", w.site.Address, port)
		w.start(t, name, filepath.Join(w.root, ".build", "bin", "alertmanager"), "--config.file", config,
			"--web.listen-address", address, "--storage.path", filepath.Join(w.state, name), "--cluster.listen-address", "")
		w.alertmanager = append(w.alertmanager, "http://"+address)
		w.ready(t, name, "http://"+address+"/-/ready")
	}
	w.startPrometheus(t)
}

// startPrometheus has Prometheus watch what the scenarios do, with the rules that
// amend ships and the one of a forecast in docs/policy.md.
func (w *world) startPrometheus(t *testing.T) {
	t.Helper()
	w.metrics = startMetrics(t, w)
	w.write(t, "rules-workloads.yml", w.rules(t, "rules-workloads.yaml"))
	w.write(t, "rules-forecast.yml", "groups:\n- name: forecast\n  rules:\n"+indented(w.fromPage(t, "policy.md", "yaml rule"), "  "))
	config := w.write(t, "prometheus.yml", `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules-*.yml]
scrape_configs:
  - {job_name: scenarios, honor_labels: true, static_configs: [{targets: ["`+w.metrics.address+`"]}]}
  - {job_name: cluster, honor_labels: true, metrics_path: /cluster, scrape_interval: 5s, scrape_timeout: 5s, static_configs: [{targets: ["`+w.metrics.address+`"]}]}
  - {job_name: pods, http_sd_configs: [{url: "http://`+w.metrics.address+`/targets", refresh_interval: 1s}]}
alerting: {alertmanagers: [{static_configs: [{targets: ["`+strings.TrimPrefix(w.alertmanager[0], "http://")+`"]}]}]}
`)
	address := w.site.Address + ":9090"
	w.start(t, "prometheus", "prometheus", "--config.file", config, "--web.listen-address", address,
		"--storage.tsdb.path", filepath.Join(w.state, "prometheus"))
	w.prometheus = "http://" + address
	w.ready(t, "prometheus", w.prometheus+"/-/ready")
}

func indented(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+by) + "\n"
}

func (w *world) ready(t *testing.T, what, url string) {
	t.Helper()
	eventually(t, what+" is ready", func() error { return call(t.Context(), http.MethodGet, url, "", nil, nil) })
}

// An alert is what Prometheus would send.
type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations,omitempty"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      *time.Time        `json:"endsAt,omitempty"`
}

// alertFor makes an alert about a Deployment and its only container.
func alertFor(name, namespace, deployment string, more map[string]string) alert {
	labels := map[string]string{"alertname": name, "severity": "critical", "namespace": namespace, "deployment": deployment, "container": "app"}
	maps.Copy(labels, more)
	return alert{Labels: labels, Annotations: map[string]string{"summary": deployment + " is in trouble"}, StartsAt: time.Now()}
}

// fire sends alerts to one Alertmanager.
func (w *world) fire(t *testing.T, alertmanager int, alerts ...alert) {
	t.Helper()
	must(t, call(t.Context(), http.MethodPost, w.alertmanager[alertmanager]+"/api/v2/alerts", "", alerts, nil))
}

// tryPost sends alerts to the gateway once, as Alertmanager does. It returns nil
// when the gateway says that it has them on the bus.
func (w *world) tryPost(ctx context.Context, alerts ...alert) error {
	n := notification{Version: "4", Status: "firing", Receiver: "amend"}
	for _, a := range alerts {
		n.Alerts = append(n.Alerts, posted{Status: "firing", alert: a})
	}
	return call(ctx, http.MethodPost, w.gateway+"/v1/alertmanager", "local-webhook", n, nil)
}

// post is tryPost where the gateway has to accept.
func (w *world) post(t *testing.T, alerts ...alert) {
	t.Helper()
	must(t, w.tryPost(t.Context(), alerts...))
}

// A notification is what Alertmanager posts.
type notification struct {
	Version  string   `json:"version"`
	Status   string   `json:"status"`
	Receiver string   `json:"receiver"`
	GroupKey string   `json:"groupKey"`
	Alerts   []posted `json:"alerts"`
}

type posted struct {
	Status string `json:"status"`
	alert
}

// resolve says that an alert is over.
func (w *world) resolve(t *testing.T, alertmanager int, a alert) {
	t.Helper()
	now := time.Now()
	a.EndsAt = &now
	w.fire(t, alertmanager, a)
}
