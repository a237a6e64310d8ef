package scenario

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// anomaly is the story of the README: the score of an anomaly job rises, and
// seconds later the Deployment is restarted by a commit. That helps.
func anomaly(t *testing.T, w *world) {
	old := w.pods(t, "shop", "webapp")
	line := newTimeline()
	w.metrics.score("webapp", 91)
	line.mark("elastic_anomaly_score is 91 at the exporter")
	workflow := w.remediation(t, "WebAppHighAnomalyScore", "shop")
	line.mark("Workflow %s", workflow.GetName())
	c := w.env.changed(t, "anomaly")
	line.mark("commit %.10s: %s", c.commit, w.env.git(t, "log", "-1", "--format=%s", c.commit))
	w.synced(t, "shop", c.commit)
	line.mark("Application shop is Synced at it and Healthy")
	w.renewed(t, "shop", "webapp", old)
	w.metrics.score("webapp", 3)
	line.mark("all pods of webapp are new, and elastic_anomaly_score is 3")
	w.env.recorded(t, c.incident)
	line.mark("remediation-log.yaml names it")
	workflow = w.succeeded(t, workflow)
	line.mark("the Workflow has succeeded")
	line.print(t)
	t.Logf("the Workflow as Argo reports it\n%s", nodes(workflow))
	requireNodes(t, workflow, "decide", "propose", "record", "verify")
	w.env.verdict(t, c.commit, "success", "worked: ")
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
	a := alertFor("OutOfMemory", "checkout", "checkout", nil)
	line := newTimeline()
	w.fire(t, 0, a)
	p := w.env.proposed(t, "out-of-memory")
	line.mark("pull request %d: %s", p.Number, p.Title)
	merge := w.env.merge(t, p)
	line.mark("a person merges it")
	verify := w.verification(t, merge)
	line.mark("Workflow %s", verify.GetName())
	w.synced(t, "checkout", merge)
	line.mark("Application checkout is Synced at it and Healthy")
	verify = w.succeeded(t, verify)
	line.mark("the Workflow has succeeded")
	line.print(t)
	t.Logf("the Workflow as Argo reports it\n%s", nodes(verify))
	requireNodes(t, verify, "verify")
	w.resolve(t, 0, a)
	w.memory(t, "checkout", "checkout", "144Mi")
	if file := w.env.show(t, "apps/checkout/overlays/prod/resources.yaml"); !strings.Contains(file, "memory: 144Mi   # raised after the spring sale") {
		t.Errorf("the overlay is\n%s", file)
	}
	w.env.recorded(t, w.env.changed(t, "out-of-memory").incident)
}

// memory checks the memory limit of a Deployment in the cluster.
func (w *world) memory(t *testing.T, namespace, name, want string) {
	t.Helper()
	live, err := w.cluster.AppsV1().Deployments(namespace).Get(t.Context(), name, metav1.GetOptions{})
	must(t, err)
	if got := live.Spec.Template.Spec.Containers[0].Resources.Limits.Memory().String(); got != want {
		t.Errorf("the limit of %s in the cluster is %s, want %s", name, got, want)
	}
}

// drift: what is in the cluster and not in Git goes. Somebody scales by hand,
// and Argo CD undoes that; a person removes a manifest, and Argo CD prunes the
// object. What amend has changed stays.
func drift(t *testing.T, w *world) {
	a := alertFor("Drifting", "shop", "stores", nil)
	w.fire(t, 0, a)
	w.synced(t, "shop", w.env.changed(t, "drifting").commit)
	w.resolve(t, 0, a)
	deployments := w.cluster.AppsV1().Deployments("shop")
	before, err := deployments.Get(t.Context(), "stores", metav1.GetOptions{})
	must(t, err)

	_, err = deployments.Patch(t.Context(), "stores", types.MergePatchType, []byte(`{"spec":{"replicas":4}}`), metav1.PatchOptions{})
	must(t, err)
	took := eventually(t, "self-heal", func() error {
		live, err := deployments.Get(t.Context(), "stores", metav1.GetOptions{})
		if err == nil && (*live.Spec.Replicas != 1 || live.Generation < before.Generation+2) {
			err = fmt.Errorf("it has %d replicas", *live.Spec.Replicas)
		}
		return err
	})
	t.Logf("replicas are undone after %.1f s", took.Seconds())

	const file = "apps/shop/stores/opening-hours.yaml"
	config := object("v1", "ConfigMap", "shop", "opening-hours")
	if _, err := w.get(t, config); err != nil {
		t.Fatalf("before %s is removed: %v", file, err)
	}
	commits := w.env.push(t, "main", edit{"Remove the opening hours", map[string]rewrite{file: whole("")}})
	w.refresh(t, "shop")
	took = eventually(t, "prune", func() error {
		if _, err := w.get(t, config); !apierrors.IsNotFound(err) {
			return fmt.Errorf("reading it says %v", err)
		}
		return nil
	})
	t.Logf("pruned %.1f s after the commit that removes it", took.Seconds())
	w.synced(t, "shop", commits[0])

	after, err := deployments.Get(t.Context(), "stores", metav1.GetOptions{})
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
	good := w.env.show(t, file)
	w.env.push(t, "main", edit{app + ": release 2", map[string]rewrite{file: swapped(`"1"`, `"2"`)}})
	w.refresh(t, app)
	eventually(t, app+" crashes", func() error {
		for _, p := range w.pods(t, namespace, app) {
			for _, s := range p.Status.ContainerStatuses {
				if s.RestartCount > 0 {
					return nil
				}
			}
		}
		return fmt.Errorf("no container has restarted")
	})
	line := newTimeline()
	a := alertFor("CrashLoop", namespace, app, nil)
	w.fire(t, 0, a)
	c := w.env.changedFor(t, "crash-loop", namespace+"/"+app)
	line.mark("commit %.10s: %s", c.commit, w.env.git(t, "log", "-1", "--format=%s", c.commit))
	w.synced(t, app, c.commit)
	line.mark("Application %s is Synced at it and Healthy", app)
	line.print(t)
	if got := w.env.show(t, file); got != good {
		t.Errorf("%s is\n%s\nwant it as it was\n%s", file, got, good)
	}
	w.env.recorded(t, c.incident)
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
	c := w.env.changedFor(t, "asked", "shop/mail")
	w.renewed(t, "shop", "mail", old)
	w.env.recorded(t, c.incident)
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
	eventually(t, "the request has succeeded", func() error {
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
	p := w.env.proposed(t, "passing")
	w.resolve(t, 0, a)
	took := eventually(t, "the pull request is closed", func() error {
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
	eventually(t, "the branch is gone", func() error {
		branches := strings.Fields(w.env.git(t, "ls-remote", "--heads", "origin"))
		if slices.Contains(branches, "refs/heads/"+p.Head.Ref) {
			return fmt.Errorf("%s is still there", p.Head.Ref)
		}
		return nil
	})
}
