package alertmanager

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/secret"
)

const (
	// timeout bounds one request; 50,000 alerts are a few seconds' work.
	timeout = 30 * time.Second
	// maxAnswer bounds the list of alerts: four times what a gateway takes.
	maxAnswer = 64 << 20
)

// Auth says how to prove who asks: with a token, or a user and a password, or
// not at all. The files are read for every request.
type Auth struct {
	TokenFile          string
	User, PasswordFile string
}

// sign adds the credentials to a request.
func (a Auth) sign(r *http.Request) error {
	switch {
	case a.TokenFile != "":
		token, err := secret.Read(a.TokenFile)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+token)
	case a.PasswordFile != "":
		password, err := secret.Read(a.PasswordFile)
		if err != nil {
			return err
		}
		r.SetBasicAuth(a.User, password)
	}
	return nil
}

// check fails when the credentials cannot be right.
func (a Auth) check() error {
	if (a.User == "") != (a.PasswordFile == "") {
		return amend.Errorf(amend.Invalid, "check credentials", "basic authentication needs both a user and a password file")
	}
	if a.TokenFile != "" && a.User != "" {
		return amend.Errorf(amend.Invalid, "check credentials", "choose a token or a user, not both")
	}
	return nil
}

// A Client asks one Alertmanager.
type Client struct {
	root *url.URL
	auth Auth
	http *http.Client
}

// NewClient returns a client for the Alertmanager at address, which includes
// its route prefix if it has one. It fails with amend.Invalid for an address
// that is none, one with credentials in it, and for credentials that cannot be
// right; it connects to nothing.
func NewClient(address string, auth Auth) (*Client, error) {
	root, err := parse(address)
	if err != nil {
		return nil, err
	}
	if err := auth.check(); err != nil {
		return nil, err
	}
	return &Client{root: root, auth: auth, http: newHTTP()}, nil
}

func parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, amend.Errorf(amend.Invalid, "read address", "want http(s)://HOST:PORT without credentials")
	}
	return u, nil
}

func newHTTP() *http.Client {
	return &http.Client{
		// No proxy: the services of a cluster are next door.
		Transport: &http.Transport{TLSHandshakeTimeout: 5 * time.Second, ForceAttemptHTTP2: true},
		Timeout:   timeout,
		// Nor a redirect, which would carry the credentials elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// A wireAlert is a gettableAlert of API v2, as far as it matters.
type wireAlert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
	Status       struct {
		State string `json:"state"`
	} `json:"status"`
}

// Firing returns the alerts that fire and are neither silenced nor inhibited,
// of the receivers whose whole name matches the regular expression; of all for
// "". It fails with amend.Transient when Alertmanager cannot answer now, and
// with amend.Invalid when it refuses the question or answers something else.
func (c *Client) Firing(ctx context.Context, receiver string) ([]amend.Alert, error) {
	query := url.Values{"active": {"true"}, "silenced": {"false"}, "inhibited": {"false"}}
	if receiver != "" {
		query.Set("receiver", receiver)
	}
	list, err := c.list(ctx, query)
	if err != nil {
		return nil, err
	}
	var firing []amend.Alert
	for _, w := range list {
		if w.Status.State == "active" { // a server that does not know the query says more
			firing = append(firing, w.alert())
		}
	}
	return firing, nil
}

func (w wireAlert) alert() amend.Alert {
	return amend.Alert{
		Status: amend.Firing, Labels: w.Labels, Annotations: w.Annotations,
		StartsAt: w.StartsAt, GeneratorURL: w.GeneratorURL, Fingerprint: w.Fingerprint,
	}
}

// list returns the alerts that a query of API v2 selects.
func (c *Client) list(ctx context.Context, query url.Values) (list []wireAlert, err error) {
	_, err = c.get(ctx, "api/v2/alerts", query, &list)
	return list, err
}

// get reads one answer of the API, and returns its header.
func (c *Client) get(ctx context.Context, path string, query url.Values, into any) (http.Header, error) {
	const op = "ask alertmanager"
	u := c.root.JoinPath(path)
	u.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, amend.Errorf(amend.Internal, op, "%w", err)
	}
	if err := c.auth.sign(r); err != nil {
		return nil, err
	}
	res, err := c.http.Do(r)
	if err != nil {
		return nil, amend.Errorf(amend.Transient, op, "%w", amend.Private(err))
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, refusal(op, res)
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(into); err != nil {
		return nil, unreadable(err)
	}
	return res.Header, nil
}

// unreadable sorts why an answer could not be read: a connection that broke is
// worth another try.
func unreadable(err error) error {
	kind := amend.Transient
	var (
		syntax  *json.SyntaxError
		other   *json.UnmarshalTypeError
		instant *time.ParseError
	)
	if errors.As(err, &syntax) || errors.As(err, &other) || errors.As(err, &instant) {
		kind = amend.Invalid
	}
	return amend.Errorf(kind, "ask alertmanager", "the answer is not what was asked for: %w", amend.Private(err))
}

// refusal makes an error of an answer. Its text is not quoted: it may be an
// alert's.
func refusal(op string, res *http.Response) error {
	kind := amend.Invalid
	if res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests {
		kind = amend.Transient
	}
	return amend.Errorf(kind, op, "it answered %d, at %w", res.StatusCode, amend.Private(errors.New(res.Request.URL.Host)))
}
