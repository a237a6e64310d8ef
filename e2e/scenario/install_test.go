package scenario

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const argo = "argoproj.io/v1alpha1"

// applications says which folder of the env repo goes to which namespace.
var applications = map[string]struct{ path, namespace string }{
	"shop":     {"apps/shop", "shop"},
	"checkout": {"apps/checkout/overlays/prod", "checkout"},
	"payments": {"apps/payments/overlays/prod", "payments"},
}

// install installs amend as kustomize/overlays/local has it, with the forge's
// token, and the Applications of the env repo. All of it goes when the test ends.
func (w *world) install(t *testing.T) {
	t.Helper()
	objects := rendered(t, filepath.Join(w.root, "kustomize", "overlays", "local"))
	w.uninstall(t, objects) // what a run that was killed has left
	t.Cleanup(func() { w.uninstall(t, objects) })
	for _, o := range objects {
		w.apply(t, o)
	}
	w.apply(t, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "amend-github", "namespace": namespace},
		"stringData": map[string]any{"token": w.env.token},
	}})
	w.follow(t)
	w.installed(t)
}

// follow has Argo CD follow the env repo, and waits until it does.
func (w *world) follow(t *testing.T) {
	t.Helper()
	must(t, w.cluster.Apply(t.Context(), []byte(`
apiVersion: v1
kind: Secret
metadata: {name: env-repo, namespace: argocd, labels: {argocd.argoproj.io/secret-type: repository}}
stringData: {type: git, url: "`+w.env.url+`.git", username: x-access-token, password: "`+w.env.token+`"}
`)))
	for name, app := range applications {
		must(t, w.cluster.Apply(t.Context(), []byte(`
apiVersion: v1
kind: Namespace
metadata: {name: `+app.namespace+`}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: `+name+`, namespace: argocd, finalizers: [resources-finalizer.argocd.argoproj.io]}
spec:
  project: default
  source: {repoURL: "`+w.env.url+`.git", path: `+app.path+`, targetRevision: main`+recurse(name)+`}
  destination: {server: https://kubernetes.default.svc, namespace: `+app.namespace+`}
  syncPolicy: {automated: {prune: true, selfHeal: true}}
`)))
	}
	for name := range applications {
		w.synced(t, name, "", 2*time.Minute)
	}
}

func recurse(application string) string {
	if application == "shop" {
		return ", directory: {recurse: true}"
	}
	return ""
}

// rendered is what an overlay holds.
func rendered(t *testing.T, folder string) []*unstructured.Unstructured {
	t.Helper()
	result, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	must(t, err)
	var objects []*unstructured.Unstructured
	for _, resource := range result.Resources() {
		text, err := resource.AsYAML()
		must(t, err)
		o := &unstructured.Unstructured{}
		must(t, yaml.Unmarshal(text, &o.Object))
		objects = append(objects, o)
	}
	return objects
}

func (w *world) apply(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	text, err := o.MarshalJSON()
	must(t, err)
	must(t, w.cluster.Apply(t.Context(), text))
}

// installed waits until an event can travel all the way.
func (w *world) installed(t *testing.T) {
	t.Helper()
	took := eventually(t, "amend is installed", 3*time.Minute, func() error {
		deployments, err := w.cluster.AppsV1().Deployments(namespace).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			return err
		}
		if len(deployments.Items) < 8 { // gateway, writer, and one for each EventSource and Sensor
			return fmt.Errorf("there are %d Deployments", len(deployments.Items))
		}
		for _, d := range deployments.Items {
			if d.Status.AvailableReplicas != *d.Spec.Replicas || d.Status.UpdatedReplicas != *d.Spec.Replicas {
				return fmt.Errorf("%s has %d of %d replicas", d.Name, d.Status.AvailableReplicas, *d.Spec.Replicas)
			}
		}
		for _, sensor := range []string{"amend-alerts", "amend-requests", "amend-github"} {
			if err := w.cluster.Subscribed(t.Context(), namespace, sensor); err != nil {
				return err
			}
		}
		return nil
	})
	t.Logf("amend is installed, and its Sensors listen, after %.0f s", took.Seconds())
	address, err := w.service("amend-gateway", 8080)
	must(t, err)
	w.gateway = "http://" + address
}

// uninstall deletes the Applications and whatever was installed.
func (w *world) uninstall(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	for name, app := range applications {
		w.remove(t, object(argo, "Application", "argocd", name))
		w.remove(t, object("v1", "Namespace", "", app.namespace))
	}
	w.remove(t, object("v1", "Secret", "argocd", "env-repo"))
	// What Argo's controllers have to clean up after goes while they still can.
	for _, kind := range []string{"Sensor", "EventSource", "EventBus"} {
		for _, o := range objects {
			if o.GetKind() == kind {
				w.remove(t, o)
			}
		}
	}
	w.remove(t, object("v1", "Namespace", "", namespace))
	for _, o := range objects {
		if o.GetNamespace() != namespace && o.GetKind() != "Namespace" {
			w.remove(t, o)
		}
	}
}

func object(apiVersion, kind, namespace, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetAPIVersion(apiVersion)
	o.SetKind(kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}

// remove deletes an object and waits until it is gone.
func (w *world) remove(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	ctx := context.Background() // the test's own may have ended
	api, err := w.cluster.Objects(o)
	if err != nil {
		return // its kind is gone already
	}
	for began := time.Now(); time.Since(began) < 90*time.Second; time.Sleep(200 * time.Millisecond) {
		if err = api.Delete(ctx, o.GetName(), metav1.DeleteOptions{}); apierrors.IsNotFound(err) {
			return
		}
	}
	t.Errorf("%s %s is not gone after 90 s: %v", o.GetKind(), o.GetName(), err)
}

// service is where a Service of amend is reached from this machine.
func (w *world) service(name string, port int) (string, error) {
	s, err := w.cluster.CoreV1().Services(namespace).Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s:%d", s.Spec.ClusterIP, port), nil
}

// rules reads the groups of a PrometheusRule of manifests/monitoring, so that
// the rules which run are those that are shipped.
func (w *world) rules(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.root, "manifests", "monitoring", file))
	must(t, err)
	var resource struct {
		Spec map[string]any `json:"spec"`
	}
	must(t, yaml.Unmarshal(text, &resource))
	spec, err := yaml.Marshal(resource.Spec)
	must(t, err)
	// Shorter, because nothing is learnt from waiting.
	return strings.ReplaceAll(string(spec), "for: 2m", "for: 2s")
}
