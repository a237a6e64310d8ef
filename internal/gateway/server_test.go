package gateway_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend/internal/gateway"
)

const token = "the-token-of-the-webhook-0123456789"

// guarded is a gateway that wants a token, as every one does that others reach.
func guarded(t *testing.T) *site {
	return newSite(t, func(c *gateway.Config) { c.Auth.TokenFiles = []string{secretFile(t, "token", token)} })
}

// serve runs a server on this machine until the test ends, and returns its address.
func serve(t *testing.T, s *http.Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.Close()
		<-done
	})
	return l.Addr().String()
}

// say opens a connection and sends no more than this.
func say(t *testing.T, addr, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

// post is a whole post to the gateway, or its header when half of it is wanted.
func post(addr, secret, body string) (header, rest string) {
	return fmt.Sprintf("POST /v1/alertmanager HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		addr, secret, len(body)), body
}

// answered reads one answer and returns its status.
func answered(t *testing.T, conn net.Conn) int {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res.StatusCode
}

// gone waits until the other side has closed the connection.
func gone(t *testing.T, conn net.Conn) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the connection is still open")
	}
}

// However many connections say nothing, or never end their header, a good post is
// answered. Those that waited longest were closed for it, and no others.
func TestSlowClientsLeaveRoom(t *testing.T) {
	const room, slow = 20, 201
	web := gateway.NewServerFor(room, guarded(t))
	web.ReadHeaderTimeout, web.ReadTimeout = 0, 0
	addr := serve(t, web)
	var all []net.Conn
	for i := range slow {
		all = append(all, say(t, addr, []string{"", "P", "POST /v1/alertmanager HTTP/1.1\r\nHost: x\r\nX-Slow: "}[i%3]))
	}
	header, body := post(addr, token, storm(1))
	good := say(t, addr, header+body)
	if code := answered(t, good); code != http.StatusOK {
		t.Errorf("a good post was answered %d", code)
	}
	for _, conn := range all[:slow-room] {
		gone(t, conn)
	}
	// The others are still there. So is the good one, which does not wait while it
	// is served.
	if _, err := io.WriteString(all[slow-1], "\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if code := answered(t, all[slow-1]); code != http.StatusUnauthorized {
		t.Errorf("a slow stranger was answered %d", code)
	}
	if _, err := io.WriteString(good, header+body); err != nil {
		t.Fatal(err)
	}
	if code := answered(t, good); code != http.StatusOK {
		t.Errorf("the second post was answered %d", code)
	}
}

// A request in work does not make room for anybody.
func TestWorkIsNotCrowdedOut(t *testing.T) {
	began, end := make(chan bool), make(chan bool)
	addr := serve(t, gateway.NewServerFor(3, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			began <- true
			<-end
		}
	})))
	long := say(t, addr, "GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
	<-began
	var idle []net.Conn
	for range 10 {
		idle = append(idle, say(t, addr, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
		answered(t, idle[len(idle)-1])
	}
	gone(t, idle[0]) // an answered one waits for its next request
	close(end)
	if code := answered(t, long); code != http.StatusOK {
		t.Errorf("answered %d", code)
	}
}

// Who sends a header or a body too slowly is cut off, and costs others nothing.
func TestSlowClientsAreCutOff(t *testing.T) {
	for name, slow := range map[string]func(addr string) string{
		"nothing": func(string) string { return "" },
		"header":  func(string) string { return "POST /v1/alertmanager HTTP/1.1\r\nHost: x\r\n" },
		"body": func(addr string) string {
			header, _ := post(addr, token, storm(1))
			return header + "{"
		},
		"body of a stranger": func(addr string) string {
			header, _ := post(addr, "wrong", storm(1))
			return header + "{"
		},
		"chunks": func(addr string) string {
			return "POST /v1/alertmanager HTTP/1.1\r\nHost: " + addr + "\r\nAuthorization: Bearer " + token +
				"\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"
		},
	} {
		t.Run(name, func(t *testing.T) {
			web := gateway.NewServer("", guarded(t), slog.New(slog.DiscardHandler))
			web.ReadHeaderTimeout, web.ReadTimeout, web.IdleTimeout = 50*time.Millisecond, 100*time.Millisecond, 50*time.Millisecond
			addr := serve(t, web)
			// More than the budget for bodies has room for, if they were left to wait.
			var all []net.Conn
			for range 10 {
				all = append(all, say(t, addr, slow(addr)))
			}
			for _, conn := range all {
				gone(t, conn)
			}
			// On a busy machine a good one may be too slow for so short a time as well.
			for began := time.Now(); !takes(addr, token); {
				if time.Since(began) > time.Minute {
					t.Fatal("no good post is taken")
				}
			}
		})
	}
}

// takes reports whether a good post, over a connection of its own, was taken.
func takes(addr, secret string) bool {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	header, body := post(addr, secret, storm(1))
	if _, err := io.WriteString(conn, header+body); err != nil {
		return false
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// A header has a longest length.
func TestHeadersAreBounded(t *testing.T) {
	addr := serve(t, gateway.NewServer("", guarded(t), slog.New(slog.DiscardHandler)))
	conn := say(t, addr, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: "+strings.Repeat("x", 64<<10))
	if code := answered(t, conn); code != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("answered %d", code)
	}
}

// What the tests above shorten is set, and to something that ends.
func TestServerHasDeadlines(t *testing.T) {
	s := gateway.NewServer("127.0.0.1:0", http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	for name, d := range map[string]time.Duration{
		"ReadHeaderTimeout": s.ReadHeaderTimeout, "ReadTimeout": s.ReadTimeout, "WriteTimeout": s.WriteTimeout, "IdleTimeout": s.IdleTimeout,
	} {
		if d <= 0 || d > 2*time.Minute {
			t.Errorf("%s = %v", name, d)
		}
	}
}
