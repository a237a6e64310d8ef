package contract_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"sigs.k8s.io/yaml"
)

// started is a Workflow as a Sensor creates it.
const started = `
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: amend-x-firing, namespace: amend, labels: {events.argoproj.io/sensor: amend-alerts}}
spec:
  workflowTemplateRef: {name: amend-remediate}
  arguments:
    parameters:
      - {name: event, value: aGVsbG8=}
`

// refusals asks the policy about a Workflow that some account creates, and
// returns why it may not: nothing when it may.
func refusals(t *testing.T, by, manifest string) []string {
	t.Helper()
	var object map[string]any
	if err := yaml.Unmarshal([]byte(manifest), &object); err != nil {
		t.Fatal(err)
	}
	policy, _ := admissionPolicy(t, "sensor-admission.yaml")
	kind := schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Workflow"}
	var why []string
	for _, d := range admit(t, policy, creation{by, kind, "workflows", object, nil}) {
		if d.Action == validating.ActionDeny {
			why = append(why, d.Message)
		}
	}
	return why
}

const sensorAccount = "system:serviceaccount:amend:amend-sensor"

func TestSensorsStartTemplatesOnly(t *testing.T) {
	const parameter = "{name: event, value: aGVsbG8=}"
	for _, c := range []struct{ name, old, new, refused string }{
		{"an alert", "", "", ""},
		{"a large alert", "aGVsbG8=", strings.Repeat("QUJD", 100_000), ""},
		{"a merged pull request", parameter, "{name: commit, value: 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12}", ""},
		{"a request", parameter, "{name: namespace, value: shop}\n      - {name: name, value: restart.web}", ""},
		{"a template of the team's", "amend-remediate", "amend-ask-first", ""},
		{"templates", "  arguments:", "  templates: [{name: a, container: {image: evil}}]\n  arguments:", "adds nothing"},
		{"an account", "  arguments:", "  serviceAccountName: amend-writer\n  arguments:", "adds nothing"},
		{"a volume", "  arguments:", "  volumes: [{name: a, secret: {secretName: amend-github}}]\n  arguments:", "adds nothing"},
		{"no template", "workflowTemplateRef: {name: amend-remediate}", "entrypoint: a", "adds nothing"},
		{"a template of somebody else's", "amend-remediate", "remediate", "begin with amend-"},
		{"a template of the cluster", "{name: amend-remediate}", "{name: amend-remediate, clusterScope: true}", "begin with amend-"},
		{"artifacts", "parameters:", "artifacts: []\n    parameters:", "nothing else"},
		{"a parameter from elsewhere", "value: aGVsbG8=", "valueFrom: {configMapKeyRef: {name: a, key: b}}", "nothing else"},
		{"a template in a value", "aGVsbG8=", `"{{=1}}"`, "nothing else"},
		{"a line of its own", "aGVsbG8=", `"aGVsbG8=\n{{=1}}"`, "nothing else"},
		{"another parameter", "name: event", "name: image", "nothing else"},
		{"a branch for a commit", parameter, "{name: commit, value: main}", "nothing else"},
		{"a path for a name", parameter, "{name: name, value: ../x}", "nothing else"},
	} {
		if !strings.Contains(started, c.old) {
			t.Fatalf("%s: nothing to replace", c.name)
		}
		why := strings.Join(refusals(t, sensorAccount, strings.Replace(started, c.old, c.new, 1)), "; ")
		if (c.refused == "") != (why == "") || !strings.Contains(why, c.refused) {
			t.Errorf("%s: refused with %q, want %q", c.name, why, c.refused)
		}
	}
}

// People and Argo's own controllers start what their rights allow.
func TestOthersStartWhatTheyMay(t *testing.T) {
	own := strings.Replace(started, "workflowTemplateRef: {name: amend-remediate}", "templates: [{name: a, container: {image: mine}}]", 1)
	for _, by := range []string{"alice", "system:serviceaccount:argo:argo", "system:serviceaccount:shop:amend-sensor"} {
		if why := refusals(t, by, own); why != nil {
			t.Errorf("%s: %q", by, why)
		}
	}
}
