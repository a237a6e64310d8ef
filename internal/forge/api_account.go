package forge

import (
	"net/http"
	"time"
)

// An accountDoc is what the host tells the holder of a token of the account.
type accountDoc struct {
	userFields
	View        string    `json:"user_view_type"`
	Name        *string   `json:"name"`
	Company     *string   `json:"company"`
	Blog        *string   `json:"blog"`
	Location    *string   `json:"location"`
	Email       *string   `json:"email"`
	Hireable    *bool     `json:"hireable"`
	Bio         *string   `json:"bio"`
	PublicRepos int       `json:"public_repos"`
	PublicGists int       `json:"public_gists"`
	Followers   int       `json:"followers"`
	Following   int       `json:"following"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// getUser tells whose a token is. An installation of an App is nobody.
func (s *Server) getUser(c call) (reply, error) {
	switch {
	case c.who == nil:
		return reply{}, fail(http.StatusUnauthorized, "Requires authentication")
	case c.who.app:
		return reply{}, fail(http.StatusForbidden, "Resource not accessible by integration")
	}
	doc := c.userDoc(c.who.Login)
	doc.fields = accountDoc{userFields: doc.fields.(userFields), View: "public"}
	return ok(doc)
}

type appDoc struct {
	ID          int64             `json:"id"`
	Slug        string            `json:"slug"`
	NodeID      string            `json:"node_id"`
	Owner       linked            `json:"owner"`
	Name        string            `json:"name"`
	Description *string           `json:"description"`
	ExternalURL string            `json:"external_url"`
	HTMLURL     string            `json:"html_url"`
	CreatedAt   time.Time         `json:"created_at"`
	UpdatedAt   time.Time         `json:"updated_at"`
	Permissions map[string]string `json:"permissions"`
	Events      []string          `json:"events"`
}

// getApp tells an App which one it is.
func (s *Server) getApp(c call) (reply, error) {
	app, err := s.app(c.Request)
	if err != nil {
		return reply{}, err
	}
	at := site(c.Request) + "/apps/" + app.Slug
	return ok(appDoc{
		ID: app.ID, Slug: app.Slug, NodeID: "A_" + app.Slug, Owner: c.userDoc(app.Slug), Name: app.Slug,
		ExternalURL: at, HTMLURL: at, Permissions: map[string]string{}, Events: []string{},
	})
}
