package locate

import (
	"testing"

	"github.com/amendhq/amend"
)

// TestMayHide: an expression counts as ignoring a field unless it is understood
// not to.
func TestMayHide(t *testing.T) {
	const image, memory = "spec.template.spec.containers[name=app].image", "spec.template.spec.containers[name=app].resources.limits.memory"
	for _, c := range []struct {
		expression, field string
		want              bool
	}{
		{".spec.replicas", "spec.replicas", true},
		{".spec.replicas?", "spec.replicas", true},
		{".spec", "spec.replicas", true},
		{".", "spec.replicas", true},
		{".status", "spec.replicas", false},
		{".spec.replicas.more", "spec.replicas", false},
		{`.spec["replicas"]`, "spec.replicas", true},
		{`.spec."replicas"`, "spec.replicas", true},
		{".spec | .replicas", "spec.replicas", true},
		{".spec | .paused", "spec.replicas", false},
		{`.metadata.annotations["a/b"]`, `metadata.annotations["a/b"]`, true},
		{`.metadata.annotations["a/b"]`, `metadata.annotations["a/c"]`, false},
		{".spec.template.spec.containers[].image", image, true},
		{".spec.template.spec.containers[0].image", image, true},
		{".spec.template.spec.containers[].image", memory, false},
		{".spec.template.spec.containers.image", image, false},
		{".spec.template.spec.containers[]", memory, true},
		{`.spec.template.spec.containers[] | select(.name == "app")`, memory, true},
		{`.spec.template.spec.containers[] | select(.name == "a|b") | .image`, image, true},
		{`.spec.template.spec.containers[] | select(.name == "app") | .image`, memory, false},
		{`.spec.template.spec.initContainers[] | select(.name == "app")`, image, false},
		{".spec.template.spec.containers[0:2]", image, true},
		{".spec.paused, .spec.replicas", "spec.replicas", true},
		{"..", "spec.replicas", true},
		{`.. | select(.image?)`, image, true},
		{"paths", "spec.replicas", true},
		{"", "spec.replicas", true},
		{`.spec.replicas | if . > 3 then . else empty end`, "spec.replicas", true},
	} {
		field, err := amend.ParseFieldPath(c.field)
		if err != nil {
			t.Fatal(err)
		}
		if got := mayHide(c.expression, field); got != c.want {
			t.Errorf("%s may hide %s: %v, want %v", c.expression, c.field, got, c.want)
		}
	}
}
