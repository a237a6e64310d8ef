package forge_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend/internal/forge"
)

func TestTokenAccess(t *testing.T) {
	b := newBench(t, forge.Config{})
	first := b.withFiles(map[string]string{"a": "1\n"})
	b.server.AddToken("reader", forge.Grant{Login: "r", Permissions: map[string]string{"contents": "read"}})
	b.server.AddToken("elsewhere", forge.Grant{Login: "e", Repos: []string{"acme/other"}})
	b.server.AddToken("old", forge.Grant{Login: "o", Expires: time.Now().Add(-time.Minute)})
	b.server.AddToken("gone", forge.Grant{Login: "g"})
	b.server.RevokeToken("gone")
	tests := []struct {
		token, method, path, body string
		status                    int
		message                   string
	}{
		{"reader", "GET", "/git/ref/heads/main", "", 200, first},
		{"reader", "POST", "/git/refs", `{"ref":"refs/heads/x","sha":"` + first + `"}`, 403, "Resource not accessible"},
		{"reader", "GET", "/pulls", "", 403, "Resource not accessible"},
		{"elsewhere", "GET", "/git/ref/heads/main", "", 404, "Not Found"},
		{"old", "GET", "/git/ref/heads/main", "", 401, "Bad credentials"},
		{"gone", "GET", "/git/ref/heads/main", "", 401, "Bad credentials"},
		{"", "GET", "/git/ref/heads/main", "", 404, "Not Found"},
		{"", "POST", "/git/refs", `{"ref":"refs/heads/x","sha":"` + first + `"}`, 401, "Requires authentication"},
	}
	for _, test := range tests {
		auth := ""
		if test.token != "" {
			auth = "token " + test.token
		}
		res, body := b.call(test.method, "/api/v3/repos/acme/env"+test.path, test.body, "Authorization", auth)
		if res.StatusCode != test.status || !strings.Contains(body, test.message) {
			t.Errorf("%s %s as %q: %d %s, want %d %q", test.method, test.path, test.token, res.StatusCode, body, test.status, test.message)
		}
		if res.Header.Get("X-Github-Request-Id") == "" {
			t.Error("the answer has no request id")
		}
	}
}

func TestConditionalRead(t *testing.T) {
	b := newBench(t, forge.Config{})
	first := b.withFiles(map[string]string{"a": "1\n"})
	const path = "/repos/acme/env/git/ref/heads/main" // also without /api/v3
	res, _ := b.call(http.MethodGet, path, "")
	tag := res.Header.Get("ETag")
	if res, body := b.call(http.MethodGet, path, "", "If-None-Match", tag); res.StatusCode != http.StatusNotModified || body != "" {
		t.Errorf("the same again: %s %q", res.Status, body)
	}
	if _, _, err := b.client.Git.UpdateRef(t.Context(), "acme", "env", ref("main", b.commit(first, "a", "2\n")), false); err != nil {
		t.Fatal(err)
	}
	if res, _ := b.call(http.MethodGet, path, "", "If-None-Match", tag); res.StatusCode != http.StatusOK {
		t.Errorf("after a change: %s", res.Status)
	}
}

func TestRateLimit(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	b := newBench(t, forge.Config{RateLimit: 3, Now: func() time.Time { return now }})
	b.withFiles(map[string]string{"a": "1\n"}) // one call
	b.head("main")
	b.head("main")
	limits, _, err := b.client.RateLimit.Get(t.Context())
	if err != nil || limits.GetCore().Remaining != 0 || limits.GetCore().Limit != 3 {
		t.Errorf("limits: %v, %v", limits, err)
	}
	res, body := b.call(http.MethodGet, "/api/v3/repos/acme/env", "")
	reset := strconv.FormatInt(now.Add(time.Hour).Unix(), 10)
	if res.StatusCode != http.StatusForbidden || !strings.Contains(body, "rate limit exceeded") ||
		res.Header.Get("X-Ratelimit-Remaining") != "0" || res.Header.Get("X-Ratelimit-Reset") != reset || res.Header.Get("X-Ratelimit-Resource") != "core" {
		t.Errorf("over the limit: %s %s %v", res.Status, body, res.Header)
	}
	now = now.Add(time.Hour)
	if res, _ := b.call(http.MethodGet, "/api/v3/repos/acme/env", ""); res.StatusCode != http.StatusOK || res.Header.Get("X-Ratelimit-Used") != "1" {
		t.Errorf("in the next hour: %s %v", res.Status, res.Header)
	}
	if res, _ := b.call(http.MethodGet, "/api/v3/rate_limit", "", "Authorization", "Bearer no"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("limits of an unknown token: %s", res.Status)
	}
}

