package scenario

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// controls is the namespace of Workflows that have nothing of amend in them:
// what amend is compared with, and what upstream does today.
const controls = "amend-controls"

// controlNamespace makes the namespace and lets the pods of Workflows in it
// report their results.
func (w *world) controlNamespace(t *testing.T) {
	t.Helper()
	w.claim(t, object("v1", "Namespace", "", controls))
	must(t, w.cluster.Apply(t.Context(), []byte(`
apiVersion: v1
kind: Namespace
metadata: {name: `+controls+`, labels: {`+mark+`: "true"}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: control, namespace: `+controls+`}
rules:
- {apiGroups: [argoproj.io], resources: [workflowtaskresults], verbs: [create, patch]}
- {apiGroups: [argoproj.io], resources: [workflows], verbs: [create]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: control, namespace: `+controls+`}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: control}
subjects: [{kind: ServiceAccount, name: default, namespace: `+controls+`}]
`)))
	t.Cleanup(func() { w.remove(t, object("v1", "Namespace", "", controls)) })
}

// A bell is a server that notes when each of its paths was first asked for.
type bell struct {
	url  string
	mu   sync.Mutex
	rung map[string][]time.Time
}

// newBell answers with a status of its own for each path; 200 where answer is
// nil.
func newBell(t *testing.T, address string, answer func(path string) int) *bell {
	t.Helper()
	listener, err := net.Listen("tcp", address+":0")
	must(t, err)
	b := &bell{url: "http://" + listener.Addr().String(), rung: map[string][]time.Time{}}
	server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		b.ring(r.URL.Path)
		if answer != nil {
			rw.WriteHeader(answer(r.URL.Path))
		}
	})}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return b
}

func (b *bell) ring(path string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rung[path] = append(b.rung[path], time.Now())
}

func (b *bell) rings(path string) []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]time.Time(nil), b.rung[path]...)
}

// wait returns when a path was first asked for.
func (b *bell) wait(t *testing.T, path string) time.Time {
	t.Helper()
	eventually(t, "a call of "+path, func() error {
		if len(b.rings(path)) == 0 {
			return fmt.Errorf("there was none")
		}
		return nil
	})
	return b.rings(path)[0]
}

// control runs a Workflow of one-container steps, each of which rings the bell
// as the last thing it does, and returns how long after its creation each rang.
func (w *world) control(t *testing.T, b *bell, name string, steps int) []time.Duration {
	t.Helper()
	var list, templates strings.Builder
	for i := range steps {
		fmt.Fprintf(&list, "    - - {name: step%d, template: step%d}\n", i, i)
		fmt.Fprintf(&templates, "  - name: step%d\n    container: {image: %s, command: [/bin/app], args: [-get, %s/%s/%d]}\n",
			i, w.image("app:1"), b.url, name, i)
	}
	began := time.Now()
	must(t, w.cluster.Apply(t.Context(), []byte(`
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: `+name+`, namespace: `+controls+`}
spec:
  entrypoint: main
  templates:
  - name: main
    steps:
`+list.String()+templates.String())))
	var rang []time.Duration
	for i := range steps {
		rang = append(rang, b.wait(t, fmt.Sprintf("/%s/%d", name, i)).Sub(began))
	}
	return rang
}
