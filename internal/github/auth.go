package github

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/secret"
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
	// InstallationID may be zero: then it is the one that the host names for the repository.
	InstallationID int64
}

// A credential is where tokens come from, and how the host is asked whose they are.
type credential struct {
	token func(context.Context) (string, error)
	login func(ctx context.Context, as *github.Client) (string, error)
}

// credential returns that of the configuration; t sends requests that authenticate
// themselves.
func (a Auth) credential(t http.RoundTripper, base *url.URL, owner, repo string) (credential, error) {
	if (a.TokenFile == "") == (a.AppID == 0) {
		return credential{}, amend.Errorf(amend.Invalid, "configure github", "name either a token file or an app")
	}
	if a.TokenFile != "" {
		return credential{a.read, loginOfUser}, nil
	}
	key, err := os.ReadFile(a.KeyFile)
	if err != nil {
		return credential{}, amend.Errorf(amend.Invalid, "configure github", "read the app's key: %w", err)
	}
	app, err := ghinstallation.NewAppsTransport(t, a.AppID, key)
	if err != nil {
		// The cause may quote the file.
		return credential{}, amend.Errorf(amend.Invalid, "configure github", "%s is not an RSA key in PEM", a.KeyFile)
	}
	s := &installation{app: app, id: a.InstallationID, base: base, owner: owner, repo: repo}
	return credential{s.Token, s.login}, nil
}

// read returns the token in the file. One that cannot be read may just be replaced.
func (a Auth) read(context.Context) (string, error) {
	token, err := secret.Read(a.TokenFile)
	if unread := (*fs.PathError)(nil); errors.As(err, &unread) {
		return "", amend.Errorf(amend.Transient, "read token", "%w", unread)
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", amend.Errorf(amend.Invalid, "read token", "%s does not hold a token", a.TokenFile)
	}
	return token, err
}

// loginOfUser asks whose a token is. GitHub does not tell that of a token of an
// installation.
func loginOfUser(ctx context.Context, as *github.Client) (string, error) {
	user, _, err := as.Users.Get(ctx, "")
	return user.GetLogin(), err
}

// installation gets the tokens of an app's installation, each used until
// shortly before it expires.
type installation struct {
	app         *ghinstallation.AppsTransport
	base        *url.URL
	owner, repo string
	id          int64 // 0: that of the repository

	mu     sync.Mutex
	tokens *ghinstallation.Transport // nil until the host was asked what the App may
}

func (i *installation) Token(ctx context.Context) (string, error) {
	tokens, err := i.source(ctx)
	if err != nil {
		return "", err
	}
	return tokens.Token(ctx)
}

// login returns the account by which the host shows what an App does.
func (i *installation) login(ctx context.Context, _ *github.Client) (string, error) {
	app, _, err := restClient(i.base, i.app).Apps.Get(ctx, "")
	if err != nil || app.GetSlug() == "" {
		return "", err
	}
	return app.GetSlug() + "[bot]", nil
}

func (i *installation) source(ctx context.Context) (*ghinstallation.Transport, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.tokens != nil {
		return i.tokens, nil
	}
	found, _, err := restClient(i.base, i.app).Apps.FindRepositoryInstallation(ctx, i.owner, i.repo)
	if err != nil {
		return nil, err
	}
	may := cmp.Or(found.GetPermissions(), &github.InstallationPermissions{})
	i.tokens = ghinstallation.NewFromAppsTransport(i.app, cmp.Or(i.id, found.GetID()))
	i.tokens.BaseURL = strings.TrimSuffix(i.base.String(), "/")
	i.tokens.InstallationTokenOptions = &github.InstallationTokenOptions{
		Repositories: []string{i.repo},
		// What is said of a commit is read, and said, where the App may.
		Permissions: &github.InstallationPermissions{
			Contents: github.String("write"), PullRequests: github.String("write"),
			Checks: may.Checks, Statuses: may.Statuses,
		},
	}
	return i.tokens, nil
}
