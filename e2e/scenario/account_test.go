package scenario

import (
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/amendhq/amend/e2e/platform"
)

// sensorAccount: whoever has the token of the Sensors starts what Sensors start,
// and nothing else. The API server is asked, and nothing is started.
func sensorAccount(t *testing.T, w *world) {
	sensor, err := w.cluster.As("system:serviceaccount:" + namespace + ":amend-sensor")
	must(t, err)
	const fine = `{workflowTemplateRef: {name: amend-remediate}, arguments: {parameters: [{name: event, value: aGVsbG8=}]}}`
	for _, c := range []struct{ name, spec, refused string }{
		{"what a Sensor starts", fine, ""},
		{"a request", `{workflowTemplateRef: {name: amend-request}, arguments: {parameters: [{name: namespace, value: shop}, {name: name, value: a.b}]}}`, ""},
		{"templates of its own", `{entrypoint: x, templates: [{name: x, container: {image: evil}}]}`, "adds nothing"},
		{"another account", strings.Replace(fine, "{work", "{serviceAccountName: amend-writer, work", 1), "adds nothing"},
		{"a patch of the pods", strings.Replace(fine, "{work", `{podSpecPatch: "{}", work`, 1), "adds nothing"},
		{"another template", strings.Replace(fine, "amend-remediate", "theirs", 1), "begin with amend-"},
		{"a template of the cluster", strings.Replace(fine, "{name: amend-remediate", "{clusterScope: true, name: amend-remediate", 1), "begin with amend-"},
		{"text in clear", strings.Replace(fine, "aGVsbG8=", `"{{=1}}"`, 1), "base64"},
		{"another parameter", strings.Replace(fine, "name: event", "name: writer", 1), "base64"},
	} {
		o := object(argo, "Workflow", namespace, "amend-tried")
		o.Object["spec"] = parsed(t, c.spec).Object
		err := dryRun(t, sensor, o)
		switch {
		case c.refused == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.refused != "" && (!apierrors.IsForbidden(err) || !strings.Contains(err.Error(), c.refused)):
			t.Errorf("%s: answered %v, want a refusal with %q", c.name, err, c.refused)
		}
	}
	// The refusals are the Sensors' alone.
	if err := dryRun(t, w.cluster, parsed(t, `{apiVersion: `+argo+`, kind: Workflow, metadata: {name: x, namespace: `+namespace+`},
		spec: {entrypoint: x, templates: [{name: x, container: {image: mine}}]}}`)); err != nil {
		t.Errorf("a Workflow of a person: %v", err)
	}
}

// dryRun asks the API server whether an object may be created.
func dryRun(t *testing.T, c *platform.Cluster, o *unstructured.Unstructured) error {
	t.Helper()
	api, err := c.Objects(o)
	must(t, err)
	_, err = api.Create(t.Context(), o, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}
