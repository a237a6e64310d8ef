package kube

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"

	"github.com/amendhq/amend"
)

// metadataOnly has the server leave out all but the metadata of an object, so
// that the content of a Secret never gets here. Servers of extensions may not
// know the form.
const metadataOnly = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"

// metadata is the part of an object's metadata that is read.
type metadata struct {
	Namespace   string            `json:"namespace"`
	Name        string            `json:"name"`
	Annotations map[string]string `json:"annotations"`
	Labels      map[string]string `json:"labels"`
	Owners      []ownerReference  `json:"ownerReferences"`
}

type ownerReference struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	Controller bool   `json:"controller"`
}

// controller returns who made the object and keeps it as it is. It lives in the
// same namespace, or in none.
func (m metadata) controller() (amend.ObjectRef, bool) {
	for _, o := range m.Owners {
		if o.Controller {
			group, _, grouped := strings.Cut(o.APIVersion, "/")
			if !grouped {
				group = ""
			}
			return amend.ObjectRef{Group: group, Kind: o.Kind, Namespace: m.Namespace, Name: o.Name}, true
		}
	}
	return amend.ObjectRef{}, false
}

// groupOf returns the API group that a reference without one is about.
func groupOf(ref amend.ObjectRef) string {
	if ref.Group != "" {
		return ref.Group
	}
	switch ref.Kind {
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet":
		return "apps"
	case "Job", "CronJob":
		return "batch"
	}
	return ""
}

// metadata reads the metadata of any object.
func (c *Client) metadata(ctx context.Context, ref amend.ObjectRef) (metadata, error) {
	req, err := c.address(ctx, ref)
	if err != nil {
		return metadata{}, err
	}
	var object struct {
		Metadata metadata `json:"metadata"`
	}
	err = do(ctx, "read "+ref.Kind, req.SetHeader("Accept", metadataOnly), nil, &object)
	return object.Metadata, err
}

// address asks the server under which path it serves the object's kind, in the
// version that it prefers.
func (c *Client) address(ctx context.Context, ref amend.ObjectRef) (*rest.Request, error) {
	root := []string{"/api", "v1"}
	if group := groupOf(ref); group != "" {
		if bad := validation.IsDNS1123Subdomain(group); len(bad) > 0 {
			return nil, amend.Errorf(amend.Invalid, "find kind", "%q is no API group", group)
		}
		var found struct {
			PreferredVersion struct {
				Version string `json:"version"`
			} `json:"preferredVersion"`
		}
		if err := do(ctx, "find API group "+group, c.argo.Get().AbsPath("/apis", group), nil, &found); err != nil {
			return nil, err
		}
		root = []string{"/apis", group, found.PreferredVersion.Version}
	}
	var list struct {
		Resources []struct {
			Name       string `json:"name"`
			Kind       string `json:"kind"`
			Namespaced bool   `json:"namespaced"`
		} `json:"resources"`
	}
	if err := do(ctx, "find kind "+ref.Kind, c.argo.Get().AbsPath(root...), nil, &list); err != nil {
		return nil, err
	}
	for _, r := range list.Resources {
		if r.Kind == ref.Kind && !strings.Contains(r.Name, "/") { // that would be a subresource
			return c.argo.Get().AbsPath(root...).NamespaceIfScoped(ref.Namespace, r.Namespaced).Resource(r.Name).Name(ref.Name), nil
		}
	}
	return nil, amend.Errorf(amend.NotFound, "find kind", "the cluster serves no %s of the group %q", ref.Kind, groupOf(ref))
}
