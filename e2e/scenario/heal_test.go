package scenario

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// badRelease: one of the commits of an hour makes an application answer with
// errors. It is found among the others, before and after it, also those that
// changed the same workload, and it alone is taken back.
func badRelease(t *testing.T, w *world) {
	const (
		file   = "apps/tickets/deployment.yaml"
		errors = `sum(rate(http_requests_total{namespace="tickets", code="500"}[10s]))`
	)
	w.visitors(t, "tickets", "tickets", 5)
	eventually(t, "tickets answers", func() error {
		if rate := w.measured(t, `sum(rate(http_requests_total{namespace="tickets", code="200"}[10s]))`); !(rate > 1) {
			return fmt.Errorf("%g answers a second", rate)
		}
		return nil
	})
	line := newTimeline()
	commits := w.env.push(t, "main",
		edit{"Say who looks after this", map[string]rewrite{"README.md": swapped("What runs where.", "What runs where. Ask Dana.")}},
		edit{"tickets: expect more visitors", map[string]rewrite{file: swapped("replicas: 1", "replicas: 2")}},
		edit{"streams: explain the setting", map[string]rewrite{"apps/streams/deployment.yaml": swapped("# nobody waits longer", "# seconds")}},
		edit{"tickets: wait no longer than a proxy does", map[string]rewrite{file: swapped(`"30s"`, `"20"`)}},
		edit{"tickets: say whose it is", map[string]rewrite{file: swapped("labels: {app: tickets}\n    spec:", "labels: {app: tickets, team: box-office}\n    spec:")}},
		edit{"tickets: explain the setting", map[string]rewrite{file: swapped("# nobody waits longer", "# as the proxy does")}},
		edit{"shop: say when it opens", map[string]rewrite{"apps/shop/README.md": whole("Opens at nine.\n")}},
	)
	culprit := commits[3]
	w.refresh(t, "tickets")
	line.mark("%d commits are pushed; the fourth, %.10s, forgets the unit of a duration", len(commits), culprit)
	workflow := w.remediation(t, "HighErrorRate", "tickets")
	line.mark("Prometheus and Alertmanager have told of errors: Workflow %s", workflow.GetName())
	c := w.env.changed(t, "bad-release")
	line.mark("commit %.10s: %s", c.commit, w.env.git(t, "log", "-1", "--format=%s", c.commit))
	w.synced(t, "tickets", c.commit)
	line.mark("Application tickets is Synced at it and Healthy")
	w.env.verdict(t, c.commit, "success", "worked: ")
	line.mark("the verdict is worked")
	w.succeeded(t, workflow)
	line.mark("the Workflow has succeeded")
	line.print(t)
	if rate := w.measured(t, errors); rate > 0 {
		t.Errorf("it still answers %g requests a second with 500", rate)
	}
	message := w.env.git(t, "log", "-1", "--format=%B", c.commit)
	t.Logf("the commit says\n%s", message)
	if !strings.Contains(message, culprit[:12]) {
		t.Errorf("the commit does not name %s", culprit)
	}
	for i, other := range commits {
		if other != culprit && strings.Contains(message, other[:12]) {
			t.Errorf("the commit names %s, which is innocent commit %d", other, i+1)
		}
	}
	before, after := w.env.git(t, "show", commits[len(commits)-1]+":"+file), w.env.show(t, file)
	if want := strings.Replace(before, `"20"`, `"30s"`, 1); after != want {
		t.Errorf("the file is\n%s\nwant\n%s", after, want)
	}
	if n := len(w.env.changes(t, "bad-release")); n != 1 {
		t.Errorf("there are %d commits, want 1", n)
	}
}

