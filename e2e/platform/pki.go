package platform

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// users are the clients of the API server: the name and groups that its own
// bootstrap rules grant what each of them needs.
var users = map[string]pkix.Name{
	"admin":              {CommonName: "admin", Organization: []string{"system:masters"}},
	"controller-manager": {CommonName: "system:kube-controller-manager"},
	"scheduler":          {CommonName: "system:kube-scheduler"},
	"proxy":              {CommonName: "system:kube-proxy"},
	"kubelet":            {CommonName: "system:node:" + nodeName, Organization: []string{"system:nodes"}},
}

// authority signs the certificates of one run; its key is never written.
type authority struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
	pem         []byte
}

// writePKI writes what the servers and clients of one run identify themselves
// with: an authority, a server certificate, the key of the service accounts
// and one kubeconfig a user. It keeps what is already there.
func (l layout) writePKI() error {
	if _, err := os.Stat(l.kubeconfig("admin")); err == nil {
		return nil
	}
	if err := os.MkdirAll(l.run("pki"), 0o700); err != nil {
		return err
	}
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	server, serverKey, err := ca.issue(pkix.Name{CommonName: "platform"}, x509.ExtKeyUsageServerAuth)
	if err != nil {
		return err
	}
	client, clientKey, err := ca.issue(users["admin"], x509.ExtKeyUsageClientAuth)
	if err != nil {
		return err
	}
	_, accounts, err := newKey()
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{
		"ca.crt": ca.pem, "server.crt": server, "server.key": serverKey,
		"client.crt": client, "client.key": clientKey, "accounts.key": accounts,
	} {
		if err := os.WriteFile(l.pki(name), text, 0o600); err != nil {
			return err
		}
	}
	return l.writeKubeconfigs(ca)
}

func (l layout) writeKubeconfigs(ca *authority) error {
	for user, subject := range users {
		if user == "admin" {
			continue // last: it says that all others are there
		}
		if err := l.writeKubeconfig(ca, user, subject); err != nil {
			return err
		}
	}
	return l.writeKubeconfig(ca, "admin", users["admin"])
}

func (l layout) writeKubeconfig(ca *authority, user string, subject pkix.Name) error {
	cert, key, err := ca.issue(subject, x509.ExtKeyUsageClientAuth)
	if err != nil {
		return err
	}
	config := api.NewConfig()
	config.Clusters["platform"] = &api.Cluster{Server: apiServer, CertificateAuthorityData: ca.pem}
	config.AuthInfos[user] = &api.AuthInfo{ClientCertificateData: cert, ClientKeyData: key}
	config.Contexts["platform"] = &api.Context{Cluster: "platform", AuthInfo: user}
	config.CurrentContext = "platform"
	return clientcmd.WriteToFile(*config, l.kubeconfig(user))
}

func newAuthority() (*authority, error) {
	key, _, err := newKey()
	if err != nil {
		return nil, err
	}
	template := certificate(pkix.Name{CommonName: "platform authority"})
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("making the certificate authority: %w", err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{key: key, certificate: parsed, pem: encode("CERTIFICATE", der)}, nil
}

// issue signs a certificate for one usage, valid for every address of the
// platform, and returns it and its key as PEM.
func (a *authority) issue(subject pkix.Name, usage x509.ExtKeyUsage) (cert, key []byte, err error) {
	private, key, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	template := certificate(subject)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{usage}
	template.IPAddresses = []net.IP{net.ParseIP(address), net.ParseIP(apiService), net.IPv4(127, 0, 0, 1)}
	template.DNSNames = []string{"localhost", "kubernetes.default.svc"}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &private.PublicKey, a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("signing the certificate of %s: %w", subject.CommonName, err)
	}
	return encode("CERTIFICATE", der), key, nil
}

func certificate(subject pkix.Name) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      subject,
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(0, 1, 0), // longer than any run lasts
	}
}

func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return key, encode("EC PRIVATE KEY", der), nil
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
