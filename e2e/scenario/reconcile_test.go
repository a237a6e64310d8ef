package scenario

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// gap: what Alertmanager posts is answered with 200 and lost, again and again,
// before it reaches amend. amend-reconcile asks Alertmanager, and fills the gap.
func gap(t *testing.T, w *world) {
	a := alertFor("Gap", "shop", "stock", nil)
	w.fire(t, 0, a)
	eventually(t, "the alert is lost on its way", func() error {
		if len(w.loss.rings("/v1/alertmanager")) == 0 {
			return errors.New("Alertmanager has not posted it")
		}
		return nil
	})
	time.Sleep(10 * time.Second) // what an event that was not lost would need
	if n := len(w.env.changes(t, "gap")); n != 0 {
		t.Fatalf("there are %d commits, though nothing has reached amend", n)
	}
	line := newTimeline()
	workflow := w.reconcile(t)
	line.mark("Workflow %s, with the spec of the schedule", workflow.GetName())
	c := w.env.changed(t, "gap")
	line.mark("commit %.10s", c.commit)
	w.synced(t, "shop", c.commit)
	line.mark("Application shop is Synced at it and Healthy")
	w.env.recorded(t, c.incident)
	w.succeeded(t, workflow)
	line.mark("the Workflow has succeeded")
	line.print(t)

	// Once more: what is done is not done twice.
	w.succeeded(t, w.reconcile(t))
	time.Sleep(10 * time.Second)
	if all := w.env.changes(t, "gap"); len(all) != 1 {
		t.Errorf("there are %d commits after a second run, want 1: %v", len(all), all)
	}
	w.resolve(t, 0, a)
}

// reconcile starts the Workflow that the schedule of amend-reconcile starts, now.
func (w *world) reconcile(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	cron, err := w.get(t, object(argo, "CronWorkflow", namespace, "amend-reconcile"))
	must(t, err)
	spec, _, err := unstructured.NestedMap(cron.Object, "spec", "workflowSpec")
	must(t, err)
	workflow := object(argo, "Workflow", namespace, "amend-reconcile-"+strings.ToLower(unique()))
	workflow.Object["spec"] = spec
	w.apply(t, workflow)
	return workflow
}

// suspendReconcile keeps the schedule from doing the same at any time. The
// scenarios start it when it is its turn.
func (w *world) suspendReconcile(t *testing.T) {
	t.Helper()
	cron := object(argo, "CronWorkflow", namespace, "amend-reconcile")
	api, err := w.cluster.Objects(cron)
	must(t, err)
	_, err = api.Patch(t.Context(), cron.GetName(), types.MergePatchType, []byte(`{"spec":{"suspend":true}}`), metav1.PatchOptions{})
	must(t, err)
}

// A lossyProxy stands between Alertmanager and the gateway. It answers for
// alerts of one name with 200, and passes on all others.
type lossyProxy struct {
	url string
	bell
}

func startLossyProxy(t *testing.T, gateway, alertname string) *lossyProxy {
	t.Helper()
	target, err := url.Parse(gateway)
	must(t, err)
	pass := httputil.NewSingleHostReverseProxy(target)
	p := &lossyProxy{bell: bell{rung: map[string][]time.Time{}}}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		if bytes.Contains(body, []byte(`"alertname":"`+alertname+`"`)) {
			p.ring(r.URL.Path)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		pass.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}
