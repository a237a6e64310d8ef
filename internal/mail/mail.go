// Package mail tells people by e-mail: one message for a question, and one for
// each thing that becomes of it, in the same conversation. It is encrypted on the
// way, or it is not sent.
package mail

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/secret"
)

// Via is the kind of place that the package is for, in approval.Step.
const Via = "email"

// callTimeout ends one conversation with the server.
const callTimeout = 15 * time.Second

// maxSubject bounds a subject, in bytes.
const maxSubject = 200

// A Client sends mail. A place is a name for recipients; the file email-NAME of
// the folder holds their addresses, separated by commas. The files smtp-server
// (HOST:PORT), smtp-from, and where it asks for them smtp-user and smtp-password
// say how; smtp-ca.crt holds certificates that sign the server's, if not the
// system's do.
type Client struct{ dir, source string }

// New returns a client that reads all of that from a folder. Source is the env
// repo, owner/name.
func New(dir, source string) *Client { return &Client{dir, source} }

// Ask mails a question and returns the id of the conversation.
func (c *Client) Ask(ctx context.Context, recipients string, q approval.Question) (string, error) {
	sum := sha256.Sum256([]byte(c.source + "\x00" + q.Matter + "\x00" + q.SHA + "\x00" + q.Until.UTC().Format(time.RFC3339Nano)))
	ref := hex.EncodeToString(sum[:16]) + "@amend.dev"
	return ref, c.send(ctx, recipients, "", ref, q, approval.Outcome{State: approval.Waiting})
}

// Tell mails what a question has come to, as a reply.
func (c *Client) Tell(ctx context.Context, recipients, ref string, q approval.Question, o approval.Outcome) error {
	return c.send(ctx, recipients, ref, string(o.State)+"."+ref, q, o)
}

func (c *Client) send(ctx context.Context, recipients, replyTo, id string, q approval.Question, o approval.Outcome) error {
	m := mail.NewMsg()
	from, err := c.read("smtp-from")
	if err != nil {
		return err
	}
	to, err := c.read(Via + "-" + recipients)
	if err != nil {
		return err
	}
	if err := errors.Join(m.From(from), m.ToFromString(to)); err != nil {
		return amend.Errorf(amend.Invalid, "write mail", "smtp-from or %s-%s holds no address", Via, recipients)
	}
	m.Subject("amend: " + message.Plain(q.Title, maxSubject))
	m.SetMessageIDWithValue(id)
	if replyTo != "" {
		m.SetGenHeader(mail.HeaderInReplyTo, "<"+replyTo+">")
		m.SetGenHeader(mail.HeaderReferences, "<"+replyTo+">")
	}
	m.SetDate()
	m.SetBodyString(mail.TypeTextPlain, q.Letter(o))
	client, err := c.client()
	if err != nil {
		return err
	}
	return typed(client.DialAndSendWithContext(ctx, m))
}

// client is a connection to come. TLS is from the start on port 465, and else
// the server has to offer it.
func (c *Client) client() (*mail.Client, error) {
	server, err := c.read("smtp-server")
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(server)
	number, errPort := strconv.Atoi(port)
	if err != nil || errPort != nil {
		return nil, amend.Errorf(amend.Invalid, "send mail", "smtp-server does not hold HOST:PORT")
	}
	secure := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if secure.RootCAs, err = c.roots(); err != nil {
		return nil, err
	}
	opts := []mail.Option{mail.WithPort(number), mail.WithTimeout(callTimeout), mail.WithTLSConfig(secure), mail.WithTLSPolicy(mail.TLSMandatory)}
	if number == 465 {
		opts = append(opts, mail.WithSSL())
	}
	user, err := c.optional("smtp-user")
	if err != nil {
		return nil, err
	}
	if user != "" {
		password, err := c.read("smtp-password")
		if err != nil {
			return nil, err
		}
		opts = append(opts, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(user), mail.WithPassword(password))
	}
	client, err := mail.NewClient(host, opts...)
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "send mail", "%w", err)
	}
	return client, nil
}

func (c *Client) read(name string) (string, error) { return secret.Read(filepath.Join(c.dir, name)) }

func (c *Client) optional(name string) (string, error) {
	if _, err := os.Stat(filepath.Join(c.dir, name)); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return c.read(name)
}

// roots are the certificates of smtp-ca.crt, nil for the system's.
func (c *Client) roots() (*x509.CertPool, error) {
	text, err := os.ReadFile(filepath.Join(c.dir, "smtp-ca.crt"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(text) {
		return nil, amend.Errorf(amend.Invalid, "send mail", "smtp-ca.crt holds no certificate")
	}
	return pool, nil
}

// typed sorts an error of the library: what the server refuses for good stays
// wrong, and all else may pass.
func typed(err error) error {
	var said *mail.SendError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &said) && !said.IsTemp() && said.ErrorCode() >= 500 || strings.Contains(err.Error(), "SMTP AUTH"): // the words of the library
		return amend.Errorf(amend.Invalid, "send mail", "%w", err)
	}
	return amend.Errorf(amend.Transient, "send mail", "%w", err)
}
