package scenario

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/tarball"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const argo = "argoproj.io/v1alpha1"

// applications are those of the folder argocd of the env repo, with their
// namespaces.
var applications = map[string]string{
	"shop": "shop", "checkout": "checkout", "payments": "payments", "ledger": "billing", "invoices": "billing",
	"tickets": "tickets", "streams": "streams", "archive": "archive",
}

// mark is the label of what the tests put into a cluster.
const mark = "amend.dev/e2e"

// install installs amend as kustomize/overlays/local has it, with the forge's
// token, and the Applications of the env repo. All of it goes when the test ends.
func (w *world) install(t *testing.T) {
	t.Helper()
	objects := w.overlay(t)
	w.claimAll(t, objects)
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
	w.runsTheImage(t)
}

// runsTheImage checks that amend's pods run the very image that make image has
// written.
func (w *world) runsTheImage(t *testing.T) {
	t.Helper()
	if w.site.Own == nil {
		return // it came by way of a registry
	}
	built, err := tarball.ImageFromPath(w.archive(), nil)
	must(t, err)
	want, err := built.ConfigName()
	must(t, err)
	pods, err := w.cluster.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "amend.dev/role in (gateway, writer)"})
	must(t, err)
	for _, p := range pods.Items {
		for _, s := range p.Status.ContainerStatuses {
			if s.ImageID != want.String() {
				t.Errorf("%s runs %s, and make image has made %s", p.Name, s.ImageID, want)
			}
		}
	}
	if len(pods.Items) < 2 {
		t.Errorf("there are %d pods of the gateway and the writer", len(pods.Items))
	}
}

// overlay is kustomize/overlays/local for this site. Where no bus is given, it
// is one in the cluster, as kustomize/base has it.
func (w *world) overlay(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	objects := w.rendered(t, filepath.Join(w.root, "kustomize", "overlays", "local"))
	if w.site.Bus != "" {
		return objects
	}
	for _, native := range w.rendered(t, filepath.Join(w.root, "kustomize", "base")) {
		for i, o := range objects {
			bus := o.GetKind() == "EventBus" || o.GetKind() == "NetworkPolicy" && o.GetName() == "bus"
			if bus && o.GetKind() == native.GetKind() && o.GetName() == native.GetName() {
				objects[i] = native
			}
		}
	}
	return objects
}

// follow has Argo CD follow the env repo, and waits until it does.
func (w *world) follow(t *testing.T) {
	t.Helper()
	must(t, w.cluster.Apply(t.Context(), []byte(`
apiVersion: v1
kind: Secret
metadata: {name: amend-e2e-env-repo, namespace: argocd, labels: {argocd.argoproj.io/secret-type: repository}}
stringData: {type: git, url: "`+w.env.url+`.git", username: x-access-token, password: "`+w.env.token+`"}
`)))
	for name, namespace := range applications {
		w.apply(t, object("v1", "Namespace", "", namespace))
		manifest, err := os.ReadFile(filepath.Join(w.env.clone, "argocd", name+".yaml"))
		must(t, err)
		w.apply(t, parsed(t, string(manifest)))
	}
	for name := range applications {
		w.synced(t, name, "")
	}
}

// rendered is what an overlay holds, for this site.
func (w *world) rendered(t *testing.T, folder string) []*unstructured.Unstructured {
	t.Helper()
	result, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	must(t, err)
	var objects []*unstructured.Unstructured
	for _, resource := range result.Resources() {
		text, err := resource.AsYAML()
		must(t, err)
		objects = append(objects, parsed(t, w.here(string(text))))
	}
	return objects
}

// parsed is the one object of a manifest.
func parsed(t *testing.T, manifest string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	must(t, yaml.Unmarshal([]byte(manifest), &o.Object))
	return o
}

// apply applies an object with the label of the tests.
func (w *world) apply(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	labels := o.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[mark] = "true"
	o.SetLabels(labels)
	text, err := o.MarshalJSON()
	must(t, err)
	must(t, w.cluster.Apply(t.Context(), text))
}

// installed waits until an event can travel all the way.
func (w *world) installed(t *testing.T) {
	t.Helper()
	took := eventually(t, "amend is installed", func() error {
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
	if w.gateway == "" {
		w.gateway = "http://" + w.reach(t, namespace, "amend-gateway", 8080)
	}
}

// claimAll is claim for all that uninstall would delete.
func (w *world) claimAll(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	for name, namespace := range applications {
		w.claim(t, object(argo, "Application", "argocd", name))
		w.claim(t, object("v1", "Namespace", "", namespace))
	}
	for _, o := range objects {
		if o.GetNamespace() == "" || o.GetNamespace() != namespace {
			w.claim(t, o)
		}
	}
}

// claim ends the test when somebody else has an object of this name: on a
// cluster of somebody else's, nothing is replaced or deleted that is not ours.
func (w *world) claim(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	if w.site.Own != nil {
		return
	}
	live, err := w.get(t, o)
	if err == nil && live.GetLabels()[mark] == "" {
		t.Fatalf("the cluster has %s %s already, and not from these tests", o.GetKind(), o.GetName())
	}
}

// uninstall deletes the Applications and whatever was installed.
func (w *world) uninstall(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	var apps, deployed, rest []*unstructured.Unstructured
	for name, namespace := range applications {
		apps = append(apps, object(argo, "Application", "argocd", name))
		deployed = append(deployed, object("v1", "Namespace", "", namespace))
	}
	w.removeAll(t, apps)
	var leaving sync.WaitGroup
	leaving.Go(func() { w.removeAll(t, deployed) }) // its pods take their time
	defer leaving.Wait()
	w.remove(t, object("v1", "Secret", "argocd", "amend-e2e-env-repo"))
	// What Argo's controllers have to clean up after goes while they still can.
	for _, kind := range []string{"Sensor", "EventSource", "EventBus"} {
		w.removeAll(t, slices.DeleteFunc(slices.Clone(objects), func(o *unstructured.Unstructured) bool { return o.GetKind() != kind }))
	}
	w.remove(t, object("v1", "Namespace", "", namespace))
	for _, o := range objects {
		if o.GetNamespace() != namespace && o.GetKind() != "Namespace" {
			rest = append(rest, o)
		}
	}
	w.removeAll(t, rest)
}

// removeAll deletes objects side by side and waits until they are gone.
func (w *world) removeAll(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	var all sync.WaitGroup
	for _, o := range objects {
		all.Go(func() { w.remove(t, o) })
	}
	all.Wait()
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
	return regexp.MustCompile(`\bfor: \d+m\b`).ReplaceAllString(string(spec), "for: 2s")
}
