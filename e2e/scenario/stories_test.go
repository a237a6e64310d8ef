package scenario

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// anomaly is the story of the README: the score of an anomaly job rises, and
// seconds later the Deployment is restarted by a commit.
func anomaly(t *testing.T, w *world) {
	old, before := w.pods(t, "shop", "webapp"), w.workflows(t, "amend-")
	line := newTimeline()
	w.score.set(91)
	line.mark("elastic_anomaly_score is 91 at the exporter")
	workflow := w.newWorkflow(t, "amend-remediate", before, time.Minute)
	line.mark("Workflow %s", workflow.GetName())
	c := w.env.changed(t, "anomaly", time.Minute)
	line.mark("commit %.10s: %s", c.commit, w.env.git(t, "log", "-1", "--format=%s", c.commit))
	w.synced(t, "shop", c.commit, time.Minute)
	line.mark("Application shop is Synced at it and Healthy")
	w.renewed(t, "shop", "webapp", old, time.Minute)
	line.mark("all pods of webapp are new")
	w.env.recorded(t, c.incident, time.Minute)
	line.mark("remediation-log.yaml names it")
	workflow = w.succeeded(t, workflow, time.Minute)
	line.mark("the Workflow has succeeded")
	w.score.set(3)
	line.print(t)
	t.Logf("the Workflow as Argo reports it\n%s", nodes(workflow))
	requireNodes(t, workflow, "decide", "propose", "record", "verify")
	if diff := w.env.git(t, "show", "--format=", "--stat", c.commit); !strings.Contains(diff, "apps/shop/webapp/deployment.yaml") || strings.Contains(diff, "2 files") {
		t.Errorf("the commit changes\n%s\nwant one file, apps/shop/webapp/deployment.yaml", diff)
	}
	if n := len(w.env.changes(t, "anomaly")); n != 1 {
		t.Errorf("there are %d commits, want 1", n)
	}
}

// pullRequest: more memory is proposed; a person merges, and the merge is
// verified by a Workflow of its own.
func pullRequest(t *testing.T, w *world) {
	before := w.workflows(t, "amend-")
	a := alertFor("OutOfMemory", "checkout", "checkout", nil)
	line := newTimeline()
	w.fire(t, 0, a)
	p := w.env.proposed(t, "out-of-memory", time.Minute)
	line.mark("pull request %d: %s", p.Number, p.Title)
	w.env.merge(t, p)
	line.mark("a person merges it")
	verify := w.newWorkflow(t, "amend-verify", before, time.Minute)
	line.mark("Workflow %s", verify.GetName())
	w.env.git(t, "fetch", "-q", "origin")
	w.synced(t, "checkout", w.env.git(t, "rev-parse", "origin/main"), time.Minute)
	line.mark("Application checkout is Synced at it and Healthy")
	verify = w.succeeded(t, verify, 2*time.Minute)
	line.mark("the Workflow has succeeded")
	line.print(t)
	t.Logf("the Workflow as Argo reports it\n%s", nodes(verify))
	requireNodes(t, verify, "verify")
	w.resolve(t, 0, a)
	live, err := w.cluster.AppsV1().Deployments("checkout").Get(t.Context(), "checkout", metav1.GetOptions{})
	must(t, err)
	if limit := live.Spec.Template.Spec.Containers[0].Resources.Limits.Memory().String(); limit != "144Mi" {
		t.Errorf("the limit in the cluster is %s, want 144Mi", limit)
	}
	if file := w.env.show(t, "apps/checkout/overlays/prod/resources.yaml"); !strings.Contains(file, "memory: 144Mi   # raised after the spring sale") {
		t.Errorf("the overlay is\n%s", file)
	}
	w.env.recorded(t, w.env.changes(t, "out-of-memory")[0].incident, time.Minute)
}

