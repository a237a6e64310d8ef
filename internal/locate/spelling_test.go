package locate_test

import (
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/locate"
)

func TestKnown(t *testing.T) {
	const known = "known"
	for _, tt := range []struct{ kind, field, want string }{
		{"Deployment", "spec.replicas", known},
		{"apps/Deployment", "spec.template.spec.containers[name=app].resources.limits.memory", known},
		{"Deployment", `metadata.annotations["a/b"]`, known},
		{"ConfigMap", `data["any key"]`, known},
		{"CronJob", "spec.jobTemplate.spec.template.spec.containers[name=app].env[name=X].value", known},
		{"autoscaling/HorizontalPodAutoscaler", "spec.behavior.scaleDown.stabilizationWindowSeconds", known},
		{"PersistentVolumeClaim", "spec.resources.requests.storage", known},

		{"Deployment", "spec.replcas", "spec.replicas"},
		{"Deployment", "spec.template.spec.container[name=app].imagePullPolcy", "spec.template.spec.containers[name=app].imagePullPolicy"},
		{"Deployment", "spec.template.spec.containers[nam=app].image", "spec.template.spec.containers[name=app].image"},
		{"Deployment", "spec.xyz", ""},
		{"Deployment", "spec.replicas.more", ""},
		{"Deployment", "spec.template[name=app].image", ""},
		{"argoproj.io/Rollout", "spec.replicas", ""},
		{"serving.knative.dev/Service", "spec.type", ""},
	} {
		ref, err := amend.ParseObjectRef(tt.kind + "/shop/web")
		if err != nil {
			t.Fatal(err)
		}
		field, err := amend.ParseFieldPath(tt.field)
		if err != nil {
			t.Fatal(err)
		}
		got, near := locate.Known(ref, field)
		switch {
		case got != (tt.want == known):
			t.Errorf("%s of %s: known %v", tt.field, tt.kind, got)
		case !got && near.String() != tt.want:
			t.Errorf("%s of %s: near %q, want %q", tt.field, tt.kind, near, tt.want)
		}
	}
}
