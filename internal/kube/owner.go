package kube

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/amendhq/amend"
)

// Owned says what deploys a live object.
type Owned struct {
	// Object is what Argo CD manages: the object that was asked about, or the one
	// that a controller of Kubernetes made it from.
	Object amend.ObjectRef
	// Within is where the fields of the object that was asked about stand in
	// Object: for a Pod of a Deployment spec.template. It is empty when they stand
	// where they stood.
	Within amend.FieldPath
	// Live holds the documents that amend locate takes with --application: the
	// Application that declares Object as it is live, then its parents, nearest first.
	Live []byte
}

// Field returns a field of the object that was asked about as one of Object.
func (o Owned) Field(field amend.FieldPath) amend.FieldPath {
	return slices.Concat(o.Within, field)
}

// Owners finds out which of Argo CD's Applications deploys an object. The
// authority is the list of resources in the status of the Applications: it holds
// what their manifests declare, while the tracking id on an object may have been
// copied with it, and labels are set by charts too. It is safe for concurrent use.
//
// It needs the permissions to list Applications, to get ApplicationSets, and to
// get Pods, ReplicaSets and Jobs if these are asked about.
type Owners struct {
	client    *Client
	namespace string
	keep      time.Duration
	now       func() time.Time

	mu   sync.Mutex
	apps []live // as they were when they were read
	err  error  // that there was instead
	read time.Time
}

// NewOwners looks at the Applications of one namespace, or of all when it is
// empty. What was read of them counts for as long as keep says, and so does that
// they could not be read: whoever asks next must not wait for that again.
func NewOwners(client *Client, namespace string, keep time.Duration, now func() time.Time) *Owners {
	return &Owners{client: client, namespace: namespace, keep: keep, now: now}
}

// live is an Application as it is, status included, or an ApplicationSet.
type live struct {
	Metadata metadata        `json:"metadata"`
	Spec     json.RawMessage `json:"spec"`
	Status   struct {
		Resources []struct {
			resource
			// RequiresPruning marks what no manifest declares any more.
			RequiresPruning bool `json:"requiresPruning"`
		} `json:"resources"`
		// History holds the last syncs, oldest first.
		History []struct {
			At        time.Time `json:"deployedAt"`
			Revision  string    `json:"revision"`
			Revisions []string  `json:"revisions"` // of several sources
			By        struct {
				User string `json:"username"`
			} `json:"initiatedBy"`
		} `json:"history"`
	} `json:"status"`
}

func (l live) String() string { return l.Metadata.Namespace + "/" + l.Metadata.Name }

// called reports whether the Application has the name, or NAMESPACE/NAME, or
// NAMESPACE_NAME as tracking ids have it.
func (l live) called(name string) bool {
	ns := l.Metadata.Namespace
	return name == l.Metadata.Name || name == ns+"/"+l.Metadata.Name || name == ns+"_"+l.Metadata.Name
}

// declares reports whether a manifest of the Application declares the object.
// The group counts when it is said.
func (l live) declares(ref amend.ObjectRef) bool {
	for _, r := range l.Status.Resources {
		if r.Kind == ref.Kind && r.Namespace == ref.Namespace && r.Name == ref.Name &&
			(ref.Group == "" || ref.Group == r.Group) && !r.RequiresPruning {
			return true
		}
	}
	return false
}

// apart reports whether both are known to deploy to different clusters.
func (l live) apart(other live) bool {
	a, b := l.cluster(), other.cluster()
	return a.Server != "" && b.Server != "" && a.Server != b.Server || a.Name != "" && b.Name != "" && a.Name != b.Name
}

// A cluster is named by its address or by the name that Argo CD gave it.
type cluster struct {
	Server string `json:"server"`
	Name   string `json:"name"`
}

func (l live) cluster() cluster {
	var spec struct {
		Destination cluster `json:"destination"`
	}
	if json.Unmarshal(l.Spec, &spec) != nil {
		return cluster{}
	}
	if spec.Destination.Name == "in-cluster" {
		return cluster{Server: "https://kubernetes.default.svc"}
	}
	return spec.Destination
}

// document writes what Git could say of it, under the name of its kind.
func (l live) document(kind string) ([]byte, error) {
	doc := struct {
		APIVersion string            `json:"apiVersion"`
		Kind       string            `json:"kind"`
		Metadata   map[string]string `json:"metadata"`
		Spec       json.RawMessage   `json:"spec"`
	}{argo.String(), kind, map[string]string{"namespace": l.Metadata.Namespace, "name": l.Metadata.Name}, l.Spec}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, amend.Errorf(amend.Internal, "read "+kind, "%w", err)
	}
	return append(text, '\n'), nil
}

// Owner finds the Application that deploys an object, with its parents. When
// application is not empty, only one of this name (or NAMESPACE/NAME) counts.
//
// It refuses with amend.ReasonNotInRepo when no Application declares the object
// or what it was made from, with amend.ReasonAmbiguous when several do, which it
// names, and with amend.ReasonComputed for an object whose controller is none of
// Kubernetes' own.
func (o *Owners) Owner(ctx context.Context, ref amend.ObjectRef, application string) (Owned, error) {
	apps, err := o.applications(ctx)
	if err != nil {
		return Owned{}, err
	}
	s := search{client: o.client, apps: apps, name: application}
	owned, app, err := s.climb(ctx, ref)
	if err != nil {
		return Owned{}, err
	}
	owned.Live, err = s.chain(ctx, app)
	return owned, err
}

// applications returns the Applications as they were read at most so long ago.
func (o *Owners) applications(ctx context.Context) ([]live, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.read.IsZero() || o.now().Sub(o.read) >= o.keep {
		o.apps, o.err = o.client.liveApplications(ctx, o.namespace)
		o.read = o.now()
	}
	return o.apps, o.err
}

// pageSize is how many Applications one answer holds, as with kubectl.
const pageSize = "500"

func (c *Client) liveApplications(ctx context.Context, namespace string) ([]live, error) {
	var all []live
	next := ""
	for {
		var page struct {
			Metadata struct {
				Continue string `json:"continue"`
			} `json:"metadata"`
			Items []live `json:"items"`
		}
		req := c.argo.Get().NamespaceIfScoped(namespace, namespace != "").Resource("applications").Param("limit", pageSize)
		if next != "" {
			req = req.Param("continue", next)
		}
		err := do(ctx, "list applications", req, nil, &page)
		if amend.KindOf(err) == amend.NotFound && next != "" { // the rest of the list is gone
			err = amend.Errorf(amend.Transient, "list applications", "%w", err)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if next = page.Metadata.Continue; next == "" {
			return all, nil
		}
	}
}
