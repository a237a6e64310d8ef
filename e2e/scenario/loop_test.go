package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// badFix: a change does not end the trouble. The Workflow that made it takes it
// back by itself, and the cluster runs what was there before.
func badFix(t *testing.T, w *world) {
	w.asking(t)
	const file = "apps/shop/prices/deployment.yaml"
	old, before := w.env.show(t, file), w.workflows(t, "amend-")
	a := alertFor("Hopeless", "shop", "prices", nil)
	line := newTimeline()
	w.fire(t, 0, a)
	workflow := w.newWorkflow(t, "amend-remediate", before, time.Minute)
	line.mark("Workflow %s", workflow.GetName())
	c := w.env.changed(t, "hopeless", time.Minute)
	line.mark("commit %.10s: %s", c.commit, w.env.git(t, "log", "-1", "--format=%s", c.commit))
	w.synced(t, "shop", c.commit, time.Minute)
	line.mark("Application shop is Synced at it and Healthy, and the alert still fires")
	eventually(t, "the change is taken back", 3*time.Minute, func() error {
		if now := w.env.show(t, file); now != old {
			return fmt.Errorf("the file is\n%s", now)
		}
		return nil
	})
	line.mark("the file holds its old bytes")
	w.env.verdict(t, c.commit, "failure", "reverted: taken back by ", 2*time.Minute)
	line.mark("the verdict is reverted")
	w.synced(t, "shop", w.env.git(t, "rev-parse", "origin/main"), time.Minute)
	line.mark("Application shop is Synced at the revert and Healthy")
	eventually(t, "the Workflow ends", time.Minute, func() error {
		live, err := w.get(t, workflow)
		if err == nil && text(live, "status", "phase") != "Failed" {
			err = fmt.Errorf("it is %q\n%s", text(live, "status", "phase"), nodes(live))
		}
		return err
	})
	line.mark("the Workflow has failed, so that a person looks")
	line.print(t)
	w.resolve(t, 0, a)
	if n := len(w.env.changes(t, "hopeless")); n != 2 {
		t.Errorf("there are %d commits with the incident, want the change and its revert", n)
	}
}

// laggingAlert: a change ends the trouble, and the alert goes on for minutes,
// because its rule looks back. The probe of the policy sees the present, so the
// change is left alone.
func laggingAlert(t *testing.T, w *world) {
	w.asking(t)
	w.score.set(60) // trouble to the probe, and nothing to any rule
	t.Cleanup(func() { w.score.set(3) })
	before := w.workflows(t, "amend-")
	a := alertFor("Lagging", "shop", "orders", nil)
	line := newTimeline()
	time.Sleep(3 * time.Second) // until Prometheus has seen it
	w.fire(t, 0, a)
	workflow := w.newWorkflow(t, "amend-remediate", before, time.Minute)
	line.mark("Workflow %s", workflow.GetName())
	c := w.env.changed(t, "lagging", time.Minute)
	line.mark("commit %.10s: %s", c.commit, w.env.git(t, "log", "-1", "--format=%s", c.commit))
	w.synced(t, "shop", c.commit, time.Minute)
	w.score.set(3)
	line.mark("Application shop is Synced at it and Healthy, the probe is silent, the alert fires on")
	w.env.verdict(t, c.commit, "success", "worked: ", 3*time.Minute)
	line.mark("the verdict is worked")
	w.succeeded(t, workflow, time.Minute)
	line.mark("the Workflow has succeeded")
	line.print(t)
	if n := len(w.env.changes(t, "lagging")); n != 1 {
		t.Errorf("there are %d commits with the incident, want 1 that stays", n)
	}
	w.resolve(t, 0, a)
}

// asking has the Workflows of alerts ask the Alertmanager and the Prometheus of
// the scenarios, until the test ends. They take the trouble to be over sooner than
// they do by default, because nothing is learnt from waiting.
func (w *world) asking(t *testing.T) {
	t.Helper()
	const verify = 3 // the number of the container
	api, err := w.cluster.Objects(object(argo, "WorkflowTemplate", namespace, "amend-remediate"))
	must(t, err)
	live, err := w.get(t, object(argo, "WorkflowTemplate", namespace, "amend-remediate"))
	must(t, err)
	templates, _, _ := unstructured.NestedSlice(live.Object, "spec", "templates")
	containers, _, _ := unstructured.NestedSlice(templates[0].(map[string]any), "containerSet", "containers")
	args, _, _ := unstructured.NestedStringSlice(containers[verify].(map[string]any), "args")
	set := func(ctx context.Context, args []string, alertmanager, prometheus string) error {
		list, err := json.Marshal(args)
		must(t, err)
		patch := fmt.Sprintf(`[{"op":"test","path":"%[1]s/name","value":"verify"},{"op":"replace","path":"%[1]s/args","value":%[2]s},
			{"op":"replace","path":"%[1]s/env/0/value","value":%[3]q},{"op":"replace","path":"%[1]s/env/1/value","value":%[4]q}]`,
			fmt.Sprintf("/spec/templates/0/containerSet/containers/%d", verify), list, alertmanager, prometheus)
		_, err = api.Patch(ctx, "amend-remediate", types.JSONPatchType, []byte(patch), metav1.PatchOptions{})
		return err
	}
	must(t, set(t.Context(), append(slices.Clone(args), "--steady=10s"), w.alertmanager[0], "http://"+w.site.Address+":9090"))
	t.Cleanup(func() { must(t, set(context.WithoutCancel(t.Context()), args, "", "")) })
}

// verdict waits for the verdict that the host shows beside a commit.
func (e *envRepo) verdict(t *testing.T, commit, state, says string, limit time.Duration) {
	t.Helper()
	eventually(t, "the verdict on "+commit, limit, func() error {
		var all struct {
			Statuses []struct{ Context, State, Description string } `json:"statuses"`
		}
		e.call(t, http.MethodGet, "/commits/"+commit+"/status", nil, &all)
		for _, s := range all.Statuses {
			if s.Context == "amend/verdict" && s.State == state && strings.HasPrefix(s.Description, says) {
				return nil
			}
		}
		return fmt.Errorf("the host shows %+v", all.Statuses)
	})
}
