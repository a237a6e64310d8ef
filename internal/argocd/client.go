package argocd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/secret"
)

// The bounds of one call. A render may clone a repository and run a tool, for
// which Argo CD itself takes 90 seconds by default; an answer may hold all that
// an installation deploys.
const (
	callTimeout = 100 * time.Second
	maxAnswer   = 64 << 20
	maxProblem  = 1 << 10
)

// Config says where an API server is and as whom it is asked.
type Config struct {
	// URL is the address of the server, with its root path if it has one.
	URL string
	// TokenFile holds the token of an account; it is read for each call.
	TokenFile string
	// CAFile holds certificates to trust besides those of the system.
	CAFile string
}

// A Client asks one API server. It is safe for concurrent use. Every error has
// an amend.Kind: Refused when the server does not know the token or its account
// lacks a permission, NotFound, Invalid when the server does not understand the
// request, and Transient when it could not be asked or could not render. No
// error holds the token.
type Client struct {
	base      *url.URL
	tokenFile string
	http      *http.Client
}

// New returns a client. It sends nothing, and fails with amend.Invalid when the
// configuration is wrong.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(cfg.URL)
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || (base.Scheme != "https" && base.Scheme != "http") {
		return nil, amend.Errorf(amend.Invalid, "configure Argo CD", "want https://HOST[/PATH] without credentials")
	}
	if _, err := secret.Read(cfg.TokenFile); err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.CAFile != "" {
		if transport.TLSClientConfig.RootCAs, err = trust(cfg.CAFile); err != nil {
			return nil, amend.Errorf(amend.Invalid, "configure Argo CD", "%w", err)
		}
	}
	return &Client{base: base, tokenFile: cfg.TokenFile, http: &http.Client{
		Transport: transport, Timeout: callTimeout,
		// A redirect would take the token to an address that nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func trust(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", file)
	}
	return pool, nil
}

// get reads one resource of the API into out.
func (c *Client) get(ctx context.Context, op string, path []string, query url.Values, out any) error {
	for _, name := range path { // JoinPath would walk them
		if name == "" || name == "." || name == ".." || strings.Contains(name, "/") {
			return amend.Errorf(amend.Invalid, op, "%q is no name", name)
		}
	}
	address := c.base.JoinPath(append([]string{"api", "v1"}, path...)...)
	address.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return amend.Errorf(amend.Internal, op, "%w", err)
	}
	token, err := secret.Read(c.tokenFile)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return amend.Errorf(amend.Transient, op, "%w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return problem(op, res)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	}
	if err == nil {
		err = json.Unmarshal(body, out)
	}
	if err != nil {
		return amend.Errorf(amend.Transient, op, "the answer is not what the API promises: %w", err)
	}
	return nil
}

// problem sorts an answer that is no success, and takes over what the server
// says of it. Its gateway maps the codes of gRPC to those of HTTP; a render that
// failed is unknown there, whether the manifests are wrong or a repository is away.
func problem(op string, res *http.Response) error {
	var said struct {
		Message string `json:"message"`
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil || json.Unmarshal(text, &said) != nil || said.Message == "" {
		said.Message = http.StatusText(res.StatusCode)
	}
	if len(said.Message) > maxProblem {
		said.Message = strings.ToValidUTF8(said.Message[:maxProblem], "") + "…"
	}
	err = fmt.Errorf("the API server of Argo CD answers %d: %s", res.StatusCode, said.Message)
	if at := res.Header.Get("Location"); at != "" {
		err = errors.New("the API server of Argo CD redirects to another address; configure that one, with https if it serves it")
	}
	switch code := res.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return amend.Errorf(amend.Refused, op, "%w", err)
	case code == http.StatusNotFound:
		return amend.Errorf(amend.NotFound, op, "%w", err)
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500 && code != http.StatusNotImplemented:
		return amend.Errorf(amend.Transient, op, "%w", err)
	}
	return amend.Errorf(amend.Invalid, op, "%w", err)
}