// drift: somebody scales by hand. Argo CD undoes that, and what amend has
// changed stays.
func drift(t *testing.T, w *world) {
	deployments := w.cluster.AppsV1().Deployments("shop")
	before, err := deployments.Get(t.Context(), "webapp", metav1.GetOptions{})
	must(t, err)
	_, err = deployments.Patch(t.Context(), "webapp", types.MergePatchType, []byte(`{"spec":{"replicas":4}}`), metav1.PatchOptions{})
	must(t, err)
	took := eventually(t, "self-heal", time.Minute, func() error {
		live, err := deployments.Get(t.Context(), "webapp", metav1.GetOptions{})
		if err == nil && (*live.Spec.Replicas != 2 || live.Generation < before.Generation+2) {
			err = fmt.Errorf("webapp has %d replicas", *live.Spec.Replicas)
		}
		return err
	})
	t.Logf("undone after %.1f s", took.Seconds())
	after, err := deployments.Get(t.Context(), "webapp", metav1.GetOptions{})
	must(t, err)
	const restarted = "kubectl.kubernetes.io/restartedAt"
	want := before.Spec.Template.Annotations[restarted]
	if got := after.Spec.Template.Annotations[restarted]; got != want || want == "" {
		t.Errorf("the restart that amend committed was at %q, now it is %q", want, got)
	}
}

// crashLoop: a release of a Kustomize overlay does not start; the tag in the
// overlay goes back.
func crashLoop(t *testing.T, w *world) {
	w.rollsBack(t, "payments", "payments", "apps/payments/overlays/prod/kustomization.yaml")
}

// helmCrashLoop: the same for a release of a Helm chart that another service
// uses, too. The chart's default holds the same tag, and stays.
func helmCrashLoop(t *testing.T, w *world) {
	const defaults = "charts/service/values.yaml"
	before, neighbour := w.env.show(t, defaults), w.pods(t, "billing", "invoices")
	w.rollsBack(t, "ledger", "billing", "apps/billing/ledger.yaml")
	if after := w.env.show(t, defaults); after != before {
		t.Errorf("the defaults of the chart are\n%s\nwant them as they were\n%s", after, before)
	}
	for _, p := range w.pods(t, "billing", "invoices") {
		if !slices.ContainsFunc(neighbour, func(o corev1.Pod) bool { return o.UID == p.UID }) {
			t.Errorf("the pod %s of another service is new", p.Name)
		}
	}
}

// rollsBack releases a version of an application that ends at once, by a commit
// to the file with its tag, and waits until amend has put the tag back.
func (w *world) rollsBack(t *testing.T, app, namespace, file string) {
	t.Helper()
	w.env.git(t, "fetch", "-q", "origin")
	w.env.git(t, "reset", "-q", "--hard", "origin/main")
	good := w.env.show(t, file) + "\n"
	w.env.commit(t, app+": release 2", map[string]string{file: strings.Replace(good, `"1"`, `"2"`, 1)})
	w.env.git(t, "push", "-q", "origin", "HEAD:main")
	w.refresh(t, app)
	eventually(t, app+" crashes", 2*time.Minute, func() error {
		for _, p := range w.pods(t, namespace, app) {
			for _, s := range p.Status.ContainerStatuses {
				if s.RestartCount > 0 {
					return nil
				}
			}
		}
		return fmt.Errorf("no container has restarted")
	})
	known := len(w.env.changes(t, "crash-loop"))
	line := newTimeline()
	a := alertFor("CrashLoop", namespace, app, nil)
	w.fire(t, 0, a)
	var c change
	eventually(t, "a commit that rolls "+app+" back", time.Minute, func() error {
		all := w.env.changes(t, "crash-loop")
		if len(all) == known {
			return fmt.Errorf("none on %s", w.env.git(t, "rev-parse", "--short", "origin/main"))
		}
		c = all[0]
		return nil
	})
	line.mark("commit %.10s: %s", c.commit, w.env.git(t, "log", "-1", "--format=%s", c.commit))
	w.synced(t, app, c.commit, time.Minute)
	line.mark("Application %s is Synced at it and Healthy", app)
	line.print(t)
	if got := w.env.show(t, file) + "\n"; got != good {
		t.Errorf("%s is\n%s\nwant it as it was\n%s", file, got, good)
	}
	w.env.recorded(t, c.incident, time.Minute)
	w.resolve(t, 0, a)
}

