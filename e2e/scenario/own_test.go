package scenario

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// ownSteps: a team puts the steps into a Workflow of its own, in which a person
// is asked between the decision and the change. It is the example of
// docs/workflows.md, as it stands there.
func ownSteps(t *testing.T, w *world) {
	documents := w.keepArtifacts(t)
	template := w.example(t, "ask-first.yaml")
	w.apply(t, template)
	t.Cleanup(func() { w.remove(t, template) })
	event := w.eventWithoutPlaybook(t, alertFor("Careful", "shop", "gifts", nil))
	w.addPlaybook(t, "careful", "Careful")

	workflow := object(argo, "Workflow", namespace, "own-"+strings.ToLower(unique()))
	workflow.Object["spec"] = map[string]any{
		"workflowTemplateRef": map[string]any{"name": template.GetName()},
		"arguments":           map[string]any{"parameters": []any{map[string]any{"name": "event", "value": event}}},
	}
	line := newTimeline()
	w.apply(t, workflow)
	t.Cleanup(func() { w.remove(t, workflow) })
	w.resume(t, workflow, "ask", func() {
		line.mark("the Workflow asks")
		if n := len(w.env.changes(t, "careful")); n != 0 {
			t.Errorf("there are %d commits before anybody has answered", n)
		}
		if d := documents.named("decision"); !strings.Contains(d, `"act"`) {
			t.Errorf("the decision that a person is asked about is %q", d)
		}
	})
	c := w.env.changed(t, "careful")
	line.mark("commit %.10s", c.commit)
	w.synced(t, "shop", c.commit)
	line.mark("Application shop is Synced at it and Healthy")
	workflow = w.succeeded(t, workflow)
	line.mark("the Workflow has succeeded")
	line.print(t)
	t.Logf("the Workflow as Argo reports it\n%s", nodes(workflow))
	if v := documents.named("verdict"); !strings.Contains(v, `"applied"`) || !strings.Contains(v, c.commit) {
		t.Errorf("the verdict is %q, want that %s is applied", v, c.commit)
	}
}

// example is a manifest of docs/workflows.md.
func (w *world) example(t *testing.T, file string) *unstructured.Unstructured {
	t.Helper()
	return parsed(t, w.fromPage(t, "workflows.md", "yaml file="+file))
}

// eventWithoutPlaybook lets an alert fire once for which there is no playbook,
// and returns the event that its Workflow was given.
func (w *world) eventWithoutPlaybook(t *testing.T, a alert) string {
	t.Helper()
	w.post(t, a)
	return parameter(w.succeeded(t, w.remediation(t, a.Labels["alertname"], a.Labels["namespace"])))
}

// addPlaybook adds a playbook that restarts, as a person who edits the policy.
func (w *world) addPlaybook(t *testing.T, name, alertname string) {
	t.Helper()
	playbook := `
  - name: ` + name + `
    match:
      - alertname="` + alertname + `"
    workload:
      kind: Deployment
      namespace: {label: namespace}
      name: {label: deployment}
      container: {label: container}
    action: restart
    mode: commit
`
	add := func(policy string) (string, error) { return policy + playbook, nil }
	w.env.push(t, "main", edit{"Answer " + alertname, map[string]rewrite{".amend/policy.yaml": add}})
}

// resume waits until a Workflow waits at a step, and then lets it go on, as
// argo resume does: it says in the status that the step is done.
func (w *world) resume(t *testing.T, workflow *unstructured.Unstructured, step string, before func()) {
	t.Helper()
	var id string
	eventually(t, "Workflow "+workflow.GetName()+" waits", func() error {
		live, err := w.get(t, workflow)
		if err != nil {
			return err
		}
		all, _, _ := unstructured.NestedMap(live.Object, "status", "nodes")
		for key, n := range all {
			node, _ := n.(map[string]any)
			if node["displayName"] == step && node["type"] == "Suspend" && node["phase"] == "Running" {
				id = key
				return nil
			}
		}
		return fmt.Errorf("it is %q\n%s", text(live, "status", "phase"), nodes(live))
	})
	before()
	api, err := w.cluster.Objects(workflow)
	must(t, err)
	patch := fmt.Sprintf(`{"status":{"nodes":{%q:{"phase":"Succeeded","finishedAt":%q}}}}`, id, time.Now().UTC().Format(time.RFC3339))
	_, err = api.Patch(t.Context(), workflow.GetName(), types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	must(t, err)
}

// An artifactStore keeps what the steps of Workflows hand to each other, as a
// repository of the kind artifactory does: it takes files and gives them back.
type artifactStore struct {
	mu    sync.Mutex
	files map[string][]byte
}

// keepArtifacts gives amend's namespace an artifact repository.
func (w *world) keepArtifacts(t *testing.T) *artifactStore {
	t.Helper()
	listener, err := net.Listen("tcp", w.site.Address+":8083") // what kustomize/overlays/local lets steps reach
	must(t, err)
	store := &artifactStore{files: map[string][]byte{}}
	server := &http.Server{Handler: store}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	for _, o := range []*unstructured.Unstructured{
		parsed(t, `
apiVersion: v1
kind: Secret
metadata: {name: artifacts, namespace: `+namespace+`}
stringData: {user: amend, password: amend}
`),
		parsed(t, `
apiVersion: v1
kind: ConfigMap
metadata:
  name: artifact-repositories
  namespace: `+namespace+`
  annotations: {workflows.argoproj.io/default-artifact-repository: tests}
data:
  tests: |
    artifactory:
      repoURL: http://`+listener.Addr().String()+`
      usernameSecret: {name: artifacts, key: user}
      passwordSecret: {name: artifacts, key: password}
`),
	} {
		w.apply(t, o)
		t.Cleanup(func() { w.remove(t, o) })
	}
	return store
}

func (s *artifactStore) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method == http.MethodPut {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		s.files[r.URL.Path] = data
		rw.WriteHeader(http.StatusCreated)
		return
	}
	data, ok := s.files[r.URL.Path]
	if !ok {
		rw.WriteHeader(http.StatusNotFound)
		return
	}
	rw.Write(data)
}

// named is the one document with this name; empty where there is none.
func (s *artifactStore) named(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for path, data := range s.files {
		if strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)) == name {
			return string(data)
		}
	}
	return ""
}
