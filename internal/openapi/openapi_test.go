package openapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/amendhq/amend/internal/openapi"
)

// recorder keeps what a Validator reports.
type recorder struct{ reports []string }

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.reports = append(r.reports, fmt.Sprintf(format, args...))
}

const (
	sha     = "6dcb09b5b57875f334f61aebed695e2e4193db5e"
	goodRef = `{"ref":"refs/heads/a/b","node_id":"x","url":"http://h/x","object":{"type":"commit","sha":"` + sha + `","url":"http://h/y"}}`
)

func TestValidator(t *testing.T) {
	contract, err := openapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, method, path, body string
		status                   int
		answer                   string
		want                     string // part of the report, or empty
	}{
		{"a reference with slashes", "GET", "/repos/o/r/git/ref/heads/a/b", "", 200, goodRef, ""},
		{"an Enterprise path", "GET", "/api/v3/repos/o/r/git/ref/heads/a", "", 200, goodRef, ""},
		{"a field is missing in the answer", "GET", "/repos/o/r/git/ref/heads/a", "", 200, `{"ref":"refs/heads/a"}`, "node_id"},
		{"a status nobody gives", "GET", "/repos/o/r/git/ref/heads/a", "", 418, `{}`, "does not answer so"},
		{"a general error", "GET", "/repos/o/r/git/ref/heads/a", "", 401, `{"message":"Bad credentials"}`, ""},
		{"a general error of the wrong shape", "GET", "/repos/o/r/git/ref/heads/a", "", 401, `{"message":7}`, "message"},
		{"no such operation", "PUT", "/repos/o/r/contents/x", "{}", 200, `{}`, "no such operation"},
		{"a field is missing in the request", "POST", "/repos/o/r/git/refs", `{"ref":"refs/heads/a"}`, 201, goodRef, "sha"},
		{"a bad request that was refused", "POST", "/repos/o/r/git/refs", `{"ref":"refs/heads/a"}`, 422, `{"message":"m","documentation_url":"d"}`, ""},
		{"Git itself is not REST", "POST", "/o/r.git/git-upload-pack", "x", 200, "y", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(test.status)
				fmt.Fprint(w, test.answer)
			})
			req := httptest.NewRequest(test.method, "http://h"+test.path, strings.NewReader(test.body))
			req.Header.Set("Content-Type", "application/json")
			r := &recorder{}
			res, err := contract.Validator(r).Transport(direct{answer}).RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			report := strings.Join(r.reports, "\n")
			if (test.want == "") != (report == "") || !strings.Contains(report, test.want) {
				t.Errorf("it reported %q, want %q", report, test.want)
			}
		})
	}
}

// direct answers from a handler without a network.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(req *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	d.handler.ServeHTTP(rec, req)
	return rec.Result(), nil
}
