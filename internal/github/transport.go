package github

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/amendhq/amend"
)

// transport is what every request passes: it waits for the limiter, adds the
// credential, bounds the time, reads the whole answer and turns every answer
// that is not a success into an amend.Error, repeating where that is safe.
type transport struct {
	base        http.RoundTripper
	limiter     *Limiter
	token       func(context.Context) (string, error) // nil: the request has its own
	callTimeout time.Duration
	retryFor    time.Duration
	now         func() time.Time
	clock       *clock
	known       answers
	log         *slog.Logger
	repeat      bool // after an unknown outcome; what a limit turned away is always sent again
}

// maxAnswer bounds what is read of an answer; ours are some kilobytes.
const maxAnswer = 32 << 20

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(req.Body)
		_ = req.Body.Close() // it is a buffer of go-github's
		if err != nil {
			return nil, err
		}
	}
	deadline := t.now().Add(t.retryFor)
	for attempt := 0; ; attempt++ {
		resp, err := t.try(req, body, deadline)
		if err == nil {
			return resp, nil
		}
		until, limited := RetryAt(err)
		if limited && until.After(deadline) || !limited && (!t.repeat || amend.KindOf(err) != amend.Transient || t.now().After(deadline)) {
			return nil, err
		}
		t.log.InfoContext(req.Context(), "request is repeated", "method", req.Method, "path", req.URL.Path, "attempt", attempt+1, "error", err)
		if limited {
			continue // the limiter waits
		}
		if t.pause(req.Context(), attempt) != nil {
			return nil, err
		}
	}
}

// Backoff after failures; the pause is random up to these, so that many clients
// do not come back at once.
const (
	firstPause = 200 * time.Millisecond
	longPause  = 10 * time.Second
)

func (t *transport) pause(ctx context.Context, attempt int) error {
	top := min(firstPause<<min(attempt, 10), longPause)
	return sleep(ctx, rand.N(top)+time.Millisecond)
}

// try sends the request once.
func (t *transport) try(req *http.Request, body []byte, deadline time.Time) (*http.Response, error) {
	c := callOf(req, t.token != nil)
	if err := t.limiter.wait(req.Context(), t.now, c, deadline); err != nil {
		return nil, typed("", err)
	}
	defer t.limiter.done(c)
	ctx, cancel := context.WithTimeout(req.Context(), t.callTimeout)
	defer cancel()
	out := req.Clone(ctx)
	if body != nil {
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		out.GetBody = nil
	}
	secret := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	if t.token != nil {
		var err error
		if secret, err = t.token(req.Context()); err != nil {
			return nil, typed("authenticate", err)
		}
		out.Header.Set("Authorization", "Bearer "+secret)
	}
	t.known.ask(out)
	sent := t.now()
	resp, err := t.base.RoundTrip(out)
	if err != nil {
		return nil, amend.Errorf(amend.Transient, "", "%w", err)
	}
	resp.Request = out
	t.clock.observe(sent, t.now(), resp.StatusCode, resp.Header)
	return t.answer(resp, c, secret)
}

// answer reads the whole answer, because half of one is no success.
func (t *transport) answer(resp *http.Response, c call, secret string) (*http.Response, error) {
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	_ = resp.Body.Close() // all that matters was read
	if err != nil {
		return nil, amend.Errorf(amend.Transient, "", "read answer %s: %w", resp.Status, err)
	}
	if len(content) > maxAnswer {
		return nil, amend.Errorf(amend.Invalid, "", "the answer is larger than %d bytes", maxAnswer)
	}
	message := hostMessage(content)
	if secret != "" {
		message = strings.ReplaceAll(message, secret, "[secret]")
	}
	until, limited := t.limiter.observe(t.now(), c, resp.StatusCode, resp.Header, message)
	if limited {
		return nil, amend.Errorf(amend.Transient, "", "the host answered %s: %w", resp.Status, &limitError{until: until})
	}
	content = t.known.hear(resp, content)
	if err := classify(resp.StatusCode, message); err != nil {
		return nil, err
	}
	// go-github has a limiter of its own, which knows neither our clock nor 429.
	for _, h := range []string{"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"} {
		resp.Header.Del(h)
	}
	resp.Body = io.NopCloser(bytes.NewReader(content))
	return resp, nil
}
