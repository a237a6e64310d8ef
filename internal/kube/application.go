package kube

import (
	"context"

	"k8s.io/apimachinery/pkg/types"

	"github.com/amendhq/amend"
)

// ArgoCDNamespace is where an installation of Argo CD has its Applications, unless
// somebody says otherwise.
const ArgoCDNamespace = "argocd"

// refresh is the merge patch that asks Argo CD to compare an Application with
// Git now; the controller takes the annotation away when it has.
const refresh = `{"metadata":{"annotations":{"argocd.argoproj.io/refresh":"normal"}}}`

// application is the part of argoproj.io/v1alpha1 Application that is read.
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
		Sync struct {
			Status string `json:"status"`
			revisions
		} `json:"sync"`
		Health         health     `json:"health"`
		Resources      []resource `json:"resources"`
		OperationState struct {
			Phase      string    `json:"phase"`
			Message    string    `json:"message"`
			SyncResult revisions `json:"syncResult"`
		} `json:"operationState"`
	} `json:"status"`
}

type source struct {
	RepoURL        string `json:"repoURL"`
	TargetRevision string `json:"targetRevision"`
}

// revisions are those of one source, or one for each of several.
type revisions struct {
	Revision  string   `json:"revision"`
	Revisions []string `json:"revisions"`
}

type health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

type resource struct {
	Group     string `json:"group"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Health    health `json:"health"`
}

// of returns the revision of the source with the given index, "" when there is none.
func (r revisions) of(index int, several bool) string {
	switch {
	case !several:
		return r.Revision
	case index < len(r.Revisions):
		return r.Revisions[index]
	}
	return ""
}

func (a application) amend() amend.Application {
	sources, several := a.Spec.Sources, len(a.Spec.Sources) > 0
	if !several && a.Spec.Source != nil {
		sources = []source{*a.Spec.Source}
	}
	status := a.Status
	app := amend.Application{
		Namespace: a.Metadata.Namespace, Name: a.Metadata.Name,
		Sync: status.Sync.Status, Health: status.Health.Status,
		Phase: status.OperationState.Phase, Message: status.OperationState.Message,
	}
	for i, s := range sources {
		app.Sources = append(app.Sources, amend.ApplicationSource{
			RepoURL: s.RepoURL, TargetRevision: s.TargetRevision,
			Compared: status.Sync.of(i, several), Applied: status.OperationState.SyncResult.of(i, several),
		})
	}
	for _, r := range status.Resources {
		app.Objects = append(app.Objects, amend.ApplicationObject{
			ObjectRef: amend.ObjectRef{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name},
			Health:    r.Health.Status, Message: r.Health.Message,
		})
	}
	return app
}

// Applications lists Argo CD's Applications of a namespace, or of all of them
// when it is empty.
func (c *Client) Applications(ctx context.Context, namespace string) ([]amend.Application, error) {
	var list struct {
		Items []application `json:"items"`
	}
	req := c.argo.Get().NamespaceIfScoped(namespace, namespace != "").Resource("applications")
	if err := do(ctx, "list applications", req, nil, &list); err != nil {
		return nil, err
	}
	apps := make([]amend.Application, 0, len(list.Items))
	for _, a := range list.Items {
		apps = append(apps, a.amend())
	}
	return apps, nil
}

// Application reads one of Argo CD's Applications.
func (c *Client) Application(ctx context.Context, namespace, name string) (amend.Application, error) {
	var a application
	err := do(ctx, "read application", c.argo.Get().Namespace(namespace).Resource("applications").Name(name), nil, &a)
	if err != nil {
		return amend.Application{}, err
	}
	return a.amend(), nil
}

// Refresh asks Argo CD to look at Git now instead of at its next poll. It
// returns before Argo CD has looked, and Argo CD may drop it when it is busy
// with the Application already.
func (c *Client) Refresh(ctx context.Context, namespace, name string) error {
	req := c.argo.Patch(types.MergePatchType).Namespace(namespace).Resource("applications").Name(name)
	return do(ctx, "refresh application", req.Body([]byte(refresh)), nil, nil)
}
