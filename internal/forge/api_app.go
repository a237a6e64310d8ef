package forge

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// tokenLife is how long GitHub lets an installation token live.
const tokenLife = time.Hour

type installationTokenDoc struct {
	Token       string            `json:"token"`
	ExpiresAt   time.Time         `json:"expires_at"`
	Permissions map[string]string `json:"permissions"`
	Selection   string            `json:"repository_selection"`
	Repos       []linked          `json:"repositories,omitempty"`
}

// createInstallationToken makes a token that has at most what the installation
// has, narrowed to what the request names.
func (s *Server) createInstallationToken(c call) (reply, error) {
	app, err := s.app(c.Request)
	if err != nil {
		return reply{}, err
	}
	id, err := c.id()
	if err != nil {
		return reply{}, err
	}
	inst, err := s.installation(app, func(i Installation) bool { return i.ID == id })
	if err != nil {
		return reply{}, err
	}
	var in struct {
		Repositories  []string          `json:"repositories"`
		RepositoryIDs []int64           `json:"repository_ids"`
		Permissions   map[string]string `json:"permissions"`
	}
	if err := decode(c, &in); err != nil {
		return reply{}, err
	}
	repos, err := narrowRepos(inst, in.Repositories, in.RepositoryIDs)
	if err != nil {
		return reply{}, err
	}
	permissions, err := narrowPermissions(inst, in.Permissions)
	if err != nil {
		return reply{}, err
	}
	doc := installationTokenDoc{
		Token: newToken(), ExpiresAt: s.cfg.Now().UTC().Add(tokenLife).Truncate(time.Second), Permissions: permissions, Selection: "selected",
	}
	if len(in.Repositories)+len(in.RepositoryIDs) > 0 {
		if doc.Repos, err = s.repoDocs(c, repos); err != nil {
			return reply{}, err
		}
	}
	s.AddToken(doc.Token, Grant{Login: app.Slug + "[bot]", Repos: repos, Permissions: permissions, Expires: doc.ExpiresAt, app: true})
	return created(doc)
}

func (s *Server) repoDocs(c call, names []string) ([]linked, error) {
	docs := []linked{}
	for _, full := range names {
		owner, name, _ := strings.Cut(full, "/")
		repo, err := s.repo(owner, name)
		if err != nil {
			return nil, err
		}
		doc, err := call{Request: c.Request, repo: repo}.repoDoc()
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
	return docs, nil
}

// narrowRepos returns the installation's repositories that the request names,
// all of them when it names none, and refuses a name beyond them.
func narrowRepos(inst Installation, names []string, ids []int64) ([]string, error) {
	if len(names)+len(ids) == 0 {
		return slices.Clone(inst.Repos), nil
	}
	repos := []string{}
	for _, full := range inst.Repos {
		_, name, _ := strings.Cut(full, "/")
		if slices.Contains(names, name) || slices.Contains(ids, stableID(full)) {
			repos = append(repos, full)
		}
	}
	if len(repos) < len(names) || len(repos) < len(ids) {
		return nil, invalid("There is at least one repository that does not exist or is not accessible to the parent installation.")
	}
	return repos, nil
}

func narrowPermissions(inst Installation, wanted map[string]string) (map[string]string, error) {
	if len(wanted) == 0 {
		return inst.Permissions, nil
	}
	most := &Grant{Permissions: inst.Permissions}
	for scope, access := range wanted {
		if access != "read" && access != "write" || !most.may(scope, access) {
			return nil, invalid("The permissions requested are not granted to this installation.")
		}
	}
	return wanted, nil
}

type installationFields struct {
	ID              int64             `json:"id"`
	Account         linked            `json:"account"`
	AppID           int64             `json:"app_id"`
	AppSlug         string            `json:"app_slug"`
	TargetID        int64             `json:"target_id"`
	TargetType      string            `json:"target_type"`
	Selection       string            `json:"repository_selection"`
	Permissions     map[string]string `json:"permissions"`
	Events          []string          `json:"events"`
	SingleFileName  *string           `json:"single_file_name"`
	SuspendedBy     *string           `json:"suspended_by"`
	SuspendedAt     *time.Time        `json:"suspended_at"`
	CreatedAt       time.Time         `json:"created_at"`
	UpdatedAt       time.Time         `json:"updated_at"`
	AccessTokensURL string            `json:"access_tokens_url"`
	RepositoriesURL string            `json:"repositories_url"`
	HTMLURL         string            `json:"html_url"`
}

// getInstallation tells an App which of its installations holds a repository.
func (s *Server) getInstallation(c call) (reply, error) {
	app, err := s.app(c.Request)
	if err != nil {
		return reply{}, err
	}
	full := c.PathValue("owner") + "/" + c.PathValue("repo")
	inst, err := s.installation(app, func(i Installation) bool { return slices.Contains(i.Repos, full) })
	if err != nil {
		return reply{}, err
	}
	repo, err := s.repo(c.PathValue("owner"), c.PathValue("repo"))
	if err != nil {
		return reply{}, err
	}
	at := c.api() + "/app/installations"
	return ok(installationFields{
		ID: inst.ID, Account: c.userDoc(inst.Account), AppID: app.ID, AppSlug: app.Slug, TargetID: stableID(inst.Account), TargetType: "Organization",
		Selection: "selected", Permissions: inst.Permissions, Events: []string{}, CreatedAt: repo.created, UpdatedAt: repo.created,
		AccessTokensURL: fmt.Sprintf("%s/%d/access_tokens", at, inst.ID), RepositoriesURL: c.api() + "/installation/repositories", HTMLURL: site(c.Request) + "/apps/" + app.Slug,
	})
}
