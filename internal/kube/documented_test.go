package kube_test

import (
	"os"
	"regexp"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend/internal/kube"
)

// TestDocumentedRequest: the request that docs/policy.md shows has the fields of
// the schema and no others, and those that have to be there.
func TestDocumentedRequest(t *testing.T) {
	page, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)```yaml manifest\n(.*?)```").FindAllSubmatch(page, -1)
	if len(shown) == 0 {
		t.Fatal("the page shows no request; is it marked as before?")
	}
	for _, m := range shown {
		var r kube.RemediationRequest
		if err := yaml.UnmarshalStrict(m[1], &r); err != nil {
			t.Errorf("%v:\n%s", err, m[1])
		}
		if r.APIVersion != kube.Group+"/"+kube.Version || r.Kind != remediation().Kind || r.Name == "" || r.Namespace == "" {
			t.Errorf("this is no request:\n%s", m[1])
		}
		var fields struct {
			Spec map[string]any `json:"spec"`
		}
		if err := yaml.Unmarshal(m[1], &fields); err != nil {
			t.Fatal(err)
		}
		for _, name := range schema(t).Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Required {
			if fields.Spec[name] == nil {
				t.Errorf("the request has no %s:\n%s", name, m[1])
			}
		}
	}
}
