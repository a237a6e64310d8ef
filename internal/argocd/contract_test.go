package argocd_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

var cut = flag.String("cut", "", "write testdata/swagger.json anew from assets/swagger.json of Argo CD")

const description = "testdata/swagger.json"

// spoken are the operations of the client, all of them reads.
var spoken = []string{"/api/v1/applications", "/api/v1/applications/{name}", "/api/v1/applications/{name}/manifests"}

// TestDescriptionIsCut keeps what the client speaks of Argo CD's description,
// and drops the prose.
func TestDescriptionIsCut(t *testing.T) {
	if *cut == "" {
		t.Skip("-cut names no description to cut")
	}
	data, err := os.ReadFile(*cut)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	paths, definitions := map[string]any{}, map[string]any{}
	for _, p := range spoken {
		paths[p] = map[string]any{"get": doc["paths"].(map[string]any)[p].(map[string]any)["get"]}
	}
	keep(doc["definitions"].(map[string]any), definitions, paths)
	small := map[string]any{"swagger": doc["swagger"], "info": doc["info"], "paths": paths, "definitions": definitions}
	out, err := json.MarshalIndent(small, "", " ")
	if err == nil {
		err = os.WriteFile(description, append(out, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// keep adds every definition that a part of the description refers to, and takes
// the prose out of both.
func keep(all, kept map[string]any, part any) {
	switch part := part.(type) {
	case []any:
		for _, v := range part {
			keep(all, kept, v)
		}
	case map[string]any:
		for _, prose := range []string{"description", "title", "summary", "tags"} {
			if _, property := part[prose].(map[string]any); !property {
				delete(part, prose)
			}
		}
		for key, v := range part {
			ref, ok := v.(string)
			name, ok2 := strings.CutPrefix(ref, "#/definitions/")
			if key != "$ref" || !ok || !ok2 {
				keep(all, kept, v)
			} else if kept[name] == nil {
				kept[name] = all[name]
				keep(all, kept, all[name])
			}
		}
	}
}

// contract checks calls against Argo CD's description of its API.
type contract struct {
	t   *testing.T
	doc *openapi3.T
}

func newContract(t *testing.T) contract {
	t.Helper()
	data, err := os.ReadFile(description)
	if err != nil {
		t.Fatal(err)
	}
	var old openapi2.T
	if err := json.Unmarshal(data, &old); err != nil {
		t.Fatal(err)
	}
	doc, err := openapi2conv.ToV3(&old)
	if err != nil {
		t.Fatal(err)
	}
	return contract{t, doc}
}

// operation finds what is asked, with the name in the path if there is one.
func (c contract) operation(r *http.Request) (string, map[string]string) {
	for _, template := range slices.Backward(spoken) {
		before, after, named := strings.Cut(template, "{name}")
		name, ok := strings.CutPrefix(r.URL.Path, before)
		if name, ok2 := strings.CutSuffix(name, after); ok && ok2 && named == (name != "") && !strings.Contains(name, "/") {
			return template, map[string]string{"name": name}
		}
	}
	c.t.Errorf("Argo CD describes no operation %s", r.URL.Path)
	return "", nil
}

// serve answers as next does, and fails the test when the request or the answer
// is not as described. The fields of a list are not in the description.
func (c contract) serve(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		template, params := c.operation(r)
		if template == "" {
			http.NotFound(w, r)
			return
		}
		item := c.doc.Paths.Value(template)
		for name := range r.URL.Query() {
			if item.Get.Parameters.GetByInAndName("query", name) == nil && name != "fields" {
				c.t.Errorf("%s has no parameter %s", template, name)
			}
		}
		input := &openapi3filter.RequestValidationInput{
			Request: r, PathParams: params, QueryParams: url.Values(r.URL.Query()),
			Route:   &routers.Route{Spec: c.doc, Path: template, PathItem: item, Method: r.Method, Operation: item.Get},
			Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
		}
		if err := openapi3filter.ValidateRequest(r.Context(), input); err != nil {
			c.t.Errorf("request: %v", err)
		}
		record := httptest.NewRecorder()
		next(record, r)
		if strings.HasPrefix(record.Header().Get("Content-Type"), "application/json") {
			answer := &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: record.Code, Header: record.Header(), Options: input.Options}
			if err := openapi3filter.ValidateResponse(r.Context(), answer.SetBodyBytes(record.Body.Bytes())); err != nil {
				c.t.Errorf("answer %d: %v", record.Code, err)
			}
		}
		for name, values := range record.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(record.Code)
		_, _ = bytes.NewReader(record.Body.Bytes()).WriteTo(w) // a client that left is no finding
	}
}
