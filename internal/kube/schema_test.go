package kube_test

import (
	"bytes"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend/actions"
	"github.com/amendhq/amend/internal/kube"
)

// definition is the part of a CustomResourceDefinition that is compared with
// the Go types. The API server's own checks run in e2e/contract.
type definition struct {
	Spec struct {
		Group string `json:"group"`
		Scope string `json:"scope"`
		Names struct {
			Kind       string   `json:"kind"`
			Plural     string   `json:"plural"`
			ShortNames []string `json:"shortNames"`
		} `json:"names"`
		Versions []struct {
			Name         string `json:"name"`
			Subresources struct {
				Status *struct{} `json:"status"`
			} `json:"subresources"`
			AdditionalPrinterColumns []struct {
				Name     string `json:"name"`
				JSONPath string `json:"jsonPath"`
			} `json:"additionalPrinterColumns"`
			Schema struct {
				OpenAPIV3Schema node `json:"openAPIV3Schema"`
			} `json:"schema"`
		} `json:"versions"`
	} `json:"spec"`
}

type node struct {
	Type                 string          `json:"type"`
	Properties           map[string]node `json:"properties"`
	Items                *node           `json:"items"`
	AdditionalProperties *node           `json:"additionalProperties"`
	Required             []string        `json:"required"`
	Enum                 []string        `json:"enum"`
}

func schema(t *testing.T) definition {
	t.Helper()
	var d definition
	data, err := os.ReadFile("../../manifests/crd/remediationrequests.yaml")
	if err == nil {
		err = yaml.Unmarshal(data, &d)
	}
	if err != nil || len(d.Spec.Versions) != 1 {
		t.Fatalf("%v, %d versions", err, len(d.Spec.Versions))
	}
	return d
}

func TestSchemaAndTypesAgree(t *testing.T) {
	spec := schema(t).Spec
	v := spec.Versions[0]
	if spec.Group != kube.Group || v.Name != kube.Version || spec.Names.Plural != kube.Requests || spec.Names.Kind != remediation().Kind {
		t.Errorf("the schema is for %s/%s %s", spec.Group, v.Name, spec.Names.Plural)
	}
	if spec.Scope != "Namespaced" || v.Subresources.Status == nil || !slices.Equal(spec.Names.ShortNames, []string{"rr"}) {
		t.Errorf("%+v", spec)
	}
	agree(t, "", reflect.TypeFor[kube.RemediationRequest](), v.Schema.OpenAPIV3Schema)
}

// agree compares the fields of a Go type with the properties of a schema, in
// both directions. A field is required when its tag does not let it be left out.
func agree(t *testing.T, path string, typ reflect.Type, s node) {
	t.Helper()
	if typ == reflect.TypeFor[metav1.ObjectMeta]() || typ == reflect.TypeFor[metav1.Time]() {
		return // the API server's own
	}
	kinds := map[reflect.Kind]string{
		reflect.Struct: "object", reflect.Map: "object", reflect.Slice: "array", reflect.String: "string", reflect.Int: "integer", reflect.Int64: "integer",
	}
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if kinds[typ.Kind()] != s.Type {
		t.Errorf("%s is a %s in Go and a %q in the schema", path, typ.Kind(), s.Type)
		return
	}
	switch typ.Kind() {
	case reflect.Slice:
		agree(t, path+"[]", typ.Elem(), *s.Items)
	case reflect.Map:
		agree(t, path+"[]", typ.Elem(), *s.AdditionalProperties)
	case reflect.Struct:
		agreeOnFields(t, path, typ, s)
	}
}

func agreeOnFields(t *testing.T, path string, typ reflect.Type, s node) {
	t.Helper()
	fields := fieldsOf(typ)
	for name, f := range fields {
		property, known := s.Properties[name]
		if !known {
			t.Errorf("%s.%s is not in the schema", path, name)
			continue
		}
		optional := strings.Contains(f.Tag.Get("json"), ",omit")
		// What every object has is demanded by the API server itself.
		if required := slices.Contains(s.Required, name); required == optional && name != "metadata" {
			t.Errorf("%s.%s: required is %t in the schema", path, name, required)
		}
		agree(t, path+"."+name, f.Type, property)
	}
	for name := range s.Properties {
		if _, known := fields[name]; !known {
			t.Errorf("%s.%s is not in the Go type", path, name)
		}
	}
}

