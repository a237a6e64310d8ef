// Package prometheus asks a Prometheus, or what speaks its HTTP API, whether an
// expression yields anything, and for reports what it was worth over a time. The
// expressions are those of people who write policies and rules, never of alerts.
package prometheus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/secret"
)

const (
	// timeout bounds one question, and is what the server is told too.
	timeout = 15 * time.Second
	// maxAnswer bounds what is read of an answer: room for 10,000 series.
	maxAnswer = 8 << 20
)

const op = "ask prometheus"

// Config says where a Prometheus is and how to prove who asks.
type Config struct {
	// URL is its address, with its route prefix if it has one.
	URL string
	// TokenFile holds a bearer token and is read for every question; no token is
	// shown when it is empty.
	TokenFile string
	// CAFile holds the certificates, in PEM, that the server's must be signed by;
	// the system's when empty.
	CAFile string
}

// A Client asks one Prometheus. It is safe for concurrent use.
type Client struct{ api v1.API }

// New returns a client. It fails with amend.Invalid for an address that is none
// or has credentials in it, and for certificates that cannot be read; it connects
// to nothing.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, amend.Errorf(amend.Invalid, op, "want http(s)://HOST:PORT without credentials")
	}
	roots, err := trusted(cfg.CAFile)
	if err != nil {
		return nil, err
	}
	c, err := api.NewClient(api.Config{Address: cfg.URL, Client: &http.Client{
		Timeout: timeout,
		// No proxy: the services of a cluster are next door.
		Transport: bounded{tokenFile: cfg.TokenFile, next: &http.Transport{
			TLSHandshakeTimeout: 5 * time.Second, ForceAttemptHTTP2: true,
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		}},
		// Nor a redirect, which would carry the token elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}})
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, op, "%w", err)
	}
	return &Client{v1.NewAPI(c)}, nil
}

// trusted is nil, which means the system's, without a file.
func trusted(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "read the CA of prometheus", "%w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, amend.Errorf(amend.Invalid, "read the CA of prometheus", "%s holds no certificate", file)
	}
	return roots, nil
}

// Holds reports whether the expression yields any series at a time, as an
// alerting rule would fire on it. It fails with amend.Transient when that cannot
// be said now, which includes an answer that comes with a warning and is empty:
// part of it may be missing. It fails with amend.Invalid when the server does not
// understand the question or answers something else than series, and with
// amend.Refused when it does not want to be asked.
func (c *Client) Holds(ctx context.Context, query string, at time.Time) (bool, error) {
	value, warnings, _, err := c.api.Query(ctx, query, at, v1.WithTimeout(timeout), v1.WithLimit(1))
	if err != nil {
		return false, classified(err)
	}
	series, ok := value.(model.Vector)
	switch {
	case !ok:
		return false, amend.Errorf(amend.Invalid, op, "the expression yields a %s and no series; compare with a number, as an alerting rule does", value.Type())
	case len(series) == 0 && len(warnings) > 0:
		return false, amend.Errorf(amend.Transient, op, "the answer is empty and may not be whole: %w", amend.Private(fmt.Errorf("%.200q", warnings[0])))
	}
	return len(series) > 0, nil
}

// refused is an answer that has nothing to do with the question.
type refused struct{ status int }

func (r refused) Error() string {
	return fmt.Sprintf("it answered %d %s", r.status, http.StatusText(r.status))
}

// classified gives an error its kind. What the server says of an expression helps its
// author, and may name hosts behind it, so it is not for everybody; a body that is none
// of the API's is left out.
func classified(err error) error {
	var (
		said *v1.Error
		no   refused
		own  *amend.Error
	)
	switch {
	case errors.As(err, &own):
		return own // a token that cannot be read
	case errors.As(err, &no):
		return amend.Errorf(amend.Refused, op, "%w", no)
	case !errors.As(err, &said):
		return amend.Errorf(amend.Transient, op, "%w", amend.Private(err))
	case said.Type == v1.ErrBadData || said.Type == v1.ErrExec || said.Type == v1.ErrClient || said.Type == v1.ErrBadResponse:
		return amend.Errorf(amend.Invalid, op, "%s: %w", said.Type, amend.Private(fmt.Errorf("%.300q", said.Msg)))
	}
	return amend.Errorf(amend.Transient, op, "%s: %w", said.Type, amend.Private(fmt.Errorf("%.300q", said.Msg)))
}

// bounded shows the token, and reads no more of an answer than is good for us.
type bounded struct {
	tokenFile string
	next      http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.tokenFile != "" {
		token, err := secret.Read(b.tokenFile)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden || res.StatusCode/100 == 3 {
		return nil, errors.Join(refused{res.StatusCode}, res.Body.Close())
	}
	res.Body = limited{io.LimitReader(res.Body, maxAnswer), res.Body}
	return res, nil
}

// limited is a body of which only the beginning is read.
type limited struct {
	io.Reader
	io.Closer
}
