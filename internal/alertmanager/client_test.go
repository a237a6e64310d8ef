package alertmanager_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alertmanager"
)

// list is what Alertmanager 0.31 answers, shortened.
const list = `[
 {"annotations":{"summary":"stuck {{x}}"},"endsAt":"2026-03-02T09:20:00.000Z","fingerprint":"8b4e1d5f6a7c9e01",
  "receivers":[{"name":"amend"}],"startsAt":"2026-03-02T09:05:00.123Z","status":{"inhibitedBy":[],"mutedBy":[],"silencedBy":[],"state":"active"},
  "updatedAt":"2026-03-02T09:16:00.000Z","generatorURL":"http://prometheus/graph","labels":{"alertname":"AppStuck","deployment":"web"}},
 {"annotations":{},"startsAt":"2026-03-02T09:05:00Z","status":{"silencedBy":["x"],"state":"suppressed"},"labels":{"alertname":"Silenced"}}
]`

func secretFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	web := httptest.NewServer(h)
	t.Cleanup(web.Close)
	return web.URL
}

func TestFiring(t *testing.T) {
	var asked *http.Request
	root := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r
		fmt.Fprint(w, list)
	})
	c, err := alertmanager.NewClient(root+"/prefix/", alertmanager.Auth{User: "ada", PasswordFile: secretFile(t, "hunter2")})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Firing(t.Context(), "amend|a&b")
	if err != nil {
		t.Fatal(err)
	}
	want := []amend.Alert{{
		Status: amend.Firing, Labels: map[string]string{"alertname": "AppStuck", "deployment": "web"},
		Annotations: map[string]string{"summary": "stuck {{x}}"}, StartsAt: time.Date(2026, 3, 2, 9, 5, 0, 123e6, time.UTC),
		GeneratorURL: "http://prometheus/graph", Fingerprint: "8b4e1d5f6a7c9e01",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if want := "/prefix/api/v2/alerts?active=true&inhibited=false&receiver=amend%7Ca%26b&silenced=false"; asked.URL.String() != want {
		t.Errorf("asked %s, want %s", asked.URL, want)
	}
	if user, password, _ := asked.BasicAuth(); user != "ada" || password != "hunter2" {
		t.Errorf("asked as %s", user)
	}
}

func TestFiringWithToken(t *testing.T) {
	root := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer t0ken" || r.URL.Query().Has("receiver") {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		fmt.Fprint(w, "[]")
	})
	c, err := alertmanager.NewClient(root, alertmanager.Auth{TokenFile: secretFile(t, "t0ken")})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Firing(t.Context(), ""); err != nil || len(got) > 0 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestFiringSortsErrors(t *testing.T) {
	answer := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(code)
			fmt.Fprint(w, body)
		}
	}
	for name, c := range map[string]struct {
		h    http.HandlerFunc
		want amend.Kind
	}{
		"bad receiver": {answer(400, `"s3cret"`), amend.Invalid},
		"unauthorized": {answer(401, ""), amend.Invalid},
		"redirect":     {answer(302, ""), amend.Invalid},
		"down":         {answer(503, ""), amend.Transient},
		"too many":     {answer(429, ""), amend.Transient},
		"web page":     {answer(200, "<html>"), amend.Invalid},
		"an object":    {answer(200, "{}"), amend.Invalid},
		"bad time":     {answer(200, `[{"startsAt":"yesterday"}]`), amend.Invalid},
		"cut short":    {answer(200, `[{"labels":{`), amend.Transient},
	} {
		cl, err := alertmanager.NewClient(serve(t, c.h), alertmanager.Auth{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cl.Firing(t.Context(), ""); amend.KindOf(err) != c.want || strings.Contains(err.Error(), "s3cret") || strings.Contains(amend.Public(err), "127.0.0.1") {
			t.Errorf("%s: %v, want %s, and everybody is told %q", name, err, c.want, amend.Public(err))
		}
	}
	gone, err := alertmanager.NewClient("http://127.0.0.1:1", alertmanager.Auth{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gone.Firing(t.Context(), ""); amend.KindOf(err) != amend.Transient || strings.Contains(amend.Public(err), "127.0.0.1") {
		t.Errorf("nobody there: %v, want transient, and everybody is told %q", err, amend.Public(err))
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := gone.Firing(ended, ""); amend.KindOf(err) != amend.Transient {
		t.Errorf("ended: %v, want transient", err)
	}
}

func TestWrongConfiguration(t *testing.T) {
	for name, c := range map[string]struct {
		address string
		auth    alertmanager.Auth
	}{
		"no scheme":       {address: "alertmanager:9093"},
		"nothing":         {},
		"credentials":     {address: "http://ada:hunter2@alertmanager"},
		"a query":         {address: "http://alertmanager?x=y"},
		"user only":       {"http://alertmanager", alertmanager.Auth{User: "ada"}},
		"password only":   {"http://alertmanager", alertmanager.Auth{PasswordFile: "x"}},
		"token and user":  {"http://alertmanager", alertmanager.Auth{TokenFile: "x", User: "ada", PasswordFile: "x"}},
		"another control": {address: "http://a\x7f"},
	} {
		_, err := alertmanager.NewClient(c.address, c.auth)
		_, other := alertmanager.NewWebhook(c.address, c.auth)
		for _, err := range []error{err, other} {
			if amend.KindOf(err) != amend.Invalid || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: %v, want Invalid", name, err)
			}
		}
	}
	c, err := alertmanager.NewClient("http://127.0.0.1:1", alertmanager.Auth{TokenFile: "/does/not/exist"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Firing(t.Context(), ""); amend.KindOf(err) != amend.Invalid {
		t.Errorf("no token: %v, want Invalid", err)
	}
}
