package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// An argo is Argo Events' own program as a webhook EventSource, before a NATS
// server with JetStream on disk, which it reaches with a round trip. Nothing of
// it needs Kubernetes: what a controller would hand over, it has in its
// environment.
type argo struct {
	bus, source *program
	proxy       *proxy
	monitor     string // address of the bus's own figures
}

// streamConfig is that of sensors/eventbus.yaml, for the one server that runs
// here instead of three; so are the settings of writeBus.
const streamConfig = `maxMsgs: -1
maxBytes: 4294967296
maxAge: 24h
duplicates: 300s
replicas: 1
retention: 0
discard: 1
`

// startArgo starts the bus and the EventSource.
func startArgo(ctx context.Context, b *bench, rtt time.Duration) (*argo, error) {
	dir, err := os.MkdirTemp(b.dir, "argo-")
	if err != nil {
		return nil, err
	}
	a := &argo{}
	var ports [3]string
	for i := range ports {
		if ports[i], err = freePort(); err != nil {
			return nil, err
		}
	}
	bus := net.JoinHostPort("127.0.0.1", ports[0])
	a.monitor = net.JoinHostPort("127.0.0.1", ports[1])
	if err := writeBus(dir, bus, a.monitor); err != nil {
		return nil, err
	}
	if a.bus, err = b.launch(ctx, dir, "nats-server", os.Environ(), "-c", filepath.Join(dir, "nats.conf")); err != nil {
		return nil, err
	}
	if err := listens(ctx, bus); err != nil {
		return nil, err
	}
	if a.proxy, err = newProxy(bus, rtt, nil); err != nil {
		return nil, err
	}
	env, err := sourceEnv(a.proxy.addr(), ports[2])
	if err != nil {
		return nil, err
	}
	if a.source, err = b.launch(ctx, dir, "argo-events", env, "eventsource-service"); err != nil {
		return nil, err
	}
	a.source.addr = net.JoinHostPort("127.0.0.1", ports[2])
	return a, listens(ctx, a.source.addr)
}

func (a *argo) close() error {
	return errors.Join(a.source.end(), a.proxy.close(), a.bus.end())
}

// stored returns how many events are on the bus.
func (a *argo) stored(ctx context.Context) (int, error) {
	data, err := getFrom(ctx, "http://"+a.monitor+"/jsz")
	if err != nil {
		return 0, err
	}
	var figures struct {
		Messages int `json:"messages"`
	}
	err = json.Unmarshal(data, &figures)
	return figures.Messages, err
}

// sourceEnv is what the controller of Argo Events gives an EventSource, with the
// routes of sensors/eventsource-alerts.yaml.
func sourceEnv(bus, port string) ([]string, error) {
	type route struct {
		Endpoint string `json:"endpoint"`
		Method   string `json:"method"`
		Port     string `json:"port"`
		URL      string `json:"url"`
	}
	source, err := json.Marshal(map[string]any{
		"metadata": map[string]string{"name": "amend-alerts", "namespace": "amend"},
		"spec": map[string]any{"webhook": map[string]route{
			"firing": {"/firing", http.MethodPost, port, ""}, "resolved": {"/resolved", http.MethodPost, port, ""},
		}},
	})
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(map[string]any{"jetstream": map[string]string{"url": "nats://" + bus, "streamConfig": streamConfig}})
	if err != nil {
		return nil, err
	}
	return append(os.Environ(), "POD_NAME=bench", "EVENTBUS_SUBJECT=bench",
		"EVENTSOURCE_OBJECT="+base64.StdEncoding.EncodeToString(source),
		"EVENTBUS_CONFIG="+base64.StdEncoding.EncodeToString(config)), nil
}

// writeBus writes the configuration of the bus. The clients of Argo Events
// refuse a server without TLS.
func writeBus(dir, bus, monitor string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	conf := fmt.Sprintf("listen: %q\nhttp: %q\nserver_name: bench\njetstream { store_dir: %q, max_memory_store: 256M, max_file_store: 8G }\ntls { cert_file: %q, key_file: %q }\n",
		bus, monitor, filepath.Join(dir, "bus"), filepath.Join(dir, "bus.crt"), filepath.Join(dir, "bus.key"))
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "bus.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600),
		os.WriteFile(filepath.Join(dir, "bus.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600),
		os.WriteFile(filepath.Join(dir, "nats.conf"), []byte(conf), 0o600))
}

// freePort returns a port of the local machine that was free a moment ago.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

// listens waits until somebody answers at an address.
func listens(ctx context.Context, addr string) error {
	return until(ctx, addr+" answers", func() (bool, error) {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			time.Sleep(10 * time.Millisecond)
			return false, nil
		}
		return true, conn.Close()
	})
}
