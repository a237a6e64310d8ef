// Package openapi holds GitHub's own description of its REST API, cut to the
// operations that amend uses, and checks traffic against it in tests: what the
// client sends, and what the local forge answers.
//
// github.json is generated; see the folder trim.
package openapi

import (
	"bytes"
	"cmp"
	"context"
	_ "embed" // for github.json
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

//go:embed github.json
var description []byte

// A Contract is GitHub's description, ready to check calls.
type Contract struct {
	doc    *openapi3.T
	routes []route
	errors *openapi3.Schema // the shape of an error that an operation does not list
}

type route struct {
	template string
	pattern  *regexp.Regexp
	names    []string
	item     *openapi3.PathItem
}

// Load reads the description. It takes some tens of milliseconds, so a test
// binary does it once.
func Load() (*Contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(description)
	if err != nil {
		return nil, fmt.Errorf("reading GitHub's description: %w", err)
	}
	c := &Contract{doc: doc}
	for template, item := range doc.Paths.Map() {
		c.routes = append(c.routes, newRoute(template, item))
	}
	// A template without a parameter wins over one that has it: pulls/1 over pulls/{n}.
	slices.SortFunc(c.routes, func(a, b route) int {
		// Of two with as many, the longer one: what follows a reference is no part of it.
		return cmp.Or(len(a.names)-len(b.names), len(b.template)-len(a.template), strings.Compare(a.template, b.template))
	})
	basic := doc.Components.Schemas["basic-error"]
	if basic == nil {
		return nil, errors.New("GitHub's description has no basic-error")
	}
	c.errors = basic.Value
	return c, nil
}

var parameter = regexp.MustCompile(`\\\{([a-z_]+)\\\}`)

// newRoute reads a path template. References and ranges of commits may hold
// slashes, which OpenAPI cannot say.
func newRoute(template string, item *openapi3.PathItem) route {
	r := route{template: template, item: item}
	pattern := parameter.ReplaceAllStringFunc(regexp.QuoteMeta(template), func(found string) string {
		name := parameter.FindStringSubmatch(found)[1]
		r.names = append(r.names, name)
		if name == "ref" || name == "basehead" {
			return "(.+)"
		}
		return "([^/]+)"
	})
	r.pattern = regexp.MustCompile("^" + pattern + "$")
	return r
}

// An exchange is one request with its answer.
type exchange struct {
	Method      string
	Path        string // escaped, with or without the /api/v3 of an Enterprise host
	Query       url.Values
	Header      http.Header
	Body        []byte
	Status      int
	AnswerHead  http.Header
	AnswerBody  []byte
	RequestOnly bool // the server did not answer
}

// covers reports whether the path belongs to the REST API, and not to Git over
// HTTP or to the controls of a test host.
func covers(path string) bool {
	return !strings.HasPrefix(path, "/_") && !strings.Contains(path, ".git/")
}

// check returns what in the call contradicts GitHub's description, or nil. A
// request that GitHub would refuse is no contradiction when it was refused
// with a 4xx.
func (c *Contract) check(ctx context.Context, call exchange) error {
	input, err := c.input(call)
	if err != nil {
		return err
	}
	refused := !call.RequestOnly && call.Status >= 400 && call.Status < 500
	if err := openapi3filter.ValidateRequest(ctx, input); err != nil && !refused {
		return fmt.Errorf("request: %w", err)
	}
	if call.RequestOnly {
		return nil
	}
	if err := c.checkAnswer(ctx, input, call); err != nil {
		return fmt.Errorf("answer %d: %w", call.Status, err)
	}
	return nil
}

func (c *Contract) input(call exchange) (*openapi3filter.RequestValidationInput, error) {
	path := strings.TrimPrefix(call.Path, "/api/v3")
	if strings.HasSuffix(path, "/labels") && bytes.HasPrefix(call.Body, []byte("[")) {
		// go-github sends the list alone. GitHub takes it, and used to describe it.
		call.Body = slices.Concat([]byte(`{"labels":`), call.Body, []byte("}"))
	}
	for _, r := range c.routes {
		match := r.pattern.FindStringSubmatch(path)
		operation := r.item.GetOperation(call.Method)
		if match == nil || operation == nil {
			continue
		}
		params := map[string]string{}
		for i, name := range r.names {
			value, err := url.PathUnescape(match[i+1])
			if err != nil {
				return nil, fmt.Errorf("request: %w", err)
			}
			params[name] = value
		}
		req := &http.Request{
			Method: call.Method, Header: call.Header, Body: io.NopCloser(bytes.NewReader(call.Body)),
			URL: &url.URL{Path: path, RawQuery: call.Query.Encode()}, ContentLength: int64(len(call.Body)),
		}
		return &openapi3filter.RequestValidationInput{
			Request: req, PathParams: params, QueryParams: call.Query, Options: &openapi3filter.Options{MultiError: true},
			Route: &routers.Route{Spec: c.doc, Path: r.template, PathItem: r.item, Method: call.Method, Operation: operation},
		}, nil
	}
	return nil, errors.New("request: GitHub describes no such operation, or trim does not keep it")
}

// general are the answers that GitHub gives on any operation without listing
// them there: unreadable JSON, authentication, limits, trouble, and a
// conditional read.
var general = []int{304, 400, 401, 403, 404, 429, 500, 502, 503}

// jsonType matches the media types whose body is described by a schema. The
// suffix of vnd.github.raw+json promises more than it holds.
var jsonType = regexp.MustCompile(`^(|\*/\*|application/json|application/vnd\.github(\.v3)?\+json)$`)

func mediaType(h http.Header) string {
	name, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.TrimSpace(name)
}

func (c *Contract) checkAnswer(ctx context.Context, input *openapi3filter.RequestValidationInput, call exchange) error {
	if given := mediaType(call.AnswerHead); given == call.Header.Get("Accept") && !jsonType.MatchString(given) {
		return nil // the client asked for a form that has no schema: raw, sha, diff or patch
	}
	if input.Route.Operation.Responses.Status(call.Status) != nil {
		answer := &openapi3filter.ResponseValidationInput{
			RequestValidationInput: input, Status: call.Status, Header: call.AnswerHead,
			Options: &openapi3filter.Options{MultiError: true},
		}
		return openapi3filter.ValidateResponse(ctx, answer.SetBodyBytes(call.AnswerBody))
	}
	if !slices.Contains(general, call.Status) {
		return errors.New("GitHub does not answer so")
	}
	if call.Status == http.StatusNotModified || len(call.AnswerBody) == 0 {
		return nil
	}
	value, err := decode(call.AnswerBody)
	if err != nil {
		return err
	}
	return c.errors.VisitJSON(value)
}
