package github

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
)

// Auth is who writes: either the holder of a token, or a GitHub App. Secrets
// come from files, so that they are in no argument list and may be rotated.
type Auth struct {
	// TokenFile holds a token; it is read again for every request.
	TokenFile string
	// AppID and KeyFile (PEM) are those of a GitHub App. Its tokens are narrowed
	// to this repository and to writing contents and pull requests.
	AppID   int64
	KeyFile string
	// InstallationID may be zero: then the host is asked once.
	InstallationID int64
}

// tokens returns the source of tokens; t sends requests that authenticate
// themselves.
func (a Auth) tokens(t http.RoundTripper, base *url.URL, owner, repo string) (func(context.Context) (string, error), error) {
	if (a.TokenFile == "") == (a.AppID == 0) {
		return nil, amend.Errorf(amend.Invalid, "configure github", "name either a token file or an app")
	}
	if a.TokenFile != "" {
		return func(context.Context) (string, error) { return readToken(a.TokenFile) }, nil
	}
	key, err := os.ReadFile(a.KeyFile)
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "configure github", "read the app's key: %w", err)
	}
	app, err := ghinstallation.NewAppsTransport(t, a.AppID, key)
	if err != nil {
		// The cause may quote the file.
		return nil, amend.Errorf(amend.Invalid, "configure github", "%s is not an RSA key in PEM", a.KeyFile)
	}
	s := &installation{app: app, id: a.InstallationID, base: base, owner: owner, repo: repo}
	return s.Token, nil
}

func readToken(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", amend.Errorf(amend.Transient, "read token", "%w", err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", amend.Errorf(amend.Invalid, "read token", "%s does not hold a token", file)
	}
	return token, nil
}

// installation gets the tokens of an app's installation, each used until
// shortly before it expires.
type installation struct {
	app         *ghinstallation.AppsTransport
	base        *url.URL
	owner, repo string

	mu     sync.Mutex
	id     int64
	tokens *ghinstallation.Transport
}

func (i *installation) Token(ctx context.Context) (string, error) {
	tokens, err := i.source(ctx)
	if err != nil {
		return "", err
	}
	return tokens.Token(ctx)
}

func (i *installation) source(ctx context.Context) (*ghinstallation.Transport, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.tokens != nil {
		return i.tokens, nil
	}
	permissions := &github.InstallationPermissions{Contents: github.String("write"), PullRequests: github.String("write")}
	if i.id == 0 {
		found, _, err := restClient(i.base, i.app).Apps.FindRepositoryInstallation(ctx, i.owner, i.repo)
		if err != nil {
			return nil, err
		}
		i.id = found.GetID()
		// What others say of a commit is read, and said, where the App may.
		permissions.Checks, permissions.Statuses = found.GetPermissions().Checks, found.GetPermissions().Statuses
	}
	i.tokens = ghinstallation.NewFromAppsTransport(i.app, i.id)
	i.tokens.BaseURL = strings.TrimSuffix(i.base.String(), "/")
	i.tokens.InstallationTokenOptions = &github.InstallationTokenOptions{
		Repositories: []string{i.repo}, Permissions: permissions,
	}
	return i.tokens, nil
}
