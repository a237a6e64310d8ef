package github

import (
	"net/http"
	"strings"

	"github.com/amendhq/amend"
)

// Git returns a way to the host for Git's own protocol, beside the API: a fetch or
// a push waits until the time that the host has named to either of them, and a
// push keeps its distance from other writes. It is sent once, with the credential
// that it has.
func (c *Client) Git() http.RoundTripper { return c.git }

type gitTransport struct{ *transport }

// RoundTrip implements http.RoundTripper. An answer that is a limit is an error,
// see RetryAt; all others are left to whoever asked.
func (t gitTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	c := call{git: true, write: strings.HasSuffix(req.URL.Path, "/git-receive-pack"), urgent: ctx.Value(urgentKey{}) != nil}
	deadline := t.now().Add(t.retryFor)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if err := t.limiter.wait(ctx, t.now, c, deadline); err != nil {
		return nil, typed("", err)
	}
	defer t.limiter.done(c)
	resp, err := patiently(t.base, req)
	if err != nil || resp.StatusCode < 400 {
		return resp, err
	}
	until, limited := t.limiter.observe(t.now(), c, resp.StatusCode, resp.Header, "")
	if limited {
		_ = resp.Body.Close() // it says no more than the status
		return nil, amend.Errorf(amend.Transient, "", "the host answered %s: %w", resp.Status, &limitError{until: until})
	}
	return resp, nil
}
