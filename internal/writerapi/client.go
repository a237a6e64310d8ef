package writerapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/secret"
)

// secondTry is how long the client waits before its one repetition, when nobody
// listened: a writer that is just restarting is back, or the caller's own
// retries have to bridge it.
const secondTry = time.Second

// ClientConfig says where the writer is and how to prove who calls.
type ClientConfig struct {
	// URL is the root of the API, http://HOST:PORT or https://HOST:PORT.
	URL string
	// TokenFile holds the bearer token. It is read for each request, because
	// the kubelet replaces it before it expires.
	TokenFile string
	// CAFile holds the certificates, in PEM, that the writer's must be signed
	// by; the system's when empty.
	CAFile string
}

// A Client calls the writer. Errors have the kind and the reason that the writer
// gave; amend.Transient when it could not be reached or did not answer in time.
type Client struct {
	cfg  ClientConfig
	http *http.Client
}

// NewClient returns a client. It fails with amend.Invalid when the configuration
// cannot be right; the writer is not asked yet.
func NewClient(cfg ClientConfig) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, amend.Errorf(amend.Invalid, "writer", "want http(s)://HOST:PORT without credentials")
	}
	cfg.URL = strings.TrimSuffix(cfg.URL, "/")
	// No proxy: the token is for the writer's eyes alone.
	transport := &http.Transport{}
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, amend.Errorf(amend.Invalid, "read the writer's CA", "%w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, amend.Errorf(amend.Invalid, "read the writer's CA", "%s holds no certificate", cfg.CAFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return &Client{cfg: cfg, http: &http.Client{
		Transport: transport,
		Timeout:   answerWithin + 15*time.Second,
		// Nor a redirect, which would carry the token elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Decide asks what would become of a packed event.
func (c *Client) Decide(ctx context.Context, event string) (amend.Decision, error) {
	return c.decision(ctx, "decide", eventRequest{event})
}

// Propose decides about a packed event and carries the decision out. The same event
// may be proposed again; what it led to is found then.
func (c *Client) Propose(ctx context.Context, event string) (amend.Decision, error) {
	return c.decision(ctx, "propose", eventRequest{event})
}

// Revert takes a change back.
func (c *Client) Revert(ctx context.Context, r amend.Reversal) (amend.Decision, error) {
	return c.decision(ctx, "revert", r)
}

// Judge shows a verdict beside its change and returns the change's record.
func (c *Client) Judge(ctx context.Context, v amend.Verdict) (amend.Record, error) {
	var r amend.Record
	err := c.call(ctx, "verdict", v, &r)
	return r, err
}

// Superseded names the commit that took a commit's change back or took its place;
// zero while there is none.
func (c *Client) Superseded(ctx context.Context, commit string) (amend.Successor, error) {
	var by amend.Successor
	err := c.call(ctx, "superseded", commitRequest{commit}, &by)
	return by, err
}

func (c *Client) decision(ctx context.Context, route string, request any) (amend.Decision, error) {
	var d amend.Decision
	err := c.call(ctx, route, request, &d)
	if err == nil && d.Reason == "" {
		err = amend.Errorf(amend.Internal, "read the writer's answer", "it is no decision")
	}
	return d, err
}

// Record sees to the log entry of a change.
func (c *Client) Record(ctx context.Context, commit string) (Entry, error) {
	var e Entry
	err := c.call(ctx, "record", commitRequest{commit}, &e)
	return e, err
}

// Change returns what is known of the change that a commit brought or took back;
// amend.NotFound when it did neither.
func (c *Client) Change(ctx context.Context, commit string) (Change, error) {
	var a Change
	err := c.call(ctx, "change", commitRequest{commit}, &a)
	return a, err
}

// Contains reports whether the commit is the revision or one of its ancestors.
func (c *Client) Contains(ctx context.Context, revision, commit string) (bool, error) {
	var a containsAnswer
	err := c.call(ctx, "contains", containsRequest{revision, commit}, &a)
	return a.Contains, err
}

// Sweep sees to every missing entry of the log.
func (c *Client) Sweep(ctx context.Context) error {
	return c.call(ctx, "sweep", struct{}{}, &struct{}{})
}

// call posts a request, a second time when nobody listened the first time: then
// nothing was sent, so nothing can be done twice.
func (c *Client) call(ctx context.Context, route string, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return amend.Errorf(amend.Internal, route, "%w", err)
	}
	err = c.post(ctx, route, body, answer)
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	select {
	case <-ctx.Done():
		return err
	case <-time.After(secondTry):
	}
	return c.post(ctx, route, body, answer)
}

func (c *Client) post(ctx context.Context, route string, body []byte, answer any) error {
	token, err := secret.Read(c.cfg.TokenFile)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.URL+"/v1/"+route, bytes.NewReader(body))
	if err != nil {
		return amend.Errorf(amend.Invalid, route, "%w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := c.http.Do(r)
	if err != nil {
		return amend.Errorf(amend.Transient, "reach the writer", "%w", amend.Private(err))
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return amend.Errorf(amend.Transient, "read the writer's answer", "%w", err)
	case len(data) > maxAnswer:
		return amend.Errorf(amend.Internal, "read the writer's answer", "it is longer than %d bytes", maxAnswer)
	case res.StatusCode != http.StatusOK:
		return failure(route, res, data)
	}
	// Fields that a newer writer adds are none of an older step's business.
	if err := json.Unmarshal(data, answer); err != nil {
		return amend.Errorf(amend.Internal, "read the writer's answer", "%w", err)
	}
	return nil
}

// failure is the error that the writer answered with, or what the status says
// when something else answered.
func failure(route string, res *http.Response, data []byte) error {
	var p Problem
	if err := json.Unmarshal(data, &p); err != nil || p.Message == "" || !known(p.Kind) {
		return amend.Errorf(kindOf(res.StatusCode), route, "the answer is %s and not the writer's", res.Status)
	}
	e := amend.Errorf(p.Kind, route, "%s", strings.TrimPrefix(p.Message, string(p.Reason)+": ")) // Error says the reason
	e.Reason = p.Reason
	return e
}

func known(k amend.Kind) bool {
	switch k {
	case amend.Invalid, amend.NotFound, amend.Refused, amend.Conflict, amend.Transient, amend.Internal:
		return true
	}
	return false
}
