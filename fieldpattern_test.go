package amend_test

import (
	"testing"

	"github.com/amendhq/amend"
)

func TestFieldPattern(t *testing.T) {
	for _, c := range []struct {
		pattern amend.FieldPattern
		field   string
		want    bool
	}{
		{"spec.replicas", "spec.replicas", true},
		{"spec.replicas", "spec.replicasX", false},
		{"spec.replicas", "specXreplicas", false},
		{"spec.replicas", "x.spec.replicas", false},
		{"spec.containers[*].image", "spec.containers[name=app].image", true},
		{"spec.containers[*].image", "spec.containers[0].image", true},
		{"spec.containers[*].image", "spec.containers[0].env[0].image", false},
		{"spec.containers[*].image", "spec.containers[0].imagePullPolicy", false},
		{`data[*]`, `data["a.yaml"]`, true},
		{`data[*]`, `data["a]\".b"]`, true},
		{`data[*]`, `data["a"]["b"]`, false},
		{`metadata.annotations["a/b"]`, `metadata.annotations["a/b"]`, true},
		{`metadata.annotations["a/b"]`, `metadata.annotations["a/c"]`, false},
		{"metadata.**", "metadata.annotations.a", true},
		{"metadata.**", "spec.metadata.a", false},
		{"**", "anything[0].at.all", true},
		{"", "spec", false},
	} {
		if got := c.pattern.Matches(c.field); got != c.want {
			t.Errorf("%s matches %s: %v, want %v", c.pattern, c.field, got, c.want)
		}
	}
}
