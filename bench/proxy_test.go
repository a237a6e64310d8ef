package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestProxyDelaysAndKeepsBytes(t *testing.T) {
	payload := strings.Repeat("0123456789", 100_000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	defer server.Close()
	const rtt = 30 * time.Millisecond
	p, err := newProxy(server.Listener.Addr().(*net.TCPAddr).String(), rtt, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, least := range []time.Duration{2 * rtt, rtt} { // the second uses the open connection
		start := time.Now()
		res, err := http.Post("http://"+p.addr(), "text/plain", strings.NewReader(payload))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err := res.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if err != nil || string(body) != payload {
			t.Fatalf("request %d: %d bytes came back of %d: %v", i, len(body), len(payload), err)
		}
		if took := time.Since(start); took < least {
			t.Errorf("request %d took %v, and the wire alone takes %v", i, took, least)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if err := p.close(); err != nil {
		t.Error(err)
	}
}
