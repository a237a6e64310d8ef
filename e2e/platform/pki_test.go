package platform

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

// testLayout is a layout in an empty folder, with the templates of this package.
func testLayout(t *testing.T) layout {
	t.Helper()
	return newLayout(filepath.Join(t.TempDir(), "repo"), t.TempDir())
}

func TestServerIsTrustedAtEveryAddress(t *testing.T) {
	l := testLayout(t)
	if err := l.writePKI(); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(read(t, l.pki("ca.crt"))) {
		t.Fatal("ca.crt holds no certificate")
	}
	block, _ := pem.Decode(read(t, l.pki("server.crt")))
	server, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{address, apiService, "127.0.0.1", "localhost", "kubernetes.default.svc"} {
		if _, err := server.Verify(x509.VerifyOptions{Roots: roots, DNSName: host}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	for _, host := range []string{"10.88.0.2", "example.com"} {
		if server.VerifyHostname(host) == nil {
			t.Errorf("the certificate is for %s, too", host)
		}
	}
	if _, err := server.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err == nil {
		t.Error("the server's certificate also identifies a client")
	}
}

// Each user shows who he is, and nobody can make another.
func TestUsersAreWhoTheySay(t *testing.T) {
	l := testLayout(t)
	if err := l.writePKI(); err != nil {
		t.Fatal(err)
	}
	for user, subject := range users {
		config, err := clientcmd.BuildConfigFromFlags("", l.kubeconfig(user))
		if err != nil {
			t.Fatal(err)
		}
		if config.Host != apiServer {
			t.Errorf("%s talks to %s", user, config.Host)
		}
		pair, err := tls.X509KeyPair(config.CertData, config.KeyData)
		if err != nil {
			t.Fatal(err)
		}
		if got := pair.Leaf.Subject; got.String() != subject.String() {
			t.Errorf("%s is %s, want %s", user, got, subject)
		}
		if pair.Leaf.IsCA {
			t.Errorf("%s can sign", user)
		}
		if mode := stat(t, l.kubeconfig(user)).Mode().Perm(); mode != 0o600 {
			t.Errorf("the kubeconfig of %s has mode %o", user, mode)
		}
	}
	names, err := os.ReadDir(l.run("pki"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if strings.HasPrefix(n.Name(), "ca.") && n.Name() != "ca.crt" {
			t.Errorf("the key of the authority may be in %s", n.Name())
		}
	}
}

func TestPKIOfARunIsKept(t *testing.T) {
	l := testLayout(t)
	for range 2 {
		if err := l.writePKI(); err != nil {
			t.Fatal(err)
		}
	}
	before := string(read(t, l.pki("ca.crt")))
	if err := l.writePKI(); err != nil {
		t.Fatal(err)
	}
	if string(read(t, l.pki("ca.crt"))) != before {
		t.Error("a second up makes a new authority, which the running servers do not know")
	}
	// The admin's kubeconfig is written last: without it, all is made anew.
	if err := os.Remove(l.kubeconfig("admin")); err != nil {
		t.Fatal(err)
	}
	if err := l.writePKI(); err != nil {
		t.Fatal(err)
	}
	if string(read(t, l.pki("ca.crt"))) == before {
		t.Error("half a PKI was kept")
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func stat(t *testing.T, path string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// ownOrLoopback reports whether a server may listen there.
func ownOrLoopback(host string) bool {
	return host == address || host == "localhost" || net.ParseIP(host).IsLoopback()
}
