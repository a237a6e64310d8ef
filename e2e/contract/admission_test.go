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
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/cel/environment"
	internal "k8s.io/kubernetes/pkg/apis/admissionregistration"
	"k8s.io/kubernetes/pkg/apis/admissionregistration/install"
	"k8s.io/kubernetes/pkg/apis/admissionregistration/validation"
	"sigs.k8s.io/yaml"
)

// admissionPolicy reads one of the files with a policy and its binding.
func admissionPolicy(t *testing.T, file string) (v1.ValidatingAdmissionPolicy, v1.ValidatingAdmissionPolicyBinding) {
	t.Helper()
	data, err := os.ReadFile("../../manifests/" + file)
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

// The API server takes the policies and their bindings: the expressions compile.
func TestAdmissionPoliciesAreAccepted(t *testing.T) {
	for _, file := range []string{"crd/admission.yaml", "sensor-admission.yaml"} {
		policy, binding := admissionPolicy(t, file)
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
			t.Errorf("%s: %v", file, err)
		}
		if b.Spec.PolicyName != p.Name {
			t.Errorf("%s: the binding is for %s", file, b.Spec.PolicyName)
		}
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

// A creation is what a policy is asked about.
type creation struct {
	by       string // name of the user
	kind     schema.GroupVersionKind
	resource string
	object   map[string]any
	authz    authorizer.Authorizer
}

// admit runs a policy on a creation, and returns its decisions: none when the
// policy is not about it.
func admit(t *testing.T, policy v1.ValidatingAdmissionPolicy, c creation) []validating.PolicyDecision {
	t.Helper()
	compiler, err := plugincel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion(), true))
	if err != nil {
		t.Fatal(err)
	}
	declared := plugincel.OptionalVariableDeclarations{HasAuthorizer: true, StrictCost: true}
	for _, v := range policy.Spec.Variables {
		compiler.CompileAndStoreVariable(&validating.Variable{Name: v.Name, Expression: v.Expression}, declared, environment.StoredExpressions)
	}
	var matches, conditions, messages []plugincel.ExpressionAccessor
	for _, m := range policy.Spec.MatchConditions {
		matches = append(matches, &matchconditions.MatchCondition{Name: m.Name, Expression: m.Expression})
	}
	for _, v := range policy.Spec.Validations {
		conditions = append(conditions, &validating.ValidationCondition{Expression: v.Expression, Message: v.Message, Reason: v.Reason})
		messages = append(messages, &validating.MessageExpressionCondition{MessageExpression: v.MessageExpression})
	}
	compile := func(expressions []plugincel.ExpressionAccessor, with plugincel.OptionalVariableDeclarations) plugincel.ConditionEvaluator {
		return compiler.CompileCondition(expressions, with, environment.StoredExpressions)
	}
	matcher := matchconditions.NewMatcher(compile(matches, declared), policy.Spec.FailurePolicy, "policy", "validate", policy.Name)
	validator := validating.NewValidator(compile(conditions, declared), matcher, compile(nil, declared),
		compile(messages, plugincel.OptionalVariableDeclarations{StrictCost: true}), policy.Spec.FailurePolicy)

	created := &unstructured.Unstructured{Object: c.object}
	resource := c.kind.GroupVersion().WithResource(c.resource)
	attributes := &admission.VersionedAttributes{
		Attributes: admission.NewAttributesRecord(created, nil, c.kind, created.GetNamespace(), created.GetName(),
			resource, "", admission.Create, nil, false, &user.DefaultInfo{Name: c.by}),
		VersionedKind: c.kind, VersionedObject: created,
	}
	return validator.Validate(t.Context(), resource, attributes, nil, nil, celconfig.RuntimeCELCostBudget, c.authz).Decisions
}

// admitRequest asks about a RemediationRequest of bob's.
func admitRequest(t *testing.T, object map[string]any, authz authorizer.Authorizer) (validating.PolicyDecisionAction, string) {
	t.Helper()
	policy, _ := admissionPolicy(t, "crd/admission.yaml")
	kind := schema.GroupVersionKind{Group: "amend.dev", Version: "v1alpha1", Kind: "RemediationRequest"}
	decisions := admit(t, policy, creation{"bob", kind, "remediationrequests", object, authz})
	if len(decisions) != 1 {
		t.Fatalf("%d decisions", len(decisions))
	}
	return decisions[0].Action, decisions[0].Message
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
		{"may patch the job", "CronJob", rule{"bob", "patch batch cronjobs shop web"}, validating.ActionAdmit},
		{"may patch the autoscaler", "HorizontalPodAutoscaler", rule{"bob", "patch autoscaling horizontalpodautoscalers shop web"}, validating.ActionAdmit},
		{"may patch the scaled object", "ScaledObject", rule{"bob", "patch keda.sh scaledobjects shop web"}, validating.ActionAdmit},
		{"may patch the configuration", "ConfigMap", rule{"bob", "patch  configmaps shop web"}, validating.ActionAdmit},
		{"may patch the claim", "PersistentVolumeClaim", rule{"bob", "patch  persistentvolumeclaims shop web"}, validating.ActionAdmit},
		{"may patch the application", "Application", rule{"bob", "patch argoproj.io applications shop web"}, validating.ActionAdmit},
		{"another group", "CronJob", rule{"bob", "patch apps cronjobs shop web"}, validating.ActionDeny},
		{"somebody else may", "Deployment", rule{"eve", "patch apps deployments shop web"}, validating.ActionDeny},
		{"another name", "Deployment", rule{"bob", "patch apps deployments shop db"}, validating.ActionDeny},
		{"another kind", "StatefulSet", rule{"bob", "patch apps deployments shop web"}, validating.ActionDeny},
		{"another namespace", "Deployment", rule{"bob", "patch apps deployments bank web"}, validating.ActionDeny},
		{"may only read it", "Deployment", rule{"bob", "get apps deployments shop web"}, validating.ActionDeny},
		{"a kind that the policy does not know", "Job", rule{"bob", "patch apps jobs shop web"}, validating.ActionDeny},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, message := admitRequest(t, edited(t, "kind: Deployment", "kind: "+c.kind), c.rule)
			if got != c.want {
				t.Errorf("%s: %s", got, message)
			}
		})
	}
}

func TestRefusalSaysWhatIsMissing(t *testing.T) {
	const want = `bob may not patch deployments.apps "web" in the namespace "shop", so it may not ask amend to change it either`
	if _, got := admitRequest(t, edited(t, "", ""), rule{}); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
