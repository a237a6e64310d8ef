package mail_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http/httptest"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/mail"
)

// A server speaks SMTP (RFC 5321) with STARTTLS and AUTH PLAIN.
type server struct {
	testing.TB
	tls  *tls.Config // nil when it offers none
	code string      // of the answer to RCPT

	mu    sync.Mutex
	mails []string
}

const login = "\x00amend\x00s3cret"

// serve starts a server and returns a client of it.
func serve(t *testing.T, secure bool) (*mail.Client, *server, string) {
	t.Helper()
	web := httptest.NewTLSServer(nil)
	t.Cleanup(web.Close)
	s := &server{TB: t, code: "250 fine"}
	if secure {
		s.tls = &tls.Config{Certificates: web.TLS.Certificates}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // ends the loop
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.talk(conn)
		}
	}()
	dir := t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
	for name, content := range map[string]string{
		"smtp-server": l.Addr().String(), "smtp-from": "amend@example.com", "smtp-user": "amend", "smtp-password": "s3cret",
		"smtp-ca.crt": string(ca), "email-people": "ada@example.com, jo@example.com", "email-broken": "nobody at all",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return mail.New(dir, "acme/env"), s, dir
}

// talk answers one client; what it does not know ends the conversation.
func (s *server) talk(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in, secure, known := bufio.NewReader(conn), false, false
	say := func(text string) { _, _ = fmt.Fprintf(conn, "%s\r\n", text) }
	say("220 mail.example.com")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); {
		case verb == "EHLO" && secure:
			say("250-hello\r\n250 AUTH PLAIN")
		case verb == "EHLO" && s.tls != nil:
			say("250-hello\r\n250 STARTTLS")
		case verb == "EHLO":
			say("250 hello")
		case verb == "STARTTLS":
			say("220 go on")
			conn = tls.Server(conn, s.tls)
			in, secure = bufio.NewReader(conn), true
		case verb == "AUTH" && secure:
			sent, _ := base64.StdEncoding.DecodeString(line[len("AUTH PLAIN "):])
			if known = string(sent) == login; known {
				say("235 known")
			} else {
				say("535 5.7.8 authentication failed")
			}
		case verb == "*": // the client gives its login up
			say("501 as you like")
		case verb == "MAIL" && known, verb == "NOOP", verb == "RSET":
			say("250 fine")
		case verb == "RCPT" && known:
			say(s.code)
		case verb == "DATA" && known:
			say("354 go on")
			s.take(in)
			say("250 taken")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			s.Errorf("unexpected, TLS is %t: %q", secure, line)
			return
		}
	}
}

func (s *server) take(in *bufio.Reader) {
	var all strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil || line == ".\r\n" {
			break
		}
		all.WriteString(line)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, all.String())
}

var question = approval.Question{
	Matter: "pull/7", Title: "scale up web\r\nBcc: eve@example.com", Text: "It waits.", Diff: "+ x\n", URL: "https://host/pull/7", SHA: "aaa", Answerable: true,
	Until: time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC),
}

func TestAConversation(t *testing.T) {
	c, s, _ := serve(t, true)
	ref, err := c.Ask(t.Context(), "people", question)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Tell(t.Context(), "people", ref, question, approval.Outcome{State: approval.Accepted, By: "Ada"}); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mails) != 2 {
		t.Fatalf("%d mails were sent, want 2", len(s.mails))
	}
	for i, want := range []string{"merges exactly commit aaa", "Approved by Ada. amend has merged commit aaa."} {
		m, err := netmail.ReadMessage(strings.NewReader(s.mails[i]))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(m.Body)
		if err != nil {
			t.Fatal(err)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		if err != nil || !strings.HasPrefix(subject, "amend: scale up web Bcc") || m.Header.Get("Bcc") != "" {
			t.Errorf("the header is %v, %v", m.Header, err)
		}
		if to, err := m.Header.AddressList("To"); err != nil || len(to) != 2 || !strings.Contains(string(body), want) {
			t.Errorf("to %v, %v:\n%s", to, err, body)
		}
		if replies := m.Header.Get("In-Reply-To") == "<"+ref+">"; replies != (i == 1) {
			t.Errorf("mail %d is in reply to %q", i, m.Header.Get("In-Reply-To"))
		}
	}
}

func TestErrorsHoldNoPassword(t *testing.T) {
	c, s, dir := serve(t, true)
	ask := func(what, recipients string, want amend.Kind) {
		t.Helper()
		_, err := c.Ask(t.Context(), recipients, question)
		if amend.KindOf(err) != want || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s is %q, want %q: %v", what, amend.KindOf(err), want, err)
		}
	}
	ask("no address", "broken", amend.Invalid)
	ask("no file", "nobody", amend.Invalid)
	s.code = "550 5.1.1 no such person"
	ask("an unknown person", "people", amend.Invalid)
	s.code = "451 4.3.0 later"
	ask("a busy server", "people", amend.Transient)
	s.code = "451 4.7.1 you are not authorized yet, try again later"
	ask("a server with grey lists", "people", amend.Transient)
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("smtp-password", "s3cret2")
	ask("a wrong password", "people", amend.Invalid)
	write("smtp-server", "127.0.0.1:1")
	ask("a server that is away", "people", amend.Transient)
	write("smtp-server", "mail.example.com")
	ask("no port", "people", amend.Invalid)
}

// TestNothingIsSentInClear: without TLS no login and no mail goes out.
func TestNothingIsSentInClear(t *testing.T) {
	c, s, _ := serve(t, false)
	if _, err := c.Ask(t.Context(), "people", question); err == nil || len(s.mails) > 0 {
		t.Errorf("sent %d mails: %v", len(s.mails), err)
	}
	c, s, dir := serve(t, true)
	if err := os.Remove(filepath.Join(dir, "smtp-ca.crt")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Ask(t.Context(), "people", question); err == nil || len(s.mails) > 0 {
		t.Errorf("sent %d mails to a server that nobody vouches for: %v", len(s.mails), err)
	}
}
