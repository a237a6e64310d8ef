package eventsource

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/secret"
)

// The paths of the EventSource, below its URL. The last is Argo Events' own.
const (
	firingPath   = "firing"
	resolvedPath = "resolved"
	healthPath   = "health"
)

// Chunk is how many events one call of Publish should bring: with the 5 s that
// the gateway gives it, an EventSource that needs 150 ms for each keeps up.
const Chunk = 32

// probeTimeout is how long a healthy EventSource may take to say so.
const probeTimeout = 2 * time.Second

// Config is what a client is made of. URL and Registry are required.
type Config struct {
	// URL is the root of the EventSource, http://SERVICE:12000.
	URL string
	// TokenFile holds the bearer token of the EventSource's authSecret; it is
	// read for every post. Without one none is sent.
	TokenFile string
	// Concurrency is how many posts may be in work; 8 when zero.
	Concurrency int
	// Transport makes the connections; a pool of its own when nil.
	Transport http.RoundTripper
	Registry  *prometheus.Registry
}

// A Client posts events. It is safe for concurrent use.
type Client struct {
	root    *url.URL
	token   string // file
	http    *http.Client
	slots   chan struct{}
	metrics *metrics
}

// New makes a client and reads the token once. It fails with amend.Invalid for
// a URL that is none and for a token that cannot be read; it connects to nothing.
func New(cfg Config) (*Client, error) {
	root, err := url.Parse(cfg.URL)
	if err != nil || root.Host == "" || root.User != nil || (root.Scheme != "http" && root.Scheme != "https") {
		return nil, amend.Errorf(amend.Invalid, "make eventsource client", "want http(s)://HOST:PORT without credentials")
	}
	if cfg.TokenFile != "" {
		if _, err := secret.Read(cfg.TokenFile); err != nil {
			return nil, err
		}
	}
	if cfg.Concurrency == 0 {
		cfg.Concurrency = 8
	}
	if cfg.Transport == nil {
		// No proxy: the EventSource is a Service next door.
		cfg.Transport = &http.Transport{
			MaxIdleConnsPerHost: cfg.Concurrency, IdleConnTimeout: 90 * time.Second,
			TLSHandshakeTimeout: 5 * time.Second, ForceAttemptHTTP2: true,
		}
	}
	m, err := newMetrics(cfg.Registry)
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "make eventsource client", "%w", err)
	}
	return &Client{
		root: root, token: cfg.TokenFile, slots: make(chan struct{}, cfg.Concurrency), metrics: m,
		http: &http.Client{
			Transport: cfg.Transport,
			// A redirect is no answer of an EventSource, and it would carry the
			// event elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Publish posts every event. Nil means that all of them are on the bus.
//
// After the first failure no more posts are begun, and the error is returned
// once those in work have ended; ctx bounds how long that takes, so it must end.
// Some of the events may be on the bus then; as their ids do not change,
// publishing all of them again does no harm.
func (c *Client) Publish(ctx context.Context, events []amend.Event) error {
	begin, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var posts sync.WaitGroup
	for _, e := range events {
		if !c.acquire(begin) {
			break
		}
		posts.Go(func() {
			defer c.release()
			if err := c.post(ctx, e); err != nil {
				fail(err)
			}
		})
	}
	posts.Wait()
	err := context.Cause(begin)
	if err != nil && err == ctx.Err() {
		return amend.Errorf(amend.Transient, "publish", "%w", err)
	}
	return err
}

// acquire waits for the right to post and reports whether it was given before
// ctx ended.
func (c *Client) acquire(ctx context.Context) bool {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	if ctx.Err() != nil { // both were possible
		c.release()
		return false
	}
	return true
}

func (c *Client) release() { <-c.slots }

// post sends one event and returns nil when the EventSource has stored it.
func (c *Client) post(ctx context.Context, e amend.Event) error {
	outer, err := alert.Envelop(e)
	if err != nil {
		return err
	}
	body, err := json.Marshal(outer)
	if err != nil {
		return amend.Errorf(amend.Internal, "publish", "%w", err)
	}
	path := firingPath
	if e.Alert.Status == amend.Resolved {
		path = resolvedPath
	}
	r, err := c.request(ctx, http.MethodPost, path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", event.ApplicationCloudEventsJSON)
	timer := prometheus.NewTimer(c.metrics.seconds)
	code, err := c.do(r)
	timer.ObserveDuration()
	c.metrics.count(code)
	switch {
	case err != nil:
		return err
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return amend.Errorf(amend.Invalid, "publish", "the EventSource answered %d: its token is another one", code)
	case code < 200 || code > 299:
		return amend.Errorf(amend.Transient, "publish", "the EventSource answered %d", code)
	}
	return nil
}

// Ready fails when the EventSource does not answer. Whether its bus does is
// only seen by publishing.
func (c *Client) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	r, err := c.request(ctx, http.MethodGet, healthPath, nil)
	if err != nil {
		return err
	}
	code, err := c.do(r)
	if err == nil && code != http.StatusOK {
		err = amend.Errorf(amend.Transient, "probe eventsource", "it answered %d", code)
	}
	return err
}

func (c *Client) request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.root.JoinPath(path).String(), body)
	if err != nil {
		return nil, amend.Errorf(amend.Internal, "make request", "%w", err)
	}
	if c.token != "" {
		token, err := secret.Read(c.token)
		if err != nil {
			return nil, err
		}
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r, nil
}

// do returns the status of the answer, 0 when there is none. The text of the
// answer is read, so that the connection is used again, and not looked at.
func (c *Client) do(r *http.Request) (int, error) {
	res, err := c.http.Do(r)
	if err != nil {
		return 0, amend.Errorf(amend.Transient, "reach eventsource", "%w", err)
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, 4<<10) // a worse connection is all it costs
	return res.StatusCode, nil
}
