package smoke

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/amendhq/amend/e2e/platform"
)

// A cluster of somebody else's gets what it lacks, and loses no more than that
// again. The platform's own stands for it, first as it is, and then without
// Argo Events.
func TestExistingClusterGetsWhatItLacks(t *testing.T) {
	cluster := connect(t)
	log := slog.New(slog.NewTextHandler(testWriter{t}, nil))
	own, err := platform.New("../..", log)
	if err != nil {
		t.Fatal(err)
	}
	existing, err := platform.Use("../..", os.Getenv("KUBECONFIG"), log)
	if err != nil {
		t.Fatal(err)
	}
	ready := func() bool {
		up, err := existing.Status(t.Context(), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		return up
	}
	do := func(step func(context.Context) error) {
		t.Helper()
		if err := step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	do(existing.Up)
	do(existing.Down)
	if !ready() {
		t.Fatal("something is gone that was there before")
	}

	t.Cleanup(func() {
		if err := own.Up(context.Background()); err != nil {
			t.Errorf("putting Argo Events back: %v", err)
		}
	})
	removeEvents(t, cluster)
	if ready() {
		t.Fatal("Argo Events is not gone")
	}
	do(existing.Up)
	t.Run("with it", TestEventStartsWorkflow)
	do(existing.Down)
	if ready() {
		t.Error("Argo Events is still there")
	}
	for _, controller := range [][2]string{{"argo", "workflow-controller"}, {"argocd", "argocd-application-controller"}} {
		if _, err := cluster.AppsV1().Deployments(controller[0]).Get(t.Context(), controller[1], metav1.GetOptions{}); err != nil {
			t.Errorf("what was there before is gone: %v", err)
		}
	}
	if _, err := cluster.CoreV1().Namespaces().Get(t.Context(), "argo-events", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the namespace of Argo Events is still there: %v", err)
	}
}

// removeEvents takes Argo Events away, as if it had never been there.
func removeEvents(t *testing.T, c *platform.Cluster) {
	t.Helper()
	remove(t, c, object("v1", "Namespace", "", "argo-events"))
	for _, each := range []struct{ apiVersion, kind, name string }{
		{"rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "argo-events-binding"},
		{"rbac.authorization.k8s.io/v1", "ClusterRole", "argo-events-role"},
		{"rbac.authorization.k8s.io/v1", "ClusterRole", "argo-events-aggregate-to-admin"},
		{"rbac.authorization.k8s.io/v1", "ClusterRole", "argo-events-aggregate-to-edit"},
		{"rbac.authorization.k8s.io/v1", "ClusterRole", "argo-events-aggregate-to-view"},
		{"apiextensions.k8s.io/v1", "CustomResourceDefinition", "eventbus.argoproj.io"},
		{"apiextensions.k8s.io/v1", "CustomResourceDefinition", "eventsources.argoproj.io"},
		{"apiextensions.k8s.io/v1", "CustomResourceDefinition", "sensors.argoproj.io"},
	} {
		remove(t, c, object(each.apiVersion, each.kind, "", each.name))
	}
}

// A testWriter puts lines into the log of a test.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}