// fieldsOf returns the fields of a struct by their JSON names, inlined ones included.
func fieldsOf(typ reflect.Type) map[string]reflect.StructField {
	fields := map[string]reflect.StructField{}
	for i := range typ.NumField() {
		f := typ.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			fields[name] = f
		} else {
			maps.Copy(fields, fieldsOf(f.Type))
		}
	}
	return fields
}

func TestClosedListsAgree(t *testing.T) {
	v := schema(t).Spec.Versions[0].Schema.OpenAPIV3Schema
	target, status := v.Properties["spec"].Properties["target"], v.Properties["status"]
	var kinds []string
	for _, a := range actions.All() {
		kinds = append(kinds, a.Kinds...)
	}
	for _, c := range []struct {
		name      string
		got, want []string
	}{
		{"target.kind", target.Properties["kind"].Enum, kinds},
		{"phase", status.Properties["phase"].Enum, []string{string(kube.Pending), string(kube.Running), string(kube.Proposed), string(kube.Succeeded), string(kube.Failed)}},
		{"conditions.type", status.Properties["conditions"].Items.Properties["type"].Enum, []string{kube.Decided, kube.Changed, kube.Verified}},
	} {
		slices.Sort(c.got)
		slices.Sort(c.want)
		c.want = slices.Compact(c.want)
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s is one of %q in the schema and of %q in Go", c.name, c.got, c.want)
		}
	}
}

func TestColumnsPointToFields(t *testing.T) {
	v := schema(t).Spec.Versions[0]
	var names []string
	for _, c := range v.AdditionalPrinterColumns {
		names = append(names, c.Name)
		at := v.Schema.OpenAPIV3Schema
		for part := range strings.SplitSeq(strings.TrimPrefix(c.JSONPath, "."), ".") {
			if at.Properties["metadata"].Type == "object" && part == "metadata" {
				break
			}
			next, ok := at.Properties[part]
			if !ok {
				t.Errorf("column %s shows %s, which does not exist", c.Name, c.JSONPath)
			}
			at = next
		}
	}
	for _, want := range []string{"Target", "Action", "Phase", "Change", "Age"} {
		if !slices.Contains(names, want) {
			t.Errorf("there is no column %s in %q", want, names)
		}
	}
}

func TestCreatorsAreChecked(t *testing.T) {
	data, err := os.ReadFile("../../manifests/crd/admission.yaml")
	if err != nil {
		t.Fatal(err)
	}
	first, second, _ := bytes.Cut(data, []byte("\n---\n"))
	var policy admissionv1.ValidatingAdmissionPolicy
	var binding admissionv1.ValidatingAdmissionPolicyBinding
	if err := yaml.UnmarshalStrict(first, &policy); err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(second, &binding); err != nil {
		t.Fatal(err)
	}
	if policy.Spec.FailurePolicy == nil || *policy.Spec.FailurePolicy != admissionv1.Fail || len(policy.Spec.Validations) == 0 {
		t.Errorf("the policy lets requests through when it fails: %+v", policy.Spec)
	}
	rules := policy.Spec.MatchConstraints.ResourceRules
	if len(rules) != 1 || !slices.Equal(rules[0].APIGroups, []string{kube.Group}) || !slices.Equal(rules[0].Resources, []string{kube.Requests}) ||
		!slices.Equal(rules[0].Operations, []admissionv1.OperationType{admissionv1.Create}) {
		t.Errorf("the policy looks at %+v", rules)
	}
	if binding.Spec.PolicyName != policy.Name || !slices.Equal(binding.Spec.ValidationActions, []admissionv1.ValidationAction{admissionv1.Deny}) {
		t.Errorf("the binding is %+v", binding.Spec)
	}
	for _, kind := range schema(t).Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties["target"].Properties["kind"].Enum {
		if !strings.Contains(policy.Spec.Variables[0].Expression, "'"+kind+"': '"+strings.ToLower(kind)+"s'") {
			t.Errorf("the policy knows no resource of %s: %s", kind, policy.Spec.Variables[0].Expression)
		}
	}
}
