package scenario

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// get reads a live object.
func (w *world) get(t *testing.T, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	t.Helper()
	api, err := w.cluster.Objects(o)
	if err != nil {
		return nil, err
	}
	return api.Get(t.Context(), o.GetName(), metav1.GetOptions{})
}

func text(o *unstructured.Unstructured, path ...string) string {
	s, _, _ := unstructured.NestedString(o.Object, path...)
	return s
}

// synced waits until an Application is at a commit, or at a later one, and
// Healthy. An empty commit stands for any.
func (w *world) synced(t *testing.T, application, commit string) {
	t.Helper()
	eventually(t, "Application "+application+" at "+commit, func() error {
		live, err := w.get(t, object(argo, "Application", "argocd", application))
		if err != nil {
			return err
		}
		revision, sync, health := text(live, "status", "sync", "revision"), text(live, "status", "sync", "status"), text(live, "status", "health", "status")
		if sync != "Synced" || health != "Healthy" {
			conditions, _, _ := unstructured.NestedSlice(live.Object, "status", "conditions")
			return fmt.Errorf("it is %s and %s at %s: %v", sync, health, revision, conditions)
		}
		if commit == "" {
			return nil
		}
		if err := w.env.fetch(t.Context()); err != nil {
			return err
		}
		_, err = w.env.tryGit(t.Context(), "merge-base", "--is-ancestor", commit, revision)
		return err
	})
}

// workflows lists amend's Workflows whose name begins so.
func (w *world) workflows(t *testing.T, prefix string) []unstructured.Unstructured {
	t.Helper()
	api, err := w.cluster.Objects(object(argo, "Workflow", namespace, ""))
	must(t, err)
	list, err := api.List(t.Context(), metav1.ListOptions{})
	must(t, err)
	return slices.DeleteFunc(list.Items, func(o unstructured.Unstructured) bool { return !strings.HasPrefix(o.GetName(), prefix) })
}

// remediation waits for the Workflow of an alert about something in a namespace.
func (w *world) remediation(t *testing.T, alertname, namespace string) *unstructured.Unstructured {
	t.Helper()
	return w.workflowWith(t, "amend-remediate", func(parameter string) bool {
		alert := alertOf(parameter)
		return strings.Contains(alert, `"alertname":"`+alertname+`"`) && strings.Contains(alert, `"namespace":"`+namespace+`"`)
	})
}

// verification waits for the Workflow that verifies a merge.
func (w *world) verification(t *testing.T, merge string) *unstructured.Unstructured {
	t.Helper()
	return w.workflowWith(t, "amend-verify", func(parameter string) bool { return parameter == merge })
}

// workflowWith waits for a Workflow of a template with such a parameter.
func (w *world) workflowWith(t *testing.T, template string, is func(parameter string) bool) *unstructured.Unstructured {
	t.Helper()
	var found *unstructured.Unstructured
	eventually(t, "a Workflow of "+template, func() error {
		for _, live := range w.workflows(t, "amend-") {
			if text(&live, "spec", "workflowTemplateRef", "name") == template && is(parameter(&live)) {
				found = &live
				return nil
			}
		}
		return fmt.Errorf("there is none")
	})
	return found
}

// parameter is the value of the one parameter of a Workflow.
func parameter(workflow *unstructured.Unstructured) string {
	all, _, _ := unstructured.NestedSlice(workflow.Object, "spec", "arguments", "parameters")
	if len(all) != 1 {
		return ""
	}
	return fmt.Sprint(all[0].(map[string]any)["value"])
}

// succeeded waits until a Workflow has ended well and returns it.
func (w *world) succeeded(t *testing.T, workflow *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	var live *unstructured.Unstructured
	eventually(t, "Workflow "+workflow.GetName(), func() (err error) {
		if live, err = w.get(t, workflow); err != nil {
			return err
		}
		switch phase := text(live, "status", "phase"); phase {
		case "Succeeded":
			return nil
		case "Failed", "Error":
			t.Fatalf("Workflow %s is %s: %s\n%s", workflow.GetName(), phase, text(live, "status", "message"), nodes(live))
			return nil
		default:
			return fmt.Errorf("it is %q\n%s", phase, nodes(live))
		}
	})
	return live
}

// nodes is what the UI shows of a Workflow: a line for each node.
func nodes(workflow *unstructured.Unstructured) string {
	all, _, _ := unstructured.NestedMap(workflow.Object, "status", "nodes")
	var lines []string
	for _, n := range all {
		node, _ := n.(map[string]any)
		lines = append(lines, fmt.Sprintf("  %-14v %-9v %-10v %v", node["startedAt"], node["type"], node["phase"], node["displayName"]))
		if m, ok := node["message"]; ok {
			lines[len(lines)-1] += fmt.Sprint(": ", m)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// requireNodes checks that each step of a Workflow has a node that succeeded.
func requireNodes(t *testing.T, workflow *unstructured.Unstructured, steps ...string) {
	t.Helper()
	all, _, _ := unstructured.NestedMap(workflow.Object, "status", "nodes")
	for _, step := range steps {
		ok := false
		for _, n := range all {
			node, _ := n.(map[string]any)
			ok = ok || node["displayName"] == step && node["type"] == "Container" && node["phase"] == "Succeeded"
		}
		if !ok {
			t.Errorf("Workflow %s has no node %s that succeeded:\n%s", workflow.GetName(), step, nodes(workflow))
		}
	}
}

// alertOf is the alert in the event that a Workflow is given, as JSON; empty for
// what is no event.
func alertOf(parameter string) string {
	var event struct {
		Data []byte `json:"data_base64"`
	}
	text, err := base64.StdEncoding.DecodeString(parameter)
	if err != nil || json.Unmarshal(text, &event) != nil {
		return ""
	}
	return string(event.Data)
}

// pods lists the pods of an app that are not ending.
func (w *world) pods(t *testing.T, namespace, app string) []corev1.Pod {
	t.Helper()
	list, err := w.cluster.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + app})
	must(t, err)
	return slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
}

// renewed waits until none of the old pods of an app is left and all are ready.
func (w *world) renewed(t *testing.T, namespace, app string, old []corev1.Pod) {
	t.Helper()
	eventually(t, "new pods of "+app, func() error {
		now := w.pods(t, namespace, app)
		for _, p := range now {
			if slices.ContainsFunc(old, func(o corev1.Pod) bool { return o.UID == p.UID }) {
				return fmt.Errorf("%s is still there", p.Name)
			}
			if !slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
				return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
			}) {
				return fmt.Errorf("%s is not ready", p.Name)
			}
		}
		if len(now) == 0 {
			return fmt.Errorf("there are none")
		}
		return nil
	})
}

// A timeline collects when things were seen, and prints how long after its
// beginning that was.
type timeline struct {
	began time.Time
	lines []string
}

func newTimeline() *timeline { return &timeline{began: time.Now()} }

func (l *timeline) mark(format string, args ...any) {
	l.lines = append(l.lines, fmt.Sprintf("  %6.1f s  %s", time.Since(l.began).Seconds(), fmt.Sprintf(format, args...)))
}

func (l *timeline) print(t *testing.T) {
	t.Helper()
	t.Logf("timeline\n%s", strings.Join(l.lines, "\n"))
}
