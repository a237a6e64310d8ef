package lint_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	events "github.com/argoproj/argo-events/pkg/apis/events/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/cmd/argo/lint"
	"github.com/argoproj/argo-workflows/v3/pkg/apiclient"
	workflows "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/util/template"
	"github.com/argoproj/argo-workflows/v3/workflow/util"
	corev1 "k8s.io/api/core/v1"
)

// argo lint --offline --strict accepts the templates, the CronWorkflow, the
// Workflows that Sensors start, and the example of docs/workflows.md.
func TestArgoWorkflowsAccepts(t *testing.T) {
	dir := t.TempDir()
	var docs [][]byte
	for _, doc := range build(t, "kustomize/base") {
		if bytes.Contains(doc, []byte("\nkind: WorkflowTemplate\n")) || bytes.Contains(doc, []byte("\nkind: CronWorkflow\n")) {
			docs = append(docs, doc)
		}
	}
	for sensor, dependencies := range map[string]map[string]string{
		"amend-alerts": {"firing": alert, "resolved": resolved}, "amend-requests": {"request": request}, "amend-github": {"merged": merged},
	} {
		for dependency, body := range dependencies {
			resource := startedResource(t, triggerOf(t, sensor, dependency), map[string]*events.Event{dependency: eventOf(body)})
			doc, err := json.Marshal(resource)
			if err != nil {
				t.Fatal(err)
			}
			docs = append(docs, doc)
		}
	}
	page, err := os.ReadFile("../../docs/workflows.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml file=\\S+\n(.*?)```").FindAllSubmatch(page, -1)
	if len(examples) == 0 {
		t.Fatal("docs/workflows.md has no example")
	}
	for _, e := range examples {
		docs = append(docs, e[1])
	}
	if err := os.WriteFile(filepath.Join(dir, "all.yaml"), bytes.Join(docs, []byte("\n---\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, ok := argoLint(t, dir); !ok {
		t.Error(out)
	}
}

// The check above can fail.
func TestArgoWorkflowsRefuses(t *testing.T) {
	for name, doc := range map[string]string{
		"unknown field":    "apiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\nmetadata: {name: a}\nspec: {templates: [{name: m, container: {imag: a}}]}\n",
		"unknown template": "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: a}\nspec: {workflowTemplateRef: {name: none}}\n",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, ok := argoLint(t, dir); ok {
			t.Errorf("%s is accepted", name)
		}
	}
}

// argoLint is what argo lint --offline --strict does.
func argoLint(t *testing.T, dir string) (report string, ok bool) {
	t.Helper()
	_, client, err := apiclient.NewClientFromOpts(apiclient.Opts{Offline: true, OfflineFiles: []string{dir}})
	if err != nil {
		return err.Error(), false
	}
	crons, err := client.NewCronWorkflowServiceClient()
	if err != nil {
		t.Fatal(err)
	}
	templates, err := client.NewWorkflowTemplateServiceClient()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	result, err := lint.Lint(t.Context(), &lint.LintOptions{
		Files: []string{dir}, Strict: true, DefaultNamespace: "amend", Printer: &out,
		ServiceClients: lint.ServiceClients{
			WorkflowsClient: client.NewWorkflowServiceClient(), CronWorkflowsClient: crons, WorkflowTemplatesClient: templates,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), result.Success
}

// An exit hook starts a pod only when the Workflow did not succeed, by the condition of
// the step, as Argo fills it in and reads it: it looks at no expression of such a hook.
func TestExitHooksStartNothingAfterSuccess(t *testing.T) {
	hooks := 0
	for _, w := range all[*workflows.WorkflowTemplate](t, "kustomize/base") {
		if !w.Spec.HasExitHook() {
			continue
		}
		hooks++
		hook := w.Spec.GetExitHook(w.Spec.Arguments)
		for status, want := range map[string]bool{"Succeeded": false, "Failed": true, "Error": true} {
			for _, group := range w.GetTemplateByName(hook.Template).Steps {
				for _, step := range group.Steps {
					when, err := template.Replace(strconv.Quote(step.When), map[string]string{"workflow.status": status}, false)
					if err != nil {
						t.Fatal(err)
					}
					if when, err = strconv.Unquote(when); err != nil {
						t.Fatal(err)
					}
					left, right, ok := strings.Cut(when, " != ")
					if !ok || (left != right) != want {
						t.Errorf("%s: after %s the step %s has the condition %q", w.Name, status, step.Name, when)
					}
				}
			}
		}
		if steps := w.GetTemplateByName(hook.Template).Steps; len(steps) == 0 {
			t.Errorf("%s: the hook starts %s whatever became of the Workflow", w.Name, hook.Template)
		}
	}
	if hooks == 0 {
		t.Error("there are no hooks")
	}
}

// The pods of Workflows, with what Argo adds to them, are admitted by the Pod
// Security Standard that manifests/namespace.yaml asks for.
func TestPodsOfWorkflowsAreRestricted(t *testing.T) {
	for _, w := range all[*workflows.WorkflowTemplate](t, "kustomize/base") {
		for _, each := range w.Spec.Templates {
			if each.GetType() == workflows.TemplateTypeSteps {
				continue // it starts others, and has no pod
			}
			spec := corev1.PodSpec{SecurityContext: w.Spec.SecurityContext}
			patch := w.Spec.PodSpecPatch
			if w.Name == "amend-steps" { // a templateRef leaves the rest behind
				spec.SecurityContext, patch = each.SecurityContext, each.PodSpecPatch
			}
			spec.InitContainers = []corev1.Container{{Name: "init"}}
			spec.Containers = append([]corev1.Container{{Name: "wait"}}, each.ContainerSet.GetContainers()...)
			spec.Volumes = each.Volumes
			patched, err := util.ApplyPodSpecPatch(spec, patch)
			if err != nil {
				t.Fatal(err)
			}
			checkRestricted(t, w.Name+"/"+each.Name, patched)
		}
	}
}
