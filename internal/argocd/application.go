package argocd

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"

	"github.com/amendhq/amend"
)

// application is the part of an Application that is read.
type application struct {
	Metadata struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Source  *source  `json:"source"`
		Sources []source `json:"sources"`
	} `json:"spec"`
	Status struct {
		Resources []struct {
			Group     string `json:"group"`
			Kind      string `json:"kind"`
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
			// RequiresPruning marks what no manifest declares any more.
			RequiresPruning bool `json:"requiresPruning"`
		} `json:"resources"`
	} `json:"status"`
}

type source struct {
	RepoURL        string `json:"repoURL"`
	TargetRevision string `json:"targetRevision"`
}

func (a application) amend() amend.Application {
	app := amend.Application{Namespace: a.Metadata.Namespace, Name: a.Metadata.Name}
	sources := a.Spec.Sources
	if len(sources) == 0 && a.Spec.Source != nil {
		sources = []source{*a.Spec.Source}
	}
	for _, s := range sources {
		app.Sources = append(app.Sources, amend.ApplicationSource{RepoURL: s.RepoURL, TargetRevision: s.TargetRevision})
	}
	for _, r := range a.Status.Resources {
		if !r.RequiresPruning {
			ref := amend.ObjectRef{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name}
			app.Objects = append(app.Objects, amend.ApplicationObject{ObjectRef: ref})
		}
	}
	return app
}

// listed are the fields that Applications needs. The server takes this parameter
// from its own pages, and its description does not name it; a server that does
// not know it answers with all fields.
const listed = "items.metadata.name,items.metadata.namespace,items.spec,items.status.resources"

// Applications lists the Applications that the account may see, each with its
// sources and the objects that its manifests declare. The server answers from its
// cache, which may be behind the cluster.
func (c *Client) Applications(ctx context.Context) ([]amend.Application, error) {
	var list struct {
		Items []application `json:"items"`
	}
	if err := c.get(ctx, "list applications", []string{"applications"}, url.Values{"fields": {listed}}, &list); err != nil {
		return nil, err
	}
	apps := make([]amend.Application, 0, len(list.Items))
	for _, a := range list.Items {
		apps = append(apps, a.amend())
	}
	return apps, nil
}

// Application reads one Application as the cluster has it now, with its sources,
// which are none when a hydrator writes what it deploys.
func (c *Client) Application(ctx context.Context, namespace, name string) (amend.Application, error) {
	var a application
	err := c.get(ctx, "read application", []string{"applications", name}, url.Values{"appNamespace": {namespace}}, &a)
	return a.amend(), err
}

// Manifests renders an Application as it is live, with the sources of the given
// indexes at other revisions, and returns the objects as JSON. What Secrets hold
// is masked by the server.
func (c *Client) Manifests(ctx context.Context, namespace, name string, revisions map[int]string) ([]string, error) {
	query := url.Values{"appNamespace": {namespace}}
	// With one source the server reads the first parameter, with several the
	// other two.
	if revision, ok := revisions[0]; ok {
		query.Set("revision", revision)
	}
	for _, i := range slices.Sorted(maps.Keys(revisions)) {
		query.Add("sourcePositions", strconv.Itoa(i+1))
		query.Add("revisions", revisions[i])
	}
	var out struct {
		Manifests []string `json:"manifests"`
	}
	err := c.get(ctx, "render", []string{"applications", name, "manifests"}, query, &out)
	return out.Manifests, err
}
