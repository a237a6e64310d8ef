package contract_test

import (
	"os"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/install"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	definitions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// definition reads the RemediationRequest's definition as the API server does
// when it is applied.
func definition(t *testing.T) *apiextensions.CustomResourceDefinition {
	t.Helper()
	data, err := os.ReadFile("../../manifests/crd/remediationrequests.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var applied v1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(data, &applied); err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	install.Install(scheme)
	scheme.Default(&applied)
	applied.Status.StoredVersions = []string{"v1alpha1"}
	var crd apiextensions.CustomResourceDefinition
	if err := scheme.Convert(&applied, &crd, nil); err != nil {
		t.Fatal(err)
	}
	return &crd
}

// The schema is structural, and its rules compile and are cheap enough.
func TestDefinitionIsAccepted(t *testing.T) {
	for _, err := range definitions.ValidateCustomResourceDefinition(t.Context(), definition(t)) {
		t.Error(err)
	}
}

const request = `
apiVersion: amend.dev/v1alpha1
kind: RemediationRequest
metadata: {name: more-memory, namespace: shop}
spec:
  target: {kind: Deployment, name: web, container: app}
  action: raise-memory-limit
  reason: the import needs more
  parameters: {factor: "1.5", ceiling: 4Gi}
status:
  observedGeneration: 1
  phase: Running
  reason: act
  message: opened a pull request
  change: {kind: pull-request, commit: 0123456789abcdef0123456789abcdef01234567, number: 7, url: "https://git.example.com/7"}
  conditions:
    - {type: Decided, status: "True", reason: Act, message: "", lastTransitionTime: "2026-01-02T03:04:05Z", observedGeneration: 1}
`

// edited returns the request with the first occurrence of a text replaced.
func edited(t *testing.T, old, replacement string) map[string]any {
	t.Helper()
	if !strings.Contains(request, old) {
		t.Fatalf("the request has no %q", old)
	}
	var object map[string]any
	if err := yaml.Unmarshal([]byte(strings.Replace(request, old, replacement, 1)), &object); err != nil {
		t.Fatal(err)
	}
	return object
}

// check validates an object as the API server does when it is created, or
// written over a former one.
func check(t *testing.T, object, former map[string]any) field.ErrorList {
	t.Helper()
	props := definition(t).Spec.Validation.OpenAPIV3Schema
	structural, err := schema.NewStructural(props)
	if err != nil {
		t.Fatal(err)
	}
	validator, _, err := validation.NewSchemaValidator(props)
	if err != nil {
		t.Fatal(err)
	}
	errs := validation.ValidateCustomResource(nil, object, validator)
	var old any
	if former != nil {
		old = former
	}
	rules, _ := cel.NewValidator(structural, true, celconfig.PerCallLimit).
		Validate(t.Context(), nil, structural, object, old, celconfig.RuntimeCELCostBudget)
	return append(errs, rules...)
}

func TestRequestsAreValidated(t *testing.T) {
	for _, c := range []struct{ name, old, replacement, want string }{
		{"as it is", "", "", ""},
		{"without what may be left out", request[strings.Index(request, ", container"):], "}\n  action: restart\n", ""},
		{"reason of 1024 bytes", "the import needs more", strings.Repeat("r", 1024), ""},
		{"eight parameters", `factor: "1.5"`, `a: "1", b: "1", c: "1", d: "1", e: "1", f: "1", a-name-of-thirty-one-characters: "1"`, ""},
		{"Job", "kind: Deployment", "kind: Job", "Unsupported value"},
		{"no kind", "kind: Deployment, ", "", "Required value"},
		{"no action", "  action: raise-memory-limit\n", "", "Required value"},
		{"target with a path", "name: web", "name: ../web", "should match"},
		{"target with a template", "name: web", `name: "{{=1}}"`, "should match"},
		{"container too long", "container: app", "container: " + strings.Repeat("a", 64), "Too long"},
		{"action with a newline", "action: raise-memory-limit", `action: "restart\n"`, "should match"},
		{"reason too long", "the import needs more", strings.Repeat("r", 1025), "Too long"},
		{"reason too long in bytes", "the import needs more", strings.Repeat("…", 400), "at most 1024 bytes"},
		{"nine parameters", `factor: "1.5"`, `a: "1", b: "1", c: "1", d: "1", e: "1", f: "1", g: "1", h: "1"`, "must have at most 8 items"},
		{"parameter's name", "factor:", "Factor_1:", "names of parameters"},
		{"parameter's name too long", "factor:", strings.Repeat("a", 32) + ":", "names of parameters"},
		{"parameter's value", `"1.5"`, `"1 5"`, "should match"},
		{"parameter's value too long", `"1.5"`, `"` + strings.Repeat("1", 64) + `"`, "Too long"},
		{"parameter that is a number", `"1.5"`, "1.5", "Invalid value"},
		{"no spec", "spec:", "other:", "Required value"},
		{"phase", "phase: Running", "phase: Dreaming", "Unsupported value"},
		{"commit", "0123456789abcdef0123456789abcdef01234567", "HEAD", "should match"},
		{"script as URL", "https://git.example.com/7", "javascript:alert(1)", "should match"},
		{"condition", "type: Decided", "type: Ready", "Unsupported value"},
	} {
		t.Run(c.name, func(t *testing.T) {
			errs := check(t, edited(t, c.old, c.replacement), nil)
			if text := errs.ToAggregate(); c.want == "" && text != nil || c.want != "" && (text == nil || !strings.Contains(text.Error(), c.want)) {
				t.Errorf("got %v, want %q", text, c.want)
			}
		})
	}
}

func TestSpecNeverChanges(t *testing.T) {
	former := edited(t, "", "")
	for _, c := range [][2]string{
		{"name: web", "name: db"}, {"raise-memory-limit", "restart"}, {`"1.5"`, `"9.5"`}, {"  reason: the import needs more\n", ""},
	} {
		if errs := check(t, edited(t, c[0], c[1]), former); len(errs) != 1 || !strings.Contains(errs[0].Error(), "a request never changes") {
			t.Errorf("%q: %v", c, errs)
		}
	}
	if errs := check(t, edited(t, "reason: act", "reason: worked"), former); len(errs) > 0 {
		t.Errorf("a status that changes: %v", errs)
	}
}

func TestPhaseOnlyMovesForward(t *testing.T) {
	const none = "  phase: Running\n"
	phases := []string{"", "Pending", "Running", "Proposed", "Succeeded", "Failed"}
	at := func(phase string) map[string]any {
		if phase == "" {
			return edited(t, none, "")
		}
		return edited(t, "phase: Running", "phase: "+phase)
	}
	for i, from := range phases {
		for j, to := range phases {
			want := j == i || j > i && from != "Succeeded"
			if errs := check(t, at(to), at(from)); (len(errs) == 0) != want {
				t.Errorf("from %q to %q: %v", from, to, errs)
			}
		}
	}
}
