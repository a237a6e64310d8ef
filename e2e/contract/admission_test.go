package contract_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	v1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/cel/environment"
	internal "k8s.io/kubernetes/pkg/apis/admissionregistration"
	"k8s.io/kubernetes/pkg/apis/admissionregistration/install"
	"k8s.io/kubernetes/pkg/apis/admissionregistration/validation"
	"sigs.k8s.io/yaml"
)

func admissionPolicy(t *testing.T) (v1.ValidatingAdmissionPolicy, v1.ValidatingAdmissionPolicyBinding) {
	t.Helper()
	data, err := os.ReadFile("../../manifests/crd/admission.yaml")
	if err != nil {
		t.Fatal(err)
	}
	first, second, _ := bytes.Cut(data, []byte("\n---\n"))
	var policy v1.ValidatingAdmissionPolicy
	var binding v1.ValidatingAdmissionPolicyBinding
	if err := yaml.UnmarshalStrict(first, &policy); err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(second, &binding); err != nil {
		t.Fatal(err)
	}
	return policy, binding
}

// The API server takes the policy and its binding: the expressions compile.
func TestAdmissionPolicyIsAccepted(t *testing.T) {
	policy, binding := admissionPolicy(t)
	scheme := runtime.NewScheme()
	install.Install(scheme)
	scheme.Default(&policy)
	scheme.Default(&binding)
	var p internal.ValidatingAdmissionPolicy
	var b internal.ValidatingAdmissionPolicyBinding
	if err := scheme.Convert(&policy, &p, nil); err != nil {
		t.Fatal(err)
	}
	if err := scheme.Convert(&binding, &b, nil); err != nil {
		t.Fatal(err)
	}
	for _, err := range append(validation.ValidateValidatingAdmissionPolicy(&p), validation.ValidateValidatingAdmissionPolicyBinding(&b)...) {
		t.Error(err)
	}
}

// rule is the authorizer of a cluster in which one user may do one thing.
type rule struct{ who, what string }

func (r rule) Authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	what := strings.Join([]string{a.GetVerb(), a.GetAPIGroup(), a.GetResource(), a.GetNamespace(), a.GetName()}, " ")
	if a.IsResourceRequest() && a.GetUser().GetName() == r.who && what == r.what {
		return authorizer.DecisionAllow, "", nil
	}
	return authorizer.DecisionNoOpinion, "", nil
}

// admit runs the policy on the creation of a request by bob, and returns its
// decision and message.
func admit(t *testing.T, object map[string]any, authz authorizer.Authorizer) (validating.PolicyDecisionAction, string) {
	t.Helper()
	policy, _ := admissionPolicy(t)
	compiler, err := plugincel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion(), true))
	if err != nil {
		t.Fatal(err)
	}
	declared := plugincel.OptionalVariableDeclarations{HasAuthorizer: true, StrictCost: true}
	for _, v := range policy.Spec.Variables {
		compiler.CompileAndStoreVariable(&validating.Variable{Name: v.Name, Expression: v.Expression}, declared, environment.StoredExpressions)
	}
	var conditions, messages []plugincel.ExpressionAccessor
	for _, v := range policy.Spec.Validations {
		conditions = append(conditions, &validating.ValidationCondition{Expression: v.Expression, Message: v.Message, Reason: v.Reason})
		messages = append(messages, &validating.MessageExpressionCondition{MessageExpression: v.MessageExpression})
	}
	unauthorized := plugincel.OptionalVariableDeclarations{StrictCost: true}
	validator := validating.NewValidator(
		compiler.CompileCondition(conditions, declared, environment.StoredExpressions), nil,
		compiler.CompileCondition(nil, declared, environment.StoredExpressions),
		compiler.CompileCondition(messages, unauthorized, environment.StoredExpressions), policy.Spec.FailurePolicy)

	resource := schema.GroupVersionResource{Group: "amend.dev", Version: "v1alpha1", Resource: "remediationrequests"}
	kind := resource.GroupVersion().WithKind("RemediationRequest")
	created := &unstructured.Unstructured{Object: object}
	attributes := &admission.VersionedAttributes{
		Attributes: admission.NewAttributesRecord(created, nil, kind, "shop", "more-memory",
			resource, "", admission.Create, nil, false, &user.DefaultInfo{Name: "bob"}),
		VersionedKind: kind, VersionedObject: created,
	}
	result := validator.Validate(t.Context(), resource, attributes, nil, nil, celconfig.RuntimeCELCostBudget, authz)
	if len(result.Decisions) != 1 {
		t.Fatalf("%d decisions", len(result.Decisions))
	}
	return result.Decisions[0].Action, result.Decisions[0].Message
}

func TestCreatorHasToBeAllowedToPatchTheTarget(t *testing.T) {
	for _, c := range []struct {
		name, kind string
		rule       rule
		want       validating.PolicyDecisionAction
	}{
		{"may patch it", "Deployment", rule{"bob", "patch apps deployments shop web"}, validating.ActionAdmit},
		{"may patch the set", "StatefulSet", rule{"bob", "patch apps statefulsets shop web"}, validating.ActionAdmit},
		{"may patch the daemons", "DaemonSet", rule{"bob", "patch apps daemonsets shop web"}, validating.ActionAdmit},
		{"somebody else may", "Deployment", rule{"eve", "patch apps deployments shop web"}, validating.ActionDeny},
		{"another name", "Deployment", rule{"bob", "patch apps deployments shop db"}, validating.ActionDeny},
		{"another kind", "StatefulSet", rule{"bob", "patch apps deployments shop web"}, validating.ActionDeny},
		{"another namespace", "Deployment", rule{"bob", "patch apps deployments bank web"}, validating.ActionDeny},
		{"may only read it", "Deployment", rule{"bob", "get apps deployments shop web"}, validating.ActionDeny},
		{"a kind that the policy does not know", "Job", rule{"bob", "patch apps jobs shop web"}, validating.ActionDeny},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, message := admit(t, edited(t, "kind: Deployment", "kind: "+c.kind), c.rule)
			if got != c.want {
				t.Errorf("%s: %s", got, message)
			}
		})
	}
}

func TestRefusalSaysWhatIsMissing(t *testing.T) {
	const want = `bob may not patch deployments.apps "web" in the namespace "shop", so it may not ask amend to change it either`
	if _, got := admit(t, edited(t, "", ""), rule{}); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
