// Package smoke proves that each part of the platform does its work. Its tests
// need a platform that is up and the variable KUBECONFIG that `platform up`
// prints; without it they are skipped.
package smoke

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/amendhq/amend/e2e/platform"
)

func connect(t *testing.T) *platform.Cluster {
	t.Helper()
	path := os.Getenv("KUBECONFIG")
	if path == "" {
		t.Skip("needs the platform: set KUBECONFIG to what `platform up` prints")
	}
	own, err := platform.New("../..", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if !own.Has(path) {
		t.Skip("a cluster of somebody else's is not ours to try")
	}
	cluster, err := platform.Connect(path)
	if err != nil {
		t.Fatal(err)
	}
	return cluster
}

// object names a live object.
func object(apiVersion, kind, namespace, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetAPIVersion(apiVersion)
	o.SetKind(kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}

// create applies a manifest and removes the object when the test ends.
func create(t *testing.T, c *platform.Cluster, o *unstructured.Unstructured, manifest string) {
	t.Helper()
	if err := c.Apply(t.Context(), []byte(manifest)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remove(t, c, o) })
}

// remove deletes an object and waits until it is gone, so that what has to
// take it away with care still runs meanwhile.
func remove(t *testing.T, c *platform.Cluster, o *unstructured.Unstructured) {
	t.Helper()
	ctx := context.Background() // the test's own has ended
	api, err := c.Objects(o)
	if err != nil {
		t.Fatal(err)
	}
	for begin := time.Now(); time.Since(begin) < 2*time.Minute; time.Sleep(500 * time.Millisecond) {
		if err = api.Delete(ctx, o.GetName(), metav1.DeleteOptions{}); apierrors.IsNotFound(err) {
			return
		}
	}
	t.Errorf("%s %s is not gone after two minutes; the last answer: %v", o.GetKind(), o.GetName(), err)
}

// waitFor polls an object until the string at path is want, and fails the test
// when that takes more than two minutes or the string is one of never.
func waitFor(t *testing.T, c *platform.Cluster, o *unstructured.Unstructured, path []string, want string, never ...string) {
	t.Helper()
	api, err := c.Objects(o)
	if err != nil {
		t.Fatal(err)
	}
	var got string
	begin := time.Now()
	for time.Since(begin) < 2*time.Minute {
		live, err := api.Get(t.Context(), o.GetName(), metav1.GetOptions{})
		if err == nil {
			got, _, _ = unstructured.NestedString(live.Object, path...)
		}
		if got == want {
			t.Logf("%s %s: %v is %s after %.1f s", o.GetKind(), o.GetName(), path, want, time.Since(begin).Seconds())
			return
		}
		for _, bad := range never {
			if got == bad {
				t.Fatalf("%s %s: %v is %s, want %s: %v", o.GetKind(), o.GetName(), path, got, want, live.Object["status"])
			}
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Fatalf("%s %s: %v is still %q after two minutes, want %s", o.GetKind(), o.GetName(), path, got, want)
}
