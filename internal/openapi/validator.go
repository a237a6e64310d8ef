package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// A TB is the part of testing.TB that a Validator reports to.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
}

// A Validator reports every call that contradicts GitHub's description as a
// failure of the test, with method, path and reason.
type Validator struct {
	contract *Contract
	tb       TB
}

// Validator returns a validator that reports to tb.
func (c *Contract) Validator(tb TB) *Validator { return &Validator{contract: c, tb: tb} }

// Transport wraps next, so that every call through it is checked. The request
// is checked even when no answer arrives.
func (v *Validator) Transport(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		if !covers(req.URL.Path) {
			return next.RoundTrip(req)
		}
		call, req, err := requestCall(req)
		if err != nil {
			return nil, err
		}
		res, err := next.RoundTrip(req)
		if err != nil {
			call.RequestOnly = true
			v.check(req, call)
			return nil, err
		}
		call.Status, call.AnswerHead = res.StatusCode, res.Header
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			call.RequestOnly = true
			res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
		} else {
			call.AnswerBody = body
			res.Body = io.NopCloser(bytes.NewReader(body))
		}
		v.check(req, call)
		return res, nil
	})
}

func (v *Validator) check(req *http.Request, call exchange) {
	v.tb.Helper()
	if err := v.contract.check(req.Context(), call); err != nil {
		v.tb.Errorf("contract: %s %s: %v", call.Method, call.Path, err)
	}
}

// requestCall reads the request's body and returns a request to send instead.
func requestCall(req *http.Request) (exchange, *http.Request, error) {
	call := exchange{Method: req.Method, Path: req.URL.EscapedPath(), Query: req.URL.Query(), Header: req.Header.Clone()}
	if req.Body == nil {
		return call, req, nil
	}
	body, err := io.ReadAll(req.Body)
	req.Body.Close()
	if err != nil {
		return exchange{}, nil, fmt.Errorf("reading the request: %w", err)
	}
	call.Body = body
	clone := req.Clone(req.Context())
	clone.Body = io.NopCloser(bytes.NewReader(body))
	return call, clone, nil
}

func decode(body []byte) (any, error) {
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return nil, fmt.Errorf("the body is no JSON: %w", err)
	}
	return value, nil
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// failing passes on the error that cut an answer short.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
