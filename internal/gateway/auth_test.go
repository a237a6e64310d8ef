package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/gateway"
)

// Without authentication a page whose name resolves to 127.0.0.1 must neither
// post nor read; with a token it does not matter how this machine is called.
func TestForeignHost(t *testing.T) {
	token := gateway.Auth{TokenFiles: []string{secretFile(t, "token", "t0ken")}}
	for host, code := range map[string]int{
		"localhost": 415, "localhost:8080": 415, "127.0.0.1:8080": 415, "127.0.0.9": 415, "[::1]:8080": 415, "[::1]": 415,
		"evil.example:8080": 401, "evil.example": 401, "127.0.0.1.evil.example": 401, "localhost.evil.example:8080": 401, "10.0.0.1:8080": 401, "": 401,
	} {
		for _, auth := range []gateway.Auth{{}, token} {
			s := newSite(t, func(c *gateway.Config) { c.Auth = auth })
			r := httptest.NewRequest(http.MethodPost, "/v1/events", nil) // 415 when it is let in
			r.Host = host
			want := code
			if auth.Enabled() {
				r.Header.Set("Authorization", "Bearer t0ken")
				want = 415
			}
			w := httptest.NewRecorder()
			if s.ServeHTTP(w, r); w.Code != want {
				t.Errorf("Host %q, authentication %v: %d, want %d", host, auth.Enabled(), w.Code, want)
			}
		}
	}
}

func TestAuthMatrix(t *testing.T) {
	tokens := gateway.Auth{TokenFiles: []string{secretFile(t, "new", "n3w\n"), secretFile(t, "old", "0ld")}}
	basic := gateway.Auth{User: "am", PasswordFile: secretFile(t, "password", "s3cret:x\r\n")}
	both := gateway.Auth{TokenFiles: tokens.TokenFiles, User: basic.User, PasswordFile: basic.PasswordFile}
	password := func(user, pass string) string {
		r := httptest.NewRequest("GET", "/", nil)
		r.SetBasicAuth(user, pass)
		return r.Header.Get("Authorization")
	}
	tests := []struct {
		name   string
		auth   gateway.Auth
		header string
		code   int
	}{
		{"open", gateway.Auth{}, "", 200},
		{"open with a token", gateway.Auth{}, "Bearer x", 200},
		{"no token", tokens, "", 401},
		{"new token", tokens, "Bearer n3w", 200},
		{"old token", tokens, "Bearer 0ld", 200},
		{"scheme in lower case", tokens, "bearer 0ld", 200},
		{"wrong token", tokens, "Bearer n3x", 401},
		{"longer token", tokens, "Bearer n3w0ld", 401},
		{"empty token", tokens, "Bearer ", 401},
		{"token without scheme", tokens, "n3w", 401},
		{"token as password", tokens, password("am", "n3w"), 401},
		{"password", basic, password("am", "s3cret:x"), 200},
		{"wrong password", basic, password("am", "s3cret"), 401},
		{"wrong user", basic, password("an", "s3cret:x"), 401},
		{"empty password", basic, password("am", ""), 401},
		{"password as token", basic, "Bearer s3cret:x", 401},
		{"both, token", both, "Bearer 0ld", 200},
		{"both, password", both, password("am", "s3cret:x"), 200},
		{"both, nothing", both, "", 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, func(c *gateway.Config) { c.Auth = tt.auth; c.Decisions = decisions{} })
			for _, request := range []string{"POST /v1/alertmanager", "POST /v1/events", "POST /v1/undelivered", "GET /v1/decisions"} {
				method, path, _ := strings.Cut(request, " ")
				r := httptest.NewRequest(method, path, strings.NewReader(group(one(""))))
				r.Header.Set("Content-Type", "application/json")
				if tt.header != "" {
					r.Header.Set("Authorization", tt.header)
				}
				w := s.do(r)
				if denied := w.Code == http.StatusUnauthorized; denied != (tt.code == 401) {
					t.Errorf("%s: %d, want %d", request, w.Code, tt.code)
				}
				if tt.code == 401 && w.Header().Get("WWW-Authenticate") == "" {
					t.Errorf("%s: no WWW-Authenticate", request)
				}
			}
			if stored := len(s.store.events) > 0; stored != (tt.code == 200) {
				t.Errorf("stored = %v", stored)
			}
			if w := s.do(httptest.NewRequest("GET", "/healthz", nil)); w.Code != 200 {
				t.Errorf("a probe got %d", w.Code)
			}
		})
	}
}

func TestRotatedTokenCountsAtOnce(t *testing.T) {
	first, second := secretFile(t, "first", "one"), secretFile(t, "second", "two")
	s := newSite(t, func(c *gateway.Config) { c.Auth = gateway.Auth{TokenFiles: []string{first, second}} })
	code := func(token string) int {
		r := httptest.NewRequest(http.MethodPost, "/v1/alertmanager", strings.NewReader(group(one(""))))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		return s.do(r).Code
	}
	if err := os.WriteFile(first, []byte("three"), 0o600); err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]int{"one": 401, "two": 200, "three": 200} {
		if got := code(token); got != want {
			t.Errorf("%s: %d, want %d", token, got, want)
		}
	}
	// A file that is gone is our trouble: the sender may try again.
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]int{"two": 200, "three": 503} {
		if got := code(token); got != want {
			t.Errorf("%s after the file went: %d, want %d", token, got, want)
		}
	}
	if strings.Contains(s.log.String(), "three") {
		t.Error("a token is in the log")
	}
}

func TestNewRefusesWrongAuth(t *testing.T) {
	for name, auth := range map[string]gateway.Auth{
		"no such file":      {TokenFiles: []string{"/does/not/exist"}},
		"empty token":       {TokenFiles: []string{secretFile(t, "t", "\n")}},
		"user only":         {User: "am"},
		"password only":     {PasswordFile: secretFile(t, "p", "x")},
		"password is empty": {User: "am", PasswordFile: secretFile(t, "p", "")},
	} {
		_, err := gateway.New(gateway.Config{Auth: auth, Registry: prometheus.NewRegistry()})
		if amend.KindOf(err) != amend.Invalid {
			t.Errorf("%s: %v, want Invalid", name, err)
		}
	}
}

func TestCheckListen(t *testing.T) {
	token := gateway.Auth{TokenFiles: []string{"x"}}
	tests := []struct {
		addr string
		auth gateway.Auth
		ok   bool
	}{
		{"127.0.0.1:8080", gateway.Auth{}, true},
		{"[::1]:8080", gateway.Auth{}, true},
		{"localhost:8080", gateway.Auth{}, true},
		{":8080", gateway.Auth{}, false},
		{"0.0.0.0:8080", gateway.Auth{}, false},
		{"[::]:8080", gateway.Auth{}, false},
		{"10.0.0.1:8080", gateway.Auth{}, false},
		{"localhost.example.com:8080", gateway.Auth{}, false},
		{":8080", token, true},
		{"8080", token, false},
	}
	for _, tt := range tests {
		err := gateway.CheckListen(tt.addr, tt.auth)
		if (err == nil) != tt.ok || (err != nil && amend.KindOf(err) != amend.Invalid) {
			t.Errorf("CheckListen(%q, %v) = %v", tt.addr, tt.auth.Enabled(), err)
		}
	}
}
