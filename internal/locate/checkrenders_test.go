package locate_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/locate"
)

// deployment is an object as Argo CD returns it: with a tracking id, and
// without a namespace when the sources name none.
func deployment(change func(spec map[string]any)) string {
	container := map[string]any{"name": "app", "image": "app:1", "resources": map[string]any{"limits": map[string]any{"memory": "64Mi"}}}
	template := map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{"checksum/config": strings.Repeat("a", 64)}},
		"spec": map[string]any{
			"containers": []any{container},
			"volumes":    []any{map[string]any{"name": "config", "configMap": map[string]any{"name": "web-2g4b5c6d7f"}}},
		},
	}
	spec := map[string]any{"replicas": 2, "template": template}
	change(spec)
	return tracked("apps/v1", "Deployment", "web", "spec", spec)
}

func tracked(version, kind, name, key string, value any) string {
	data, err := json.Marshal(map[string]any{
		"apiVersion": version, "kind": kind, key: value,
		"metadata": map[string]any{"name": name, "annotations": map[string]any{"argocd.argoproj.io/tracking-id": "web:x"}},
	})
	if err != nil {
		panic(err)
	}
	return string(data)
}

func unchanged(map[string]any)   {}
func scaled(spec map[string]any) { spec["replicas"] = 3 }
func paused(spec map[string]any) { scaled(spec); spec["paused"] = true }

func rolled(spec map[string]any) {
	template := spec["template"].(map[string]any)
	template["metadata"] = map[string]any{"annotations": map[string]any{"checksum/config": strings.Repeat("b", 64)}}
	template["spec"].(map[string]any)["volumes"] = []any{map[string]any{"name": "config", "configMap": map[string]any{"name": "web-h2k4m5t6f7"}}}
}

var (
	deployed = amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}
	replicas = amend.FieldChange{Object: deployed, Field: "spec.replicas", Old: "2", New: "3"}
)

func TestCheckRenders(t *testing.T) {
	config := func(name, level string) string {
		return tracked("v1", "ConfigMap", name, "data", map[string]any{"LOG_LEVEL": level})
	}
	level := amend.FieldChange{Object: amend.ObjectRef{Kind: "ConfigMap", Namespace: "shop", Name: "web-2g4b5c6d7f"}, Field: "data.LOG_LEVEL", Old: "info", New: "debug"}
	limit := amend.FieldChange{Object: deployed, Field: "spec.template.spec.containers[name=app].resources.limits.cpu", New: "1"}
	secret := func(text string) string { return tracked("v1", "Secret", "web", "data", map[string]any{"a": text}) }
	for _, c := range []struct {
		name          string
		before, after []string
		want          []amend.FieldChange
		says          string // "" when they agree
	}{
		{"as proved", []string{deployment(unchanged)}, []string{deployment(scaled)}, []amend.FieldChange{replicas}, ""},
		{"no change wanted", []string{deployment(unchanged)}, []string{deployment(unchanged)}, nil, ""},
		{"an added field", []string{deployment(unchanged)}, []string{deployment(func(spec map[string]any) {
			container := spec["template"].(map[string]any)["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any)
			container["resources"].(map[string]any)["limits"].(map[string]any)["cpu"] = "1"
		})}, []amend.FieldChange{limit}, ""},
		{"hashes follow", []string{deployment(unchanged), config("web-2g4b5c6d7f", "info")}, []string{deployment(rolled), config("web-h2k4m5t6f7", "debug")}, []amend.FieldChange{level}, ""},
		{"other hashes than here", []string{deployment(unchanged), config("web-2g4b5c6d7f", "info")}, []string{deployment(rolled), config("web-h2k4m5t6f7", "debug")},
			[]amend.FieldChange{level, {Object: deployed, Field: `spec.template.metadata.annotations["checksum/config"]`, Old: strings.Repeat("c", 64), New: strings.Repeat("d", 64)}}, ""},
		{"a masked Secret", []string{secret("++++")}, []string{secret("++++")}, []amend.FieldChange{{Object: amend.ObjectRef{Kind: "Secret", Name: "web"}, Field: "data.a", Old: "(hidden)", New: "(hidden)"}}, ""},
		{"an object that comes", []string{deployment(unchanged)}, []string{deployment(unchanged), config("new", "info")},
			[]amend.FieldChange{{Object: amend.ObjectRef{Kind: "ConfigMap", Name: "new"}, Field: "*", New: "exists"}}, ""},

		{"it does not arrive", []string{deployment(unchanged)}, []string{deployment(unchanged)}, []amend.FieldChange{replicas}, "spec.replicas of Deployment/shop/web does not become 3"},
		{"another value", []string{deployment(unchanged)}, []string{deployment(func(s map[string]any) { s["replicas"] = 4 })}, []amend.FieldChange{replicas}, "does not become 3"},
		{"another value before", []string{deployment(func(s map[string]any) { s["replicas"] = 5 })}, []string{deployment(scaled)}, []amend.FieldChange{replicas}, "does not become 3"},
		{"another field too", []string{deployment(unchanged)}, []string{deployment(paused)}, []amend.FieldChange{replicas}, "spec.paused of apps/Deployment//web changes too"},
		{"another object too", []string{deployment(unchanged), config("other", "info")}, []string{deployment(scaled), config("other", "debug")}, []amend.FieldChange{replicas}, "data.LOG_LEVEL of ConfigMap//other changes too"},
		{"another object goes", []string{deployment(unchanged), config("other", "info")}, []string{deployment(scaled)}, []amend.FieldChange{replicas}, "* of ConfigMap//other changes too"},
		{"no such object", []string{config("other", "info")}, []string{config("other", "info")}, []amend.FieldChange{replicas}, "does not become 3"},
		{"another namespace", []string{`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"dev"},"spec":{"replicas":2}}`},
			[]string{`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"dev"},"spec":{"replicas":3}}`}, []amend.FieldChange{replicas}, "does not become 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := locate.CheckRenders(c.before, c.after, c.want)
			if c.says == "" && err != nil || c.says != "" && (amend.ReasonOf(err) != amend.ReasonUnproven || !strings.Contains(fmt.Sprint(err), c.says)) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
	if err := locate.CheckRenders([]string{"<html>"}, nil, nil); amend.KindOf(err) != amend.Transient {
		t.Errorf("what is no JSON: %v", err)
	}
}
