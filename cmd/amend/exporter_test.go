package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestExporterElastic runs the command against a server with a certificate of its
// own that answers as Elasticsearch documents.
func TestExporterElastic(t *testing.T) {
	t.Parallel()
	es := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "ApiKey k3y" || r.URL.Path != "/_ml/anomaly_detectors/webapp-requests/results/buckets" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprintf(w, `{"count":1,"buckets":[{"timestamp":%d,"bucket_span":900,"anomaly_score":91.5}]}`, time.Now().Add(-10*time.Minute).UnixMilli())
	}))
	defer es.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: es.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := filepath.Join(t.TempDir(), "addr")
	cmd := exec.Command("amend", "exporter", "elastic", "--elasticsearch", es.URL, "--ca-file", ca, "--api-key-file", secretIn(t, "k3y"),
		"--job", "webapp=webapp-requests", "--job", "other", "--listen", "127.0.0.1:0", "--addr-file", addr)
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	want := []string{`elastic_anomaly_score{job="webapp"} 91.5`, `elastic_errors_total{job="other",kind="refused"} 1`, `elastic_last_success_timestamp_seconds{job="webapp"}`}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		metrics := scrape(addr)
		missing := ""
		for _, line := range want {
			if !strings.Contains(metrics, line) {
				missing = line
			}
		}
		if missing == "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("/metrics lacks %s:\n%s", missing, metrics)
		}
	}
}

// TestElasticComponentRuns: the Deployment runs a command that there is.
func TestElasticComponentRuns(t *testing.T) {
	text, err := os.ReadFile("../../kustomize/components/elastic/exporter.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for doc := range strings.SplitSeq(string(text), "\n---\n") {
		doc = strings.ReplaceAll(doc, "[/amend]", "\n            - /amend") // as Kustomize writes it
		for _, line := range commandLines(t, doc) {
			if cmd := parsed(t, line); cmd.CommandPath() == "amend exporter elastic" {
				found++
			}
		}
	}
	if found != 1 {
		t.Errorf("%d containers run amend exporter elastic", found)
	}
}

// scrape returns the metrics of a process that writes its address to a file; ""
// while it does not answer.
func scrape(addrFile string) string {
	addr, err := os.ReadFile(addrFile)
	if err != nil {
		return ""
	}
	res, err := http.Get("http://" + strings.TrimSpace(string(addr)) + "/metrics")
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return string(text)
}
