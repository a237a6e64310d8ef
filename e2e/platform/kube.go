package platform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
)

// Cluster is a client of an API server, for its own kinds and for those of the
// Argo programs alike.
type Cluster struct {
	*kubernetes.Clientset
	config  *rest.Config
	dynamic dynamic.Interface
	mapper  *restmapper.DeferredDiscoveryRESTMapper
}

// Connect makes a client that has the rights of a kubeconfig. It contacts
// nothing yet.
func Connect(kubeconfig string) (*Cluster, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 100, 200 // one client, one server: no reason to wait
	return newCluster(config)
}

// As makes a client that has the rights of a user, as an administrator may.
func (c *Cluster) As(user string) (*Cluster, error) {
	config := rest.CopyConfig(c.config)
	config.Impersonate.UserName = user
	return newCluster(config)
}

func newCluster(config *rest.Config) (*Cluster, error) {
	typed, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(typed.Discovery()))
	return &Cluster{Clientset: typed, config: config, dynamic: objects, mapper: mapper}, nil
}

// Objects is the part of the API that holds objects like this one.
func (c *Cluster) Objects(object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := object.GroupVersionKind()
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) { // the kind may be newer than what we remember
		c.mapper.Reset()
		mapping, err = c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	}
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return c.dynamic.Resource(mapping.Resource), nil
	}
	return c.dynamic.Resource(mapping.Resource).Namespace(object.GetNamespace()), nil
}

// Apply creates or updates every object of a YAML stream, in its order, by
// server-side apply.
func (c *Cluster) Apply(ctx context.Context, manifest []byte) error {
	objects, err := decode(manifest)
	if err != nil {
		return err
	}
	return c.applyAll(ctx, objects)
}

// applyAll applies objects in their order, but first the definitions: a
// controller that starts before its kinds are served ends.
func (c *Cluster) applyAll(ctx context.Context, objects []*unstructured.Unstructured) error {
	isDefinition := func(o *unstructured.Unstructured) bool { return o.GetKind() == "CustomResourceDefinition" }
	for _, object := range objects {
		if isDefinition(object) {
			if err := c.apply(ctx, object); err != nil {
				return err
			}
		}
	}
	for _, object := range objects {
		if isDefinition(object) {
			if err := poll(ctx, 3*time.Minute, func(ctx context.Context) error { return c.established(ctx, object) }); err != nil {
				return err
			}
		}
	}
	for _, object := range objects {
		if !isDefinition(object) {
			if err := c.apply(ctx, object); err != nil {
				return err
			}
		}
	}
	return nil
}

// established returns nil once the API serves the kind of a definition.
func (c *Cluster) established(ctx context.Context, definition *unstructured.Unstructured) error {
	api, err := c.Objects(definition)
	if err != nil {
		return err
	}
	live, err := api.Get(ctx, definition.GetName(), metav1.GetOptions{})
	if err != nil {
		return err
	}
	conditions, _, _ := unstructured.NestedSlice(live.Object, "status", "conditions")
	for _, each := range conditions {
		if condition, ok := each.(map[string]any); ok && condition["type"] == "Established" && condition["status"] == "True" {
			return nil
		}
	}
	return fmt.Errorf("the kind of %s is not served yet", definition.GetName())
}

// apply waits a moment for the kind of the object, whose definition may have
// been applied just before.
func (c *Cluster) apply(ctx context.Context, object *unstructured.Unstructured) error {
	err := poll(ctx, 2*time.Minute, func(ctx context.Context) error {
		api, err := c.Objects(object)
		if err != nil {
			return err
		}
		_, err = api.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: "platform", Force: true})
		return err
	})
	if err != nil {
		return fmt.Errorf("applying %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}

// decode reads the objects of a YAML stream.
func decode(manifest []byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifest), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}

func (p *Platform) kube() (*Cluster, error) { return Connect(p.Kubeconfig()) }
