package github_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/github"
)

func appKey(t *testing.T) (file string, key *rsa.PrivateKey) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	file = filepath.Join(t.TempDir(), "key.pem")
	must(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), 0o600))
	return file, key
}

// An app's token is narrowed to what is needed, used until it is nearly over,
// and got through the same limits and retries as everything else.
func TestAppToken(t *testing.T) {
	file, _ := appKey(t)
	synctest.Test(t, func(t *testing.T) {
		until := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
		get := exchange{want: getRef, status: 200, answer: ref("b", sha1)}
		narrow := `{"repositories":["env"],"permissions":{"contents":"write","pull_requests":"write","statuses":"read"}}`
		const post = "POST /app/installations/42/access_tokens"
		s := newScript(t,
			exchange{want: "GET /repos/acme/env/installation", status: 502},
			exchange{want: "GET /repos/acme/env/installation", status: 200, answer: `{"id":42,"permissions":{"administration":"write","contents":"write","statuses":"read"}}`},
			exchange{want: post, body: narrow, lost: true},
			exchange{want: post, body: narrow, status: 201, answer: fmt.Sprintf(`{"token":%q,"expires_at":%q}`, secret, until(time.Hour))},
			get, get,
			exchange{want: post, body: narrow, status: 201, answer: fmt.Sprintf(`{"token":%q,"expires_at":%q}`, secret+"2", until(3*time.Hour))},
			get,
		)
		var seen []string
		c := client(t, roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/api/v3/repos/acme/env/git/ref/heads/b" {
				seen = append(seen, r.Header.Get("Authorization"))
			} else if got := r.Header.Get("Authorization"); !strings.HasPrefix(got, "Bearer ey") {
				t.Errorf("%s without the app's own token", r.URL)
			}
			return s.RoundTrip(r)
		}), func(c *github.Config) { c.Auth = github.Auth{AppID: 1, KeyFile: file} })
		for i := range 3 {
			if i == 2 {
				time.Sleep(time.Hour)
			}
			_, err := c.Head(ctx, "b")
			must(t, err)
		}
		want := []string{"Bearer " + secret, "Bearer " + secret, "Bearer " + secret + "2"}
		if fmt.Sprint(seen) != fmt.Sprint(want) {
			t.Errorf("credentials were %v, want %v", seen, want)
		}
	})
}

func TestAppRefused(t *testing.T) {
	file, _ := appKey(t)
	for status, want := range map[int]amend.Kind{401: amend.Refused, 403: amend.Refused, 404: amend.NotFound} {
		s := newScript(t,
			exchange{want: "GET /repos/acme/env/installation", status: 200, answer: `{"id":41}`},
			exchange{want: "POST /app/installations/42/access_tokens", status: status, answer: message("no")})
		c := client(t, s, func(c *github.Config) { c.Auth = github.Auth{AppID: 1, InstallationID: 42, KeyFile: file} })
		_, err := c.Head(ctx, "b")
		wantKind(t, err, want)
	}
}

// A token file is read for every request, so it can be rotated; a bad one is
// told from a bad host.
func TestTokenFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	var seen []string
	c := client(t, roundTripper(func(r *http.Request) (*http.Response, error) {
		seen = append(seen, r.Header.Get("Authorization"))
		return respond(r, exchange{status: 200, answer: ref("b", sha1)}), nil
	}), func(c *github.Config) { c.Auth = github.Auth{TokenFile: file} })
	for _, token := range []string{"one", "two"} {
		must(t, os.WriteFile(file, []byte(token+"\n"), 0o600))
		_, err := c.Head(ctx, "b")
		must(t, err)
	}
	if fmt.Sprint(seen) != "[Bearer one Bearer two]" {
		t.Errorf("credentials were %v", seen)
	}
	for _, bad := range []string{"", "\n", "a b", "a\nX-Evil: 1"} {
		must(t, os.WriteFile(file, []byte(bad), 0o600))
		_, err := c.Head(ctx, "b")
		wantKind(t, err, amend.Invalid)
	}
	must(t, os.Remove(file))
	gone := client(t, newScript(t), func(c *github.Config) { c.Auth, c.RetryFor = github.Auth{TokenFile: file}, time.Nanosecond })
	_, err := gone.Head(ctx, "b")
	wantKind(t, err, amend.Transient)
}
