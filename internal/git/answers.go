package git

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/transport"

	"github.com/amendhq/amend"
)

// answers turns the host's refusals into typed errors before go-git sees them.
// Bodies are left out: they are foreign text of any length.
type answers struct {
	base http.RoundTripper
	op   string // what is being done
}

func (a answers) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := a.base.RoundTrip(req)
	if err == nil && resp.StatusCode/100 == 2 && !strings.HasSuffix(req.URL.Path, "/git-upload-pack") {
		return whole(resp)
	}
	if err != nil || resp.StatusCode/100 == 2 {
		return resp, err
	}
	_ = resp.Body.Close() // it is not read
	kind := amend.Refused
	switch code := resp.StatusCode; {
	case code == http.StatusNotFound:
		kind = amend.NotFound
	case code >= 500, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout,
		code == http.StatusForbidden && limited(resp.Header):
		kind = amend.Transient
	case code/100 == 3:
		return nil, a.refused("the repository has moved (%s); configure its new address", resp.Status)
	}
	if kind == amend.Refused {
		return nil, a.refused("the host answered %s", resp.Status)
	}
	return nil, amend.Errorf(kind, a.op, "the host answered %s", resp.Status)
}

func limited(h http.Header) bool {
	return h.Get("Retry-After") != "" || h.Get("X-Ratelimit-Remaining") == "0"
}

// maxAnswer bounds what is read of an answer that is no pack; one of a host with
// a hundred thousand branches has some megabytes.
const maxAnswer = 64 << 20

// whole reads an answer to its end. go-git stops at the end of what it
// understands, and a connection on which something is left cannot be used again.
func whole(resp *http.Response) (*http.Response, error) {
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(content))
	return resp, nil
}

func (a answers) refused(format string, args ...any) error {
	e := amend.Refusef(amend.ReasonFailed, format, args...)
	e.Op = a.op
	return e
}

// classify gives every error of a fetch or a push a kind. What has none comes from the
// network, from a server that ended in the middle, or from a full disk: all of
// it may pass.
func classify(op string, err error) error {
	// go-git's wrappers do not unwrap.
	var unexpected *plumbing.UnexpectedError
	if errors.As(err, &unexpected) {
		err = unexpected.Err
	}
	var typed *amend.Error
	if errors.As(err, &typed) {
		return err
	}
	if errors.Is(err, transport.ErrRepositoryNotFound) {
		return amend.Errorf(amend.NotFound, op, "%w", err)
	}
	return amend.Errorf(amend.Transient, op, "%w", err)
}
