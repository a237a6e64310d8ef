package writerapi_test

import (
	"context"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/writerapi"
)

func overwrite(name, text string) error { return os.WriteFile(name, []byte(text), 0o600) }

// clientOf returns a client of something else than the writer.
func clientOf(t *testing.T, url, token string) *writerapi.Client {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := overwrite(file, token); err != nil {
		t.Fatal(err)
	}
	c, err := writerapi.NewClient(writerapi.ClientConfig{URL: url, TokenFile: file})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestForeignAnswers: what stands between the steps and the writer answers too.
func TestForeignAnswers(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		want   amend.Kind
	}{
		{200, "<html>", amend.Internal},
		{200, `{"contains":`, amend.Internal},
		{200, `{"contains":true}` + strings.Repeat(" ", 9<<20), amend.Internal},
		{302, "", amend.Invalid},
		{400, "", amend.Invalid},
		{401, "", amend.Refused},
		{403, "denied by the mesh", amend.Refused},
		{404, "404 page not found", amend.NotFound},
		{409, "", amend.Conflict},
		{413, "", amend.Invalid},
		{429, "", amend.Transient},
		{500, "oops", amend.Internal},
		{502, "<html>", amend.Transient},
		{503, "upstream connect error", amend.Transient},
		{503, `{"kind":"mine","message":"x"}`, amend.Transient},
		{504, "", amend.Transient},
	} {
		var calls atomic.Int32
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			calls.Add(1)
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body) // the client may have seen enough
		}))
		_, err := clientOf(t, web.URL, "t").Contains(t.Context(), other, sha)
		web.Close()
		if amend.KindOf(err) != c.want || calls.Load() != 1 {
			t.Errorf("%d %.20q: %v after %d calls, want %s after one", c.status, c.body, err, calls.Load(), c.want)
		}
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	client := clientOf(t, "http://"+addr, "t")
	if err := client.Sweep(t.Context()); amend.KindOf(err) != amend.Transient || strings.Contains(amend.Public(err), addr) {
		t.Errorf("nobody listens: %v, want transient, and everybody is told %q", err, amend.Public(err))
	}
	// A writer that comes back at once, after the first try, costs nobody a retry.
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })}
	t.Cleanup(func() { _ = web.Close() })
	var back sync.Once
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{ConnectDone: func(string, string, error) {
		back.Do(func() {
			l, err := net.Listen("tcp", addr)
			if err != nil {
				t.Error(err)
				return
			}
			go func() { _ = web.Serve(l) }()
		})
	}})
	if err := client.Sweep(ctx); err != nil {
		t.Errorf("it is back: %v", err)
	}
}

func TestDeadlineIsKept(t *testing.T) {
	stop := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}))
	defer web.Close()
	defer close(stop)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := clientOf(t, web.URL, "t").Sweep(ctx); amend.KindOf(err) != amend.Transient {
		t.Errorf("no answer in time: %v, want transient", err)
	}
}

// TestTokenIsReadEachTime, because it expires, and is shown to the writer only.
func TestTokenIsReadEachTime(t *testing.T) {
	s := newSite(t)
	if err := s.client.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]amend.Kind{
		"of:steps": "", "wrong": amend.Refused, "": amend.Invalid, "a\nb": amend.Invalid,
	} {
		if err := overwrite(s.token, text); err != nil {
			t.Fatal(err)
		}
		err := s.client.Sweep(t.Context())
		if amend.KindOf(err) != want || err != nil && strings.Contains(err.Error(), "of:steps") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if err := os.Remove(s.token); err != nil {
		t.Fatal(err)
	}
	if err := s.client.Sweep(t.Context()); amend.KindOf(err) != amend.Invalid {
		t.Errorf("without a file: %v", err)
	}
}

func TestCertificateIsChecked(t *testing.T) {
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	web.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are to fail
	web.StartTLS()
	defer web.Close()
	dir := t.TempDir()
	token, ca := filepath.Join(dir, "token"), filepath.Join(dir, "ca.pem")
	if err := overwrite(token, "t"); err != nil {
		t.Fatal(err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
	if err := overwrite(ca, string(block)); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]amend.Kind{ca: "", "": amend.Transient} {
		c, err := writerapi.NewClient(writerapi.ClientConfig{URL: web.URL, TokenFile: token, CAFile: file})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Sweep(t.Context()); amend.KindOf(err) != want {
			t.Errorf("with the CA %q: %v, want %q", file, err, want)
		}
	}
}

func TestWrongClientConfig(t *testing.T) {
	for _, c := range []writerapi.ClientConfig{
		{}, {URL: "writer:8080"}, {URL: "ftp://writer"}, {URL: "http://user:secret@writer"}, {URL: "http://writer?x=1"},
		{URL: "https://writer", CAFile: "/does/not/exist"}, {URL: "https://writer", CAFile: os.Args[0]},
	} {
		_, err := writerapi.NewClient(c)
		if amend.KindOf(err) != amend.Invalid || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
