package lint_test

import (
	"testing"

	events "github.com/argoproj/argo-events/pkg/apis/events/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// The pods of the Deployments, and those that Argo Events makes, are admitted by
// the Pod Security Standard that manifests/namespace.yaml asks for.
func TestPodsAreRestricted(t *testing.T) {
	const base = "kustomize/base"
	for _, d := range all[*appsv1.Deployment](t, base) {
		checkRestricted(t, d.Name, &d.Spec.Template.Spec)
	}
	for _, s := range all[*events.Sensor](t, base) {
		checkRestricted(t, s.Name, podOf(s.Spec.Template.SecurityContext, s.Spec.Template.Container.SecurityContext))
	}
	for _, s := range all[*events.EventSource](t, base) {
		checkRestricted(t, s.Name, podOf(s.Spec.Template.SecurityContext, s.Spec.Template.Container.SecurityContext))
	}
	for _, b := range all[*events.EventBus](t, base) {
		js := b.Spec.JetStream
		checkRestricted(t, b.Name, podOf(js.SecurityContext, js.ContainerTemplate.SecurityContext,
			js.ReloaderContainerTemplate.SecurityContext, js.MetricsContainerTemplate.SecurityContext))
	}
}

// podOf is a pod as Argo Events makes it, as far as its security goes.
func podOf(pod *corev1.PodSecurityContext, containers ...*corev1.SecurityContext) *corev1.PodSpec {
	spec := &corev1.PodSpec{SecurityContext: pod}
	for _, c := range containers {
		spec.Containers = append(spec.Containers, corev1.Container{Name: "main", SecurityContext: c})
	}
	return spec
}

func checkRestricted(t *testing.T, name string, spec *corev1.PodSpec) {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks())
	if err != nil {
		t.Fatal(err)
	}
	standard := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	if r := policy.AggregateCheckResults(evaluator.EvaluatePod(standard, &metav1.ObjectMeta{}, spec)); !r.Allowed {
		t.Errorf("%s: %s", name, r.ForbiddenDetail())
	}
}
