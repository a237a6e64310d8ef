// Package github works on one env repo through the REST API of GitHub or of a host
// that speaks it: pull requests, commit statuses, and repository_dispatch. Commits
// are not made here but pushed; see Client.Git.
//
// Three rules shape it. No path of a file is part of an address, because there
// "../" would name another repository; so the Contents API is not used. An answer
// that was lost is found out by reading and never by writing again blindly. And no
// request leaves before the time that the host asked to wait until.
package github

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
)

// Config says which repository to write to, as whom, and how patiently.
type Config struct {
	// BaseURL is the root of the REST API; empty means https://api.github.com.
	// For GitHub Enterprise Server it ends in /api/v3.
	BaseURL string
	Owner   string
	Repo    string
	Auth    Auth
	// Login is the account that the credential writes as, as the host shows it; it is
	// asked when empty.
	Login string
	// Transport carries the requests; nil means http.DefaultTransport.
	Transport http.RoundTripper
	// Limiter is shared by the clients of one installation; nil means an own
	// one that does not space writes.
	Limiter *Limiter
	// CallTimeout ends one request; zero means 15 s.
	CallTimeout time.Duration
	// RetryFor bounds how long a call is repeated, and how long it waits for a
	// limit; zero means 90 s. A context that ends earlier wins.
	RetryFor time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log is told of retries and limits; nil discards.
	Log *slog.Logger
}

// A Client acts on one repository. It is safe for concurrent use. Every error
// has an amend.Kind: Refused when a credential, a rule or a protection forbids
// it, Conflict when somebody was first, NotFound, Invalid when the host does not
// understand it, and Transient when it may work later (see RetryAt).
type Client struct {
	owner, repo string
	log         *slog.Logger
	token       func(context.Context) (string, error)
	// again repeats failed requests by itself; once sends each once and leaves
	// it to the caller to find out what became of it.
	again, once *github.Client
	pause       func(ctx context.Context, attempt int) error
	self        *account
	now         func() time.Time
	clock       *clock
	git         gitTransport
}

var name = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`)

// New checks the configuration; it sends nothing.
func New(cfg Config) (*Client, error) {
	base, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	raw := &transport{
		base: cfg.Transport, limiter: cfg.Limiter, callTimeout: cfg.CallTimeout, retryFor: cfg.RetryFor,
		now: cfg.Now, clock: &clock{}, known: newAnswers(), log: cfg.Log, repeat: true,
	}
	who, err := cfg.Auth.credential(raw, base, cfg.Owner, cfg.Repo)
	if err != nil {
		return nil, err
	}
	again, once := *raw, *raw
	again.token, once.token, once.repeat = who.token, who.token, false
	c := &Client{
		owner: cfg.Owner, repo: cfg.Repo, log: cfg.Log, token: who.token,
		again: restClient(base, &again), once: restClient(base, &once), pause: again.pause, git: gitTransport{raw}, now: cfg.Now, clock: raw.clock,
	}
	c.self = &account{as: c.again, ask: who.login, login: cfg.Login}
	return c, nil
}

// complete fills in defaults and returns the API's root with a final slash.
func (cfg *Config) complete() (*url.URL, error) {
	for _, s := range []string{cfg.Owner, cfg.Repo} {
		if !name.MatchString(s) || s == "." || s == ".." {
			return nil, amend.Errorf(amend.Invalid, "configure github", "%q is not the name of an owner or a repository", s)
		}
	}
	if cfg.BaseURL == "" {
		cfg.BaseURL = "https://api.github.com"
	}
	base, err := url.Parse(strings.TrimRight(cfg.BaseURL, "/") + "/")
	if err != nil || (base.Scheme != "https" && base.Scheme != "http") || base.Host == "" || base.User != nil || base.RawQuery != "" {
		return nil, amend.Errorf(amend.Invalid, "configure github", "the API address must be http(s)://host/path without credentials")
	}
	if cfg.Transport == nil {
		cfg.Transport = http.DefaultTransport
	}
	if cfg.Limiter == nil {
		cfg.Limiter = NewLimiter(cfg.BaseURL, 0)
	}
	if cfg.CallTimeout == 0 {
		cfg.CallTimeout = 15 * time.Second
	}
	if cfg.RetryFor == 0 {
		cfg.RetryFor = 90 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return base, nil
}

func restClient(base *url.URL, t http.RoundTripper) *github.Client {
	c := github.NewClient(&http.Client{Transport: t})
	c.BaseURL = base
	c.UserAgent = "amend"
	return c
}

// Token returns the credential as it is valid now, for Git over HTTP with the
// user x-access-token.
func (c *Client) Token(ctx context.Context) (string, error) {
	token, err := c.token(ctx)
	return token, typed("get token", err)
}

// typed gives an error of a call its operation, and a kind if it has none: what
// is left then is a context that ended or an answer that made no sense.
func typed(op string, err error) error {
	if err == nil {
		return nil
	}
	var e *amend.Error
	if errors.As(err, &e) {
		// The URL and the layers in between say nothing that e does not.
		cause := error(e)
		if e.Op == "" {
			cause = e.Err
		}
		return &amend.Error{Op: op, Kind: e.Kind, Reason: e.Reason, Err: cause}
	}
	return amend.Errorf(amend.Transient, op, "%w", err)
}