// overload: an application answers one request after another, and more come than
// one replica can answer. With more replicas its answers are fast again, under the
// same load.
func overload(t *testing.T, w *world) {
	const (
		slowest  = `histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{namespace="streams"}[15s])))`
		answered = `sum(rate(http_requests_total{namespace="streams"}[15s]))`
		one      = 10 // requests in a second are what one replica answers at the most
		// On a busy machine the fix may be there before anybody looks.
		worst = `max_over_time(` + slowest + `[15m:5s])`
	)
	w.visitors(t, "streams", "streams", 15)
	line := newTimeline()
	workflow := w.remediation(t, "HighLatency", "streams")
	line.mark("one in a hundred waits %.1f s or more: Workflow %s", w.measured(t, worst), workflow.GetName())
	c := w.env.changed(t, "overload")
	line.mark("commit %.10s: %s", c.commit, w.env.git(t, "log", "-1", "--format=%s", c.commit))
	w.synced(t, "streams", c.commit)
	line.mark("Application streams is Synced at it and Healthy, with %d pods", len(w.pods(t, "streams", "streams")))
	w.env.verdict(t, c.commit, "success", "worked: ")
	line.mark("the verdict is worked")
	var after, rate float64
	before := w.measured(t, worst)
	eventually(t, "many answers are fast", func() error {
		if after, rate = w.measured(t, slowest), w.measured(t, answered); !(after < before/2 && rate > one) {
			return fmt.Errorf("one in a hundred waits %.1f s, %.1f in a second are answered", after, rate)
		}
		return nil
	})
	line.mark("one in a hundred waits %.1f s or more, and %.1f in a second are answered", after, rate)
	w.succeeded(t, workflow)
	line.mark("the Workflow has succeeded")
	line.print(t)
	if n := len(w.pods(t, "streams", "streams")); n != 3 {
		t.Errorf("there are %d pods, want 3", n)
	}
	if n := len(w.env.changes(t, "overload")); n != 1 {
		t.Errorf("there are %d commits, want 1", n)
	}
}

// forecast: a volume will be full in half an hour, which is too late for a pull
// request, so the claim is expanded by a commit. Where there is time, the same
// playbook proposes. What makes room in the volume is a driver of the cluster's
// storage, and there is none here: the metric says what room the claim asks for.
func forecast(t *testing.T, w *world) {
	later := alertFor("VolumeFullSoon", "archive", "", map[string]string{"persistentvolumeclaim": "backups"})
	later.Annotations["amend.dev/deadline"] = "6h"
	w.fire(t, 0, later)

	line := newTimeline()
	w.metrics.fill(filling{namespace: "archive", claim: "invoices", used: 1.5 * gibibyte, rate: gibibyte / 2048})
	line.mark("half a GiB is left in the volume invoices, and it fills by half a MiB a second")
	c := w.env.changedFor(t, "volume-full-soon", "archive/invoices")
	line.mark("commit %.10s: %s", c.commit, w.env.git(t, "log", "-1", "--format=%s", c.commit))
	w.synced(t, "archive", c.commit)
	line.mark("Application archive is Synced at it and Healthy")
	w.storage(t, "invoices", "3Gi")
	w.env.verdict(t, c.commit, "success", "worked: ")
	line.mark("the verdict is worked")
	p := w.env.proposed(t, "volume-full-soon")
	line.mark("for the volume backups, which has six hours, there is a pull request: %s", p.Title)
	line.print(t)
	t.Logf("the commit says\n%s", w.env.git(t, "log", "-1", "--format=%B", c.commit))
	if file := w.env.show(t, "apps/archive/invoices.yaml"); !strings.Contains(file, "storage: 3Gi   # grows with the shop") {
		t.Errorf("the claim is\n%s", file)
	}
	w.storage(t, "backups", "2Gi")
	if !strings.Contains(p.Title+p.Body, "backups") || strings.Contains(p.Title, "invoices") {
		t.Errorf("the pull request is %q\n%s", p.Title, p.Body)
	}
	if n := len(w.env.changes(t, "volume-full-soon")); n != 1 {
		t.Errorf("there are %d commits, want 1", n)
	}
	w.resolve(t, 0, later)
}

const gibibyte = 1 << 30

// storage checks what a claim in the cluster asks for. Kubernetes lets it grow
// only because it is bound and its class allows that.
func (w *world) storage(t *testing.T, name, want string) {
	t.Helper()
	claim, err := w.cluster.CoreV1().PersistentVolumeClaims("archive").Get(t.Context(), name, metav1.GetOptions{})
	must(t, err)
	if got := claim.Spec.Resources.Requests.Storage(); got.Cmp(resource.MustParse(want)) != 0 || claim.Status.Phase != corev1.ClaimBound {
		t.Errorf("the claim %s is %s and asks for %s, want %s", name, claim.Status.Phase, got, want)
	}
}
