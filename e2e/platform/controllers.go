package platform

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A running controller, as a Deployment or a StatefulSet of the cluster.
type controller struct {
	namespace, name, image string
	ready                  bool
}

func (c controller) String() string {
	state := "ready"
	if !c.ready {
		state = "not ready"
	}
	return fmt.Sprintf("%s/%s, %s, %s", c.namespace, c.name, c.image, state)
}

// find looks for the controller of a requirement in all namespaces, by its
// image: people give it other names and labels. It returns nil when there is
// none.
func (e *Existing) find(ctx context.Context, r requirement) (*controller, error) {
	all, err := e.cluster.controllers(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking for %s: %w", r.name, err)
	}
	for _, c := range all {
		if imageName(c.image) == r.image && strings.Contains(c.name, r.workload) {
			return &c, nil
		}
	}
	return nil, nil
}

// controllers lists the containers of all Deployments and StatefulSets.
func (c *Cluster) controllers(ctx context.Context) (all []controller, err error) {
	deployments, err := c.AppsV1().Deployments("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	sets, err := c.AppsV1().StatefulSets("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	add := func(object metav1.ObjectMeta, pod corev1.PodSpec, ready bool) {
		for _, container := range pod.Containers {
			all = append(all, controller{object.Namespace, object.Name, container.Image, ready})
		}
	}
	for _, d := range deployments.Items {
		add(d.ObjectMeta, d.Spec.Template.Spec, d.Status.ReadyReplicas > 0 && d.Status.ObservedGeneration >= d.Generation)
	}
	for _, s := range sets.Items {
		add(s.ObjectMeta, s.Spec.Template.Spec, s.Status.ReadyReplicas > 0 && s.Status.ObservedGeneration >= s.Generation)
	}
	return all, nil
}

// imageName is the last part of the name of an image: argocd for
// registry.example.com:5000/mirror/argocd:v2.14.21@sha256:….
func imageName(image string) string {
	image, _, _ = strings.Cut(image, "@")
	image = image[strings.LastIndexByte(image, '/')+1:]
	image, _, _ = strings.Cut(image, ":")
	return image
}

// serves reports whether the API has a resource of this name.
func (c *Cluster) serves(resource schema.GroupResource) (bool, error) {
	c.mapper.Reset()
	_, err := c.mapper.KindFor(resource.WithVersion(""))
	if meta.IsNoMatchError(err) {
		return false, nil
	}
	return err == nil, err
}