// refresh asks Argo CD to look at Git now, as its webhook would.
func (w *world) refresh(t *testing.T, application string) {
	t.Helper()
	api, err := w.cluster.Objects(object(argo, "Application", "argocd", application))
	must(t, err)
	_, err = api.Patch(t.Context(), application, types.MergePatchType,
		[]byte(`{"metadata":{"annotations":{"argocd.argoproj.io/refresh":"normal"}}}`), metav1.PatchOptions{})
	must(t, err)
}

// request: a person asks for a restart with kubectl.
func request(t *testing.T, w *world) {
	old := w.pods(t, "shop", "mail")
	line := newTimeline()
	w.requestSucceeds(t, w.request(t, "restart-mail", "mail"), line)
	line.print(t)
	c := w.env.changed(t, "asked", time.Second)
	w.renewed(t, "shop", "mail", old, time.Minute)
	w.env.recorded(t, c.incident, time.Minute)
}

// request creates a RemediationRequest for the restart of a Deployment, and
// returns the name that it gets.
func (w *world) request(t *testing.T, name, deployment string) string {
	t.Helper()
	name += "-" + strings.ToLower(unique())
	must(t, w.cluster.Apply(t.Context(), []byte(`
apiVersion: amend.dev/v1alpha1
kind: RemediationRequest
metadata: {name: `+name+`, namespace: shop}
spec:
  target: {kind: Deployment, name: `+deployment+`}
  action: restart
  reason: The queue does not move.
`)))
	return name
}

// requestSucceeds waits until a request has come to its end, and that is Succeeded
// with a commit.
func (w *world) requestSucceeds(t *testing.T, name string, line *timeline) {
	t.Helper()
	last := ""
	eventually(t, "the request has succeeded", 2*time.Minute, func() error {
		live, err := w.get(t, object("amend.dev/v1alpha1", "RemediationRequest", "shop", name))
		if err != nil {
			return err
		}
		phase := text(live, "status", "phase")
		if phase != last {
			last = phase
			line.mark("phase %s %s", phase, text(live, "status", "message"))
		}
		if phase == "Failed" {
			t.Fatalf("it failed: %v", live.Object["status"])
		}
		if phase != "Succeeded" {
			return fmt.Errorf("its status is %v", live.Object["status"])
		}
		if text(live, "status", "change", "commit") == "" {
			t.Errorf("the status names no commit: %v", live.Object["status"])
		}
		return nil
	})
}

// resolvedBeforeMerge: the trouble is over before anybody has merged.
func resolvedBeforeMerge(t *testing.T, w *world) {
	a := alertFor("Passing", "shop", "ads", nil)
	w.fire(t, 0, a)
	p := w.env.proposed(t, "passing", time.Minute)
	w.resolve(t, 0, a)
	took := eventually(t, "the pull request is closed", 2*time.Minute, func() error {
		p = w.env.pulls(t, "passing")[0]
		if p.State != "closed" {
			return fmt.Errorf("it is %s", p.State)
		}
		return nil
	})
	t.Logf("closed %.1f s after the alert was over", took.Seconds())
	if !p.MergedAt.IsZero() {
		t.Error("it was merged")
	}
	eventually(t, "the branch is gone", 30*time.Second, func() error {
		branches := strings.Fields(w.env.git(t, "ls-remote", "--heads", "origin"))
		if slices.Contains(branches, "refs/heads/"+p.Head.Ref) {
			return fmt.Errorf("%s is still there", p.Head.Ref)
		}
		return nil
	})
}
