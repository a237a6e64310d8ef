package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/amendhq/amend/internal/alertmanager"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/kube"
	"github.com/amendhq/amend/internal/steps"
)

// reconcile runs the step against a gateway and a fake writer.
func reconcile(t *testing.T, gatewayRoot string, sweepCode int, args ...string) (done steps.Reconciliation, code int) {
	t.Helper()
	var swept atomic.Int64
	writer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/v1/sweep" || r.Header.Get("Authorization") != "Bearer pod" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		swept.Add(1)
		w.WriteHeader(sweepCode)
		_, _ = w.Write([]byte("{}"))
	}))
	defer writer.Close()
	var stdout, stderr bytes.Buffer
	code = run(append([]string{"step", "reconcile", "--gateway", gatewayRoot, "--gateway-token-file", secretIn(t, "hook"),
		"--writer", writer.URL, "--writer-token-file", secretIn(t, "pod")}, args...), &stdout, &stderr)
	if swept.Load() != 1 {
		t.Errorf("the writer was asked %d times", swept.Load())
	}
	if err := json.Unmarshal(stdout.Bytes(), &done); err != nil {
		t.Errorf("%v in %s", err, &stdout)
	}
	t.Log(stderr.String())
	return done, code
}

func TestReconcile(t *testing.T) {
	t.Parallel()
	bus := &busSource{}
	web := httptest.NewServer(bus)
	defer web.Close()
	g := startGateway(t, web.URL)
	knows := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`[{"labels":{"alertname":"AppStuck","receiver":"` + r.URL.Query().Get("receiver") + `"},"startsAt":"2026-03-02T09:05:00Z","status":{"state":"active"}}]`))
	}))
	defer knows.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	one := alertmanager.Outcome{Accepted: 1}
	tests := []struct {
		name  string
		sweep int
		args  []string
		want  steps.Reconciliation
		code  int
	}{
		{"one Alertmanager of two", 200, []string{"--alertmanager", gone.URL, "--alertmanager", knows.URL},
			steps.Reconciliation{Firing: 1, Outcome: one, Swept: true}, cli.ExitTransient},
		{"a pair", 200, []string{"--alertmanager", knows.URL, "--alertmanager", knows.URL},
			steps.Reconciliation{Firing: 2, Outcome: alertmanager.Outcome{Folded: 2}, Swept: true}, cli.ExitOK},
		{"another receiver, no writer", 503, []string{"--alertmanager", knows.URL, "--receiver", "ops"},
			steps.Reconciliation{Firing: 1, Outcome: one}, cli.ExitTransient},
	}
	for _, tt := range tests {
		got, code := reconcile(t, g.root, tt.sweep, tt.args...)
		if diff := cmp.Diff(tt.want, got); diff != "" || code != tt.code {
			t.Errorf("%s: exit code %d, want %d\n%s", tt.name, code, tt.code, diff)
		}
	}
	if e := bus.stored(); len(e) != 2 || e[0].Alert.Labels["receiver"] != "amend" || e[0].Alert.Receiver != "amend-reconcile" {
		t.Errorf("on the bus: %+v", e)
	}
}

// TestReconcileWithAlertmanager: the real one tells what fires, but not what is
// silenced or meant for others.
func TestReconcileWithAlertmanager(t *testing.T) {
	program := os.Getenv("AMEND_TEST_ALERTMANAGER")
	if program == "" {
		t.Skip("set AMEND_TEST_ALERTMANAGER to the path of alertmanager to run this with the real one")
	}
	t.Parallel()
	bus := &busSource{}
	web := httptest.NewServer(bus)
	defer web.Close()
	g := startGateway(t, web.URL)
	root := startAlertmanager(t, program)
	send := func(path, body string) {
		t.Helper()
		res, err := http.Post(root+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("POST %s: %s", path, res.Status)
		}
	}
	send("/api/v2/silences", `{"matchers":[{"name":"alertname","value":"Silenced","isRegex":false,"isEqual":true}],
		"startsAt":"2020-01-01T00:00:00Z","endsAt":"2100-01-01T00:00:00Z","createdBy":"jo","comment":"x"}`)
	send("/api/v2/alerts", `[{"labels":{"alertname":"AppStuck","deployment":"web","x":"{{=1+1}}"},"annotations":{"summary":"s"}},
		{"labels":{"alertname":"Silenced"}},{"labels":{"alertname":"AppStuck","team":"others"}}]`)
	got, code := reconcile(t, g.root, 200, "--alertmanager", root)
	want := steps.Reconciliation{Firing: 1, Outcome: alertmanager.Outcome{Accepted: 1}, Swept: true}
	if diff := cmp.Diff(want, got); diff != "" || code != cli.ExitOK {
		t.Errorf("exit code %d\n%s", code, diff)
	}
	e := bus.stored()
	if len(e) != 1 || e[0].Alert.Labels["x"] != "{{=1+1}}" || e[0].Alert.Annotations["summary"] != "s" || e[0].Alert.StartsAt.IsZero() {
		t.Errorf("on the bus: %+v", e)
	}
}

// startAlertmanager runs one that notifies nobody, and returns its address.
func startAlertmanager(t *testing.T, program string) string {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yml")
	text := "route: {receiver: amend, routes: [{matchers: ['team=others'], receiver: others}]}\nreceivers: [{name: amend}, {name: others}]\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := freeAddr(&stage{TB: t})
	cmd := exec.Command(program, "--config.file="+config, "--storage.path="+dir, "--web.listen-address="+addr, "--cluster.listen-address=")
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(patience); get("http://"+addr+"/-/ready") == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("Alertmanager is not ready")
		}
	}
	return "http://" + addr
}

// A request whose event the bus has lost is touched, and no other one is.
func TestReconcileBringsRequestsBack(t *testing.T) {
	t.Parallel()
	request := func(name string, age time.Duration, phase kube.Phase) kube.RemediationRequest {
		var r kube.RemediationRequest
		r.Name, r.Namespace, r.ResourceVersion = name, "shop", "1"
		r.CreationTimestamp, r.Status.Phase = metav1.NewTime(time.Now().Add(-age)), phase
		return r
	}
	all := []kube.RemediationRequest{
		request("lost", time.Hour, ""), request("asked-again", time.Hour, kube.Pending), request("new", time.Second, ""),
		request("taken", time.Hour, kube.Running), request("over", time.Hour, kube.Failed),
	}
	var touched []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodGet {
			_ = json.NewEncoder(w).Encode(map[string]any{"items": all})
			return
		}
		var got kube.RemediationRequest
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil || got.Status.Phase != kube.Pending || got.Status.Message == "" {
			t.Errorf("%v in %s: %+v", err, r.URL.Path, got.Status)
		}
		touched = append(touched, got.Name)
		_ = json.NewEncoder(w).Encode(got)
	}))
	defer api.Close()
	knows := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("[]")) }))
	defer knows.Close()
	done, code := reconcile(t, knows.URL, 200, "--alertmanager", knows.URL, "--requests", "--kubeconfig", kubeconfigOf(t, api.URL))
	if diff := cmp.Diff([]string{"lost", "asked-again"}, touched); diff != "" || done.Requests != 2 || code != cli.ExitOK {
		t.Errorf("%+v, exit code %d\n%s", done, code, diff)
	}
}

// kubeconfigOf writes a file that says how to reach an API server.
func kubeconfigOf(t *testing.T, server string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := `{"apiVersion":"v1","kind":"Config","current-context":"c","contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],` +
		`"clusters":[{"name":"c","cluster":{"server":"` + server + `"}}],"users":[{"name":"u","user":{}}]}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