// newApp registers App 7 with installation 9 on acme/env and returns its key.
func newApp(t *testing.T, b *bench) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	b.server.AddApp(forge.App{ID: 7, Slug: "amend", Key: &key.PublicKey})
	b.server.AddInstallation(forge.Installation{
		ID: 9, AppID: 7, Account: "acme", Repos: []string{"acme/env", "acme/second"},
		Permissions: map[string]string{"contents": "write", "pull_requests": "read"},
	})
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

func (b *bench) appTransport(t *testing.T, key []byte, appID int64) *ghinstallation.AppsTransport {
	t.Helper()
	contract, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	apps, err := ghinstallation.NewAppsTransport(contract.Validator(t).Transport(http.DefaultTransport), appID, key)
	if err != nil {
		t.Fatal(err)
	}
	apps.BaseURL = b.url + "/api/v3"
	return apps
}

func TestAppTokens(t *testing.T) {
	now := time.Now()
	b := newBench(t, forge.Config{Now: func() time.Time { return now }})
	first := b.withFiles(map[string]string{"a": "1\n"})
	key := newApp(t, b)
	apps := b.appTransport(t, key, 7)
	client, err := github.NewClient(&http.Client{Transport: apps}).WithEnterpriseURLs(b.url, b.url)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	inst, _, err := client.Apps.FindRepositoryInstallation(ctx, "acme", "env")
	if err != nil || inst.GetID() != 9 {
		t.Fatalf("installation: %v, %v", inst, err)
	}
	_, _, err = client.Apps.FindRepositoryInstallation(ctx, "acme", "third")
	wantError(t, err, 404, "Not Found")

	narrow := &github.InstallationTokenOptions{Repositories: []string{"env"}, Permissions: &github.InstallationPermissions{Contents: github.String("read")}}
	narrowed, _, err := client.Apps.CreateInstallationToken(ctx, 9, narrow)
	if err != nil || len(narrowed.Repositories) != 1 || narrowed.Permissions.GetContents() != "read" {
		t.Fatalf("token: %v, %v", narrowed, err)
	}
	reader := b.clientFor(narrowed.GetToken())
	if _, _, err := reader.Git.GetRef(ctx, "acme", "env", "heads/main"); err != nil {
		t.Error(err)
	}
	_, _, err = reader.Git.CreateRef(ctx, "acme", "env", ref("x", first))
	wantError(t, err, 403, "Resource not accessible by integration")

	_, _, err = client.Apps.CreateInstallationToken(ctx, 9, &github.InstallationTokenOptions{Repositories: []string{"third"}})
	wantError(t, err, 422, "at least one repository")
	_, _, err = client.Apps.CreateInstallationToken(ctx, 9, &github.InstallationTokenOptions{Permissions: &github.InstallationPermissions{PullRequests: github.String("write")}})
	wantError(t, err, 422, "not granted")
	_, _, err = client.Apps.CreateInstallationToken(ctx, 8, &github.InstallationTokenOptions{})
	wantError(t, err, 404, "Not Found")

	whole, _, err := client.Apps.CreateInstallationToken(ctx, 9, &github.InstallationTokenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	writer := b.clientFor(whole.GetToken())
	if _, _, err := writer.Git.CreateRef(ctx, "acme", "env", ref("x", first)); err != nil {
		t.Error(err)
	}
	now = now.Add(61 * time.Minute)
	_, _, err = writer.Git.GetRef(ctx, "acme", "env", "heads/main")
	wantError(t, err, 401, "Bad credentials")
}

func TestBadAppTokens(t *testing.T) {
	now := time.Now()
	b := newBench(t, forge.Config{Now: func() time.Time { return now }})
	b.withFiles(map[string]string{"a": "1\n"})
	key := newApp(t, b)
	other := newBench(t, forge.Config{})
	otherKey := newApp(t, other)
	for name, apps := range map[string]*ghinstallation.AppsTransport{
		"signed with another key": b.appTransport(t, otherKey, 7),
		"of an unknown App":       b.appTransport(t, key, 8),
	} {
		client, err := github.NewClient(&http.Client{Transport: apps}).WithEnterpriseURLs(b.url, b.url)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = client.Apps.CreateInstallationToken(t.Context(), 9, &github.InstallationTokenOptions{})
		if err == nil {
			t.Errorf("a token %s was accepted", name)
		}
		wantError(t, err, 401, "could not be decoded")
	}
	client, err := github.NewClient(&http.Client{Transport: b.appTransport(t, key, 7)}).WithEnterpriseURLs(b.url, b.url)
	if err != nil {
		t.Fatal(err)
	}
	for moved, want := range map[time.Duration]string{20 * time.Minute: "future time", -20 * time.Minute: "too far in the future"} {
		at := now
		now = at.Add(moved)
		_, _, err = client.Apps.CreateInstallationToken(t.Context(), 9, &github.InstallationTokenOptions{})
		wantError(t, err, 401, want)
		now = at
	}
}
