package platform

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// The Argo modules whose manifests are installed.
const (
	eventsModule    = "github.com/argoproj/argo-events"
	workflowsModule = "github.com/argoproj/argo-workflows/v3"
	cdModule        = "github.com/argoproj/argo-cd/v2"
)

// The images that upstream's manifests ask for, at the versions of go.mod.
const (
	eventsImage             = "quay.io/argoproj/argo-events:v1.9.10"
	executorImage           = "quay.io/argoproj/argoexec:v3.7.14"
	workflowControllerImage = "quay.io/argoproj/workflow-controller:v3.7.14"
)

type objects = []*unstructured.Unstructured

// eventsObjects is upstream's installation of Argo Events for a whole cluster,
// which pulls no image that a node has already.
func (p *Platform) eventsObjects(ctx context.Context) (objects, error) {
	all, err := p.moduleObjects(ctx, eventsModule, "manifests/install.yaml")
	if err != nil {
		return nil, err
	}
	for _, object := range all {
		if object.GetKind() == "Deployment" {
			if err := pullOnce(object); err != nil {
				return nil, err
			}
		}
	}
	return append(objects{namespaceObject("argo-events")}, all...), nil
}

// pullOnce makes the containers of a Deployment, and the pods that they make
// in turn, use the image of the node where there is one.
func pullOnce(deployment *unstructured.Unstructured) error {
	path := []string{"spec", "template", "spec", "containers"}
	containers, found, err := unstructured.NestedSlice(deployment.Object, path...)
	if err != nil || !found {
		return errors.Join(errors.New("a Deployment has no containers"), err)
	}
	for _, c := range containers {
		container, ok := c.(map[string]any)
		if !ok {
			return errors.New("a container is no mapping")
		}
		container["imagePullPolicy"] = "IfNotPresent"
		env, _, err := unstructured.NestedSlice(container, "env")
		if err != nil {
			return err
		}
		container["env"] = append(env, map[string]any{"name": "IMAGE_PULL_POLICY", "value": "IfNotPresent"})
	}
	return unstructured.SetNestedSlice(deployment.Object, containers, path...)
}

// workflowsObjects is upstream's installation of Argo Workflows for a whole
// cluster, without the server of its web pages.
func (p *Platform) workflowsObjects(ctx context.Context) (objects, error) {
	definitions, err := p.moduleObjects(ctx, workflowsModule, "manifests/base/crds/full")
	if err != nil {
		return nil, err
	}
	dir, err := p.moduleDir(ctx, workflowsModule)
	if err != nil {
		return nil, err
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).
		Run(filesys.MakeFsOnDisk(), filepath.Join(dir, "manifests", "cluster-install-no-crds"))
	if err != nil {
		return nil, err
	}
	manifest, err := built.AsYaml()
	if err != nil {
		return nil, err
	}
	// The module's manifests name no version.
	text := strings.ReplaceAll(string(manifest), "quay.io/argoproj/workflow-controller:latest", workflowControllerImage)
	text = strings.ReplaceAll(text, "args: []", `args: [--executor-image, "`+executorImage+`"]`)
	rest, err := decode([]byte(text))
	if err != nil {
		return nil, err
	}
	all := append(objects{namespaceObject("argo")}, definitions...)
	for _, object := range rest {
		if strings.HasPrefix(object.GetName(), "argo-server") {
			continue
		}
		if object.GetKind() == "ConfigMap" && object.GetName() == "workflow-controller-configmap" {
			// A storm must not start hundreds of pods at once; docs/install.md says so, and
			// this is a small node.
			if err := unstructured.SetNestedField(object.Object, "25", "data", "namespaceParallelism"); err != nil {
				return nil, err
			}
		}
		all = append(all, object)
	}
	return all, nil
}

// cdObjects is upstream's installation of Argo CD without its API server, and
// the two objects that this server would have made.
func (p *Platform) cdObjects(ctx context.Context) (objects, error) {
	core, err := p.moduleObjects(ctx, cdModule, "manifests/core-install.yaml")
	if err != nil {
		return nil, err
	}
	ours, err := p.cdDefaults()
	if err != nil {
		return nil, err
	}
	all := objects{namespaceObject("argocd")}
	for _, object := range core {
		if object.GetKind() == "Secret" && object.GetName() == "argocd-secret" {
			continue // cdDefaults has it, with its content
		}
		if !clusterWide[object.GetKind()] {
			object.SetNamespace("argocd")
		}
		all = append(all, object)
	}
	return append(all, ours...), nil
}

// cdDefaults are the project that Applications are in, and the key that the
// controller insists on.
func (p *Platform) cdDefaults() (objects, error) {
	manifest, err := p.at.expand("argocd-defaults.yaml")
	if err != nil {
		return nil, err
	}
	return decode(manifest)
}

// clusterWide are the kinds of core-install.yaml that are in no namespace. That
// file leaves it to the client to put all others into one.
var clusterWide = map[string]bool{"CustomResourceDefinition": true, "ClusterRole": true, "ClusterRoleBinding": true}

func namespaceObject(name string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetAPIVersion("v1")
	object.SetKind("Namespace")
	object.SetName(name)
	return object
}

// moduleObjects reads the objects of a file of a module, or of every file of a
// folder that is no kustomization.
func (p *Platform) moduleObjects(ctx context.Context, module, path string) (objects, error) {
	dir, err := p.moduleDir(ctx, module)
	if err != nil {
		return nil, err
	}
	path = filepath.Join(dir, path)
	files := []string{path}
	if filepath.Ext(path) != ".yaml" {
		if files, err = filepath.Glob(filepath.Join(path, "*.yaml")); err != nil {
			return nil, err
		}
	}
	var all objects
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		manifest, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		some, err := decode(manifest)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// Secret is a new random word, for what is filled in.
func (layout) Secret() string { return rand.Text() }
