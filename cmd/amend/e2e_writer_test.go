package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/forge"
	"github.com/amendhq/amend/internal/steps"
)

// TestWriterSpeaksTLS, ends cleanly, and a step that trusts its certificate gets
// its answer.
func TestWriterSpeaksTLS(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1, "", nil)
	c := newCluster(s)
	cert, key, client := certificate(s)
	s.start("--kubeconfig", c.kubeconfig(), "--tls-cert-file", cert, "--tls-key-file", key)
	s.eventually("the writer is ready", func() bool {
		res, err := client.Get("https://" + s.addr + "/readyz")
		return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})
	token := filepath.Join(s.dir, "writer-token")
	s.must(os.WriteFile(token, []byte("token-of-steps"), 0o600))
	packed, err := alert.Pack(alert.NewEvent(firing("AppStuck", app(1)), time.Now(), alert.Identity{}))
	s.must(err)
	for ca, want := range map[string]int{cert: 0, "": cli.ExitTransient} {
		cmd := exec.Command("amend", "step", "decide", "--writer", "https://"+s.addr, "--writer-token-file", token, "--writer-ca-file", ca)
		cmd.Env = s.environ(steps.EventEnv + "=" + packed)
		out, _ := cmd.CombinedOutput() // the exit code says it
		if got := cmd.ProcessState.ExitCode(); got != want || (want == 0) != strings.Contains(string(out), `"reason": "act"`) {
			t.Errorf("with the CA %q: exit code %d, want %d\n%s", ca, got, want, out)
		}
	}
	if code := s.stop(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// certificate writes a certificate of this machine and its key into files, and
// returns a client that trusts it.
func certificate(s *stage) (cert, key string, client *http.Client) {
	s.Helper()
	web := httptest.NewTLSServer(nil)
	s.Cleanup(web.Close)
	cert, key = filepath.Join(s.dir, "tls.crt"), filepath.Join(s.dir, "tls.key")
	s.must(os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600))
	der, err := x509.MarshalPKCS8PrivateKey(web.TLS.Certificates[0].PrivateKey)
	s.must(err)
	s.must(os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	return cert, key, &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
}

// TestWriterWaitsForItsHost: it is alive without the host, and not ready.
func TestWriterWaitsForItsHost(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1, "", nil)
	c := newCluster(s)
	s.must(s.host.AddFault(forge.Fault{Path: allCalls, Action: forge.FaultDropBefore}))
	s.start("--kubeconfig", c.kubeconfig())
	for path, want := range map[string]int{"/healthz": http.StatusOK, "/readyz": http.StatusServiceUnavailable} {
		if got, err := httpGet("http://" + s.addr + path); err != nil || got != want {
			t.Errorf("without the host %s answers %d, %v; want %d", path, got, err, want)
		}
	}
	s.host.ClearFaults()
	s.eventually("the writer is ready", func() bool {
		code, err := httpGet("http://" + s.addr + "/readyz")
		return err == nil && code == http.StatusOK
	})
}
