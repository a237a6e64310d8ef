// Package lint holds what amend installs to the code of those who will read it:
// Kubernetes', Argo's and the Prometheus Operator's own types and checks, in
// process. It needs no cluster. What needs none of their types is checked by
// manifests/ of the repository.
package lint_test

import (
	"bytes"
	"strings"
	"testing"

	argocd "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	events "github.com/argoproj/argo-events/pkg/apis/events/v1alpha1"
	workflows "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	kubernetes "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// overlays are the installations that are checked, as folders of the repository.
var overlays = []string{"kustomize/base", "kustomize/overlays/github", "kustomize/overlays/local"}

// Every object of every overlay is one that its reader knows, with no field that
// it does not know.
func TestObjectsHaveOnlyKnownFields(t *testing.T) {
	for _, overlay := range overlays {
		for _, doc := range build(t, overlay) {
			if _, err := decode(t, doc); err != nil {
				t.Errorf("%s: %v\n%s", overlay, err, head(doc))
			}
		}
	}
	for _, doc := range build(t, "manifests/argocd") {
		if _, err := decode(t, doc); err != nil {
			t.Errorf("manifests/argocd: %v\n%s", err, head(doc))
		}
	}
}

// The check above can fail.
func TestDecodingIsStrict(t *testing.T) {
	for _, doc := range []string{
		"apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selectr: {a: b}}\n",
		"apiVersion: argoproj.io/v1alpha1\nkind: Sensor\nmetadata: {name: a}\nspec: {triggers: [{atLeastOnc: true}]}\n",
		"apiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\nmetadata: {name: a}\nspec: {ttl: {}}\n",
		"apiVersion: example.com/v1\nkind: Unknown\nmetadata: {name: a}\n",
	} {
		if _, err := decode(t, []byte(doc)); err == nil {
			t.Errorf("decoded %s", doc)
		}
	}
}

// build is kustomize build of a folder of the repository, one object each.
func build(t *testing.T, folder string) (docs [][]byte) {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "../../"+folder)
	if err != nil {
		t.Fatalf("kustomize build %s: %v", folder, err)
	}
	for _, r := range resources.Resources() {
		doc, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, doc)
	}
	return docs
}

// decode reads an object into its reader's own type.
func decode(t *testing.T, doc []byte) (runtime.Object, error) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		kubernetes.AddToScheme, apiextensions.AddToScheme, events.AddToScheme, workflows.AddToScheme, argocd.AddToScheme, monitoring.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	object, _, err := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer().Decode(doc, nil, nil)
	return object, err
}

// all decodes the objects of one type that an overlay holds.
func all[T runtime.Object](t *testing.T, overlay string) (found []T) {
	t.Helper()
	for _, doc := range build(t, overlay) {
		object, err := decode(t, doc)
		if err != nil {
			t.Fatal(err)
		}
		if o, ok := object.(T); ok {
			found = append(found, o)
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s holds no %T", overlay, *new(T))
	}
	return found
}

// head is as much of an object as tells it from others.
func head(doc []byte) string {
	i := bytes.Index(doc, []byte("\nspec:"))
	return strings.TrimSpace(string(doc[:max(i, 0)]))
}
