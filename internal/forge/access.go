package forge

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v4"
)

// A Grant is what a token may do. Permissions maps a scope (contents,
// pull_requests, issues, actions, metadata) to read or write.
type Grant struct {
	Login       string            // who acts, in the texts of commits and pull requests
	Repos       []string          // OWNER/NAME; nil: every repository
	Permissions map[string]string // nil: everything
	Expires     time.Time         // zero: never
	app         bool              // made for an App or a job; GitHub words its refusals differently
}

func (g *Grant) sees(fullName string) bool {
	return g.Repos == nil || slices.Contains(g.Repos, fullName)
}

// may reports whether the grant holds the access, "read" or "write", in any of
// the scopes, which are separated by a bar.
func (g *Grant) may(scopes, access string) bool {
	if g.Permissions == nil {
		return true
	}
	for scope := range strings.SplitSeq(scopes, "|") {
		if held := g.Permissions[scope]; held == "write" || held != "" && access == "read" {
			return true
		}
	}
	return scopes == "metadata" && access == "read" // every token has it
}

// An App is a GitHub App: Key verifies the tokens it signs for itself.
type App struct {
	ID   int64
	Slug string
	Key  *rsa.PublicKey
}

// An Installation gives an App access to repositories of one account.
type Installation struct {
	ID          int64
	AppID       int64
	Account     string
	Repos       []string          // OWNER/NAME
	Permissions map[string]string // the most that its tokens may have
}

// access knows who may do what. Tokens are kept by their hash only.
type access struct {
	mu            sync.Mutex
	tokens        map[[32]byte]*Grant
	apps          map[int64]App
	installations map[int64]Installation
}

// AddToken lets the bearer of a token do what the grant says.
func (s *Server) AddToken(token string, grant Grant) {
	s.access.mu.Lock()
	defer s.access.mu.Unlock()
	s.access.tokens[sha256.Sum256([]byte(token))] = &grant
}

// RevokeToken makes a token unknown from now on.
func (s *Server) RevokeToken(token string) {
	s.access.mu.Lock()
	defer s.access.mu.Unlock()
	delete(s.access.tokens, sha256.Sum256([]byte(token)))
}

// AddApp registers an App.
func (s *Server) AddApp(app App) {
	s.access.mu.Lock()
	defer s.access.mu.Unlock()
	s.access.apps[app.ID] = app
}

// AddInstallation installs a registered App.
func (s *Server) AddInstallation(i Installation) {
	s.access.mu.Lock()
	defer s.access.mu.Unlock()
	s.access.installations[i.ID] = i
}

// newToken returns a fresh secret with the prefix that GitHub gives its kind.
func newToken() string { return "ghs_" + rand.Text() }

// jobToken makes the GITHUB_TOKEN of a workflow run.
func (s *Server) jobToken(repo string, permissions map[string]string) (string, func()) {
	token := newToken()
	s.AddToken(token, Grant{Login: "github-actions[bot]", Repos: []string{repo}, Permissions: permissions, app: true})
	return token, func() { s.RevokeToken(token) }
}

// secret is the token of a request: a bearer token, or the password of basic
// authentication, which is how Git sends it.
func secret(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "token") {
		return strings.TrimSpace(value)
	}
	return ""
}

// grant finds the grant of a request. No token at all is nil; a token that
// nobody knows or that has expired is refused.
func (s *Server) grant(r *http.Request) (*Grant, error) {
	token := secret(r)
	if token == "" {
		return nil, nil
	}
	s.access.mu.Lock()
	defer s.access.mu.Unlock()
	g := s.access.tokens[sha256.Sum256([]byte(token))]
	if g == nil || !g.Expires.IsZero() && s.cfg.Now().After(g.Expires) {
		return nil, fail(http.StatusUnauthorized, "Bad credentials")
	}
	return g, nil
}

// app finds the App that signed a request's token, as GitHub asks: RS256, not
// from the future, and valid for ten minutes at most.
func (s *Server) app(r *http.Request) (App, error) {
	claims := jwt.RegisteredClaims{}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithoutClaimsValidation())
	_, err := parser.ParseWithClaims(secret(r), &claims, func(*jwt.Token) (any, error) {
		id, err := strconv.ParseInt(claims.Issuer, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("issuer: %w", err)
		}
		s.access.mu.Lock()
		defer s.access.mu.Unlock()
		app, ok := s.access.apps[id]
		if !ok {
			return nil, errors.New("no such App")
		}
		return app.Key, nil
	})
	if err != nil {
		return App{}, fail(http.StatusUnauthorized, "A JSON web token could not be decoded")
	}
	now := s.cfg.Now()
	switch {
	case claims.ExpiresAt == nil || !claims.ExpiresAt.After(now):
		return App{}, fail(http.StatusUnauthorized, "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
	case claims.ExpiresAt.After(now.Add(10*time.Minute + 5*time.Second)):
		return App{}, fail(http.StatusUnauthorized, "'Expiration time' claim ('exp') is too far in the future")
	case claims.IssuedAt == nil || claims.IssuedAt.After(now.Add(5*time.Second)):
		return App{}, fail(http.StatusUnauthorized, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
	}
	id, _ := strconv.ParseInt(claims.Issuer, 10, 64) // parsed above
	s.access.mu.Lock()
	defer s.access.mu.Unlock()
	return s.access.apps[id], nil
}

// installation finds the App's installation that the condition accepts.
func (s *Server) installation(app App, accept func(Installation) bool) (Installation, error) {
	s.access.mu.Lock()
	defer s.access.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(s.access.installations)) {
		if i := s.access.installations[id]; i.AppID == app.ID && accept(i) {
			return i, nil
		}
	}
	return Installation{}, notFound()
}
