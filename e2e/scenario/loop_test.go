package scenario

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// badFix: a change does not end the trouble. The Workflow that made it takes it
// back by itself, and the cluster runs what was there before.
func badFix(t *testing.T, w *world) {
	const file = "apps/shop/quotes/deployment.yaml"
	old := w.env.show(t, file)
	a := alertFor("Hopeless", "shop", "quotes", nil)
	line := newTimeline()
	w.fire(t, 0, a)
	workflow := w.remediation(t, "Hopeless", "shop")
	line.mark("Workflow %s", workflow.GetName())
	c := w.env.changed(t, "hopeless")
	line.mark("commit %.10s: %s", c.commit, w.env.git(t, "log", "-1", "--format=%s", c.commit))
	w.synced(t, "shop", c.commit)
	line.mark("Application shop is Synced at it and Healthy, and the alert still fires")
	eventually(t, "the change is taken back", func() error {
		if now := w.env.show(t, file); now != old {
			return fmt.Errorf("the file is\n%s", now)
		}
		return nil
	})
	line.mark("the file holds its old bytes")
	w.env.verdict(t, c.commit, "failure", "reverted: taken back by ")
	line.mark("the verdict is reverted")
	// Argo CD does not look at once for what others have committed since.
	w.synced(t, "shop", w.env.changes(t, "hopeless")[0].commit)
	line.mark("Application shop is Synced at the revert and Healthy")
	eventually(t, "the Workflow ends", func() error {
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
	w.metrics.score("returns", 60) // trouble to the probe, and nothing to any rule
	a := alertFor("Lagging", "shop", "returns", nil)
	line := newTimeline()
	time.Sleep(3 * time.Second) // until Prometheus has seen it
	w.fire(t, 0, a)
	workflow := w.remediation(t, "Lagging", "shop")
	line.mark("Workflow %s", workflow.GetName())
	c := w.env.changed(t, "lagging")
	line.mark("commit %.10s: %s", c.commit, w.env.git(t, "log", "-1", "--format=%s", c.commit))
	w.synced(t, "shop", c.commit)
	w.metrics.score("returns", 3)
	line.mark("Application shop is Synced at it and Healthy, the probe is silent, the alert fires on")
	w.env.verdict(t, c.commit, "success", "worked: ")
	line.mark("the verdict is worked")
	w.succeeded(t, workflow)
	line.mark("the Workflow has succeeded")
	line.print(t)
	if n := len(w.env.changes(t, "lagging")); n != 1 {
		t.Errorf("there are %d commits with the incident, want 1 that stays", n)
	}
	w.resolve(t, 0, a)
}

// asking has the Workflows of alerts ask the Alertmanager and the Prometheus of
// the scenarios from now on. They take the trouble to be over sooner than they do
// by default, because nothing is learnt from waiting.
func (w *world) asking(t *testing.T) {
	t.Helper()
	const verify = "/spec/templates/0/containerSet/containers/3"
	template := object(argo, "WorkflowTemplate", namespace, "amend-remediate")
	api, err := w.cluster.Objects(template)
	must(t, err)
	patch := fmt.Sprintf(`[{"op":"test","path":"%[1]s/name","value":"verify"},{"op":"add","path":"%[1]s/args/-","value":"--steady=10s"},
		{"op":"replace","path":"%[1]s/env/0/value","value":%[2]q},{"op":"replace","path":"%[1]s/env/1/value","value":%[3]q}]`,
		verify, w.alertmanager[0], w.prometheus)
	_, err = api.Patch(t.Context(), template.GetName(), types.JSONPatchType, []byte(patch), metav1.PatchOptions{})
	must(t, err)
}

// verdict waits for the verdict that the host shows beside a commit.
func (e *envRepo) verdict(t *testing.T, commit, state, says string) {
	t.Helper()
	eventually(t, "the verdict on "+commit, func() error {
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
