package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
)

// A busSource is a webhook EventSource that stores what it gets.
type busSource struct {
	mu     sync.Mutex
	events []amend.Event
}

func (b *busSource) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/health" {
		return
	}
	if r.Header.Get("Authorization") != "Bearer bus" || (r.URL.Path != "/firing" && r.URL.Path != "/resolved") {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var outer struct {
		Data string `json:"data_base64"`
	}
	if err := json.NewDecoder(r.Body).Decode(&outer); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	e, err := alert.Unpack(outer.Data)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
}

func (b *busSource) stored() []amend.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]amend.Event(nil), b.events...)
}

// gatewayProcess runs amend-gateway until the test ends.
type gatewayProcess struct {
	*testing.T
	cmd  *exec.Cmd
	root string // of its URLs
}

// secretIn writes a file with a secret and returns its name.
func secretIn(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func startGateway(t *testing.T, eventSource string, flags ...string) *gatewayProcess {
	t.Helper()
	addr := filepath.Join(t.TempDir(), "addr")
	args := append([]string{"--listen", "127.0.0.1:0", "--addr-file", addr, "--eventsource", eventSource,
		"--eventsource-token-file", secretIn(t, "bus"), "--webhook-token-file", secretIn(t, "hook")}, flags...)
	p := &gatewayProcess{T: t, cmd: exec.Command("amend-gateway", args...)}
	p.cmd.Stderr = t.Output()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // stop may have ended it
		_ = p.cmd.Wait()
	})
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if text, err := os.ReadFile(addr); err == nil {
			p.root = "http://" + strings.TrimSpace(string(text))
			return p
		}
		if time.Now().After(deadline) {
			t.Fatal("the gateway does not listen")
		}
	}
}

func (p *gatewayProcess) do(method, path, body string) (int, string) {
	p.Helper()
	r, err := http.NewRequestWithContext(p.Context(), method, p.root+path, strings.NewReader(body))
	if err != nil {
		p.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer hook")
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		p.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		p.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func TestGateway(t *testing.T) {
	t.Parallel()
	bus := &busSource{}
	web := httptest.NewServer(bus)
	defer web.Close()
	p := startGateway(t, web.URL)
	long := `{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"AppStuck","deployment":"web"},` +
		`"annotations":{"text":"` + strings.Repeat("x", 9000) + `"},"startsAt":"2026-03-02T09:05:00Z"}]}`
	post := func(code int, want string) {
		t.Helper()
		if got, answer := p.do("POST", "/v1/alertmanager", long); got != code || !strings.Contains(answer, want) {
			t.Fatalf("%d %s, want %d with %s", got, answer, code, want)
		}
	}
	post(200, `"accepted":1`)
	post(200, `"folded":1`)
	events := bus.stored()
	if len(events) != 1 || events[0].Alert.Labels["deployment"] != "web" || !strings.Contains(events[0].Alert.Annotations["text"], "[cut: 9000 bytes") {
		t.Fatalf("on the bus: %+v", events)
	}
	if code, answer := p.do("POST", "/v1/undelivered", `{"id":"`+events[0].ID+`"}`); code != http.StatusNoContent {
		t.Fatalf("undelivered: %d %s", code, answer)
	}
	web.Close()
	post(503, "could not be stored")
	if code, _ := p.do("GET", "/readyz", ""); code != http.StatusServiceUnavailable {
		t.Errorf("ready without an EventSource: %d", code)
	}
	if code, _ := p.do("GET", "/healthz", ""); code != http.StatusOK {
		t.Errorf("healthy: %d", code)
	}
	_, text := p.do("GET", "/metrics", "")
	for _, line := range []string{`amend_eventsource_posts_total{result="stored"} 1`, `amend_eventsource_posts_total{result="unreachable"} 1`, "amend_undelivered_total 1"} {
		if !strings.Contains(text, line) {
			t.Errorf("/metrics lacks %s", line)
		}
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
}
