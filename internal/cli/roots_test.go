package cli_test

import (
	"crypto/x509"
	"os"
	"os/exec"
	"testing"
)

// TestCertificatesAreInTheProgram runs itself again as if the system had none.
func TestCertificatesAreInTheProgram(t *testing.T) {
	const bare = "AMEND_TEST_NO_CERTIFICATES"
	if os.Getenv(bare) != "" {
		pool, err := x509.SystemCertPool()
		if err != nil || pool.Equal(x509.NewCertPool()) {
			t.Errorf("no certificates, %v", err)
		}
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), bare+"=1", "SSL_CERT_FILE=/none", "SSL_CERT_DIR=/none")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
