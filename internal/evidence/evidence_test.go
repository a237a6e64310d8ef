package evidence_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/evidence"
)

var now = time.Date(2026, 3, 1, 10, 5, 0, 0, time.UTC)

// world is a source of everything that answers as it is told, and notes what it
// was asked.
type world struct {
	pods   []amend.Pod
	claims []string
	scales amend.ObjectRef // what the autoscaler scales
	series []amend.Series
	fail   error
	hang   bool
	asked  []string
}

func (w *world) ask(ctx context.Context, format string, args ...any) error {
	w.asked = append(w.asked, fmt.Sprintf(format, args...))
	if w.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return w.fail
}

func (w *world) Pods(ctx context.Context, ref amend.ObjectRef) ([]amend.Pod, []string, error) {
	return w.pods, w.claims, w.ask(ctx, "pods %s", ref)
}

func (w *world) Rollouts(ctx context.Context, ref amend.ObjectRef) ([]amend.Rollout, error) {
	return []amend.Rollout{{Name: "web-5d9c"}}, w.ask(ctx, "rollouts %s", ref)
}

func (w *world) Scaler(ctx context.Context, ref amend.ObjectRef) (*amend.Scaler, amend.ObjectRef, error) {
	if w.scales.Name != "" {
		ref = w.scales
	}
	return &amend.Scaler{Name: "web-hpa"}, ref, w.ask(ctx, "scaler")
}

func (w *world) Events(ctx context.Context, namespace string, about []amend.ObjectRef) ([]amend.ClusterEvent, error) {
	var names []string
	for _, ref := range about {
		names = append(names, ref.String())
	}
	return make([]amend.ClusterEvent, 300), w.ask(ctx, "events %s: %s", namespace, strings.Join(names, " "))
}

func (w *world) Log(ctx context.Context, namespace, pod, container string, previous bool) (string, error) {
	return "text", w.ask(ctx, "log %s/%s/%s %t", namespace, pod, container, previous)
}

func (w *world) Claims(ctx context.Context, namespace string, names []string) ([]amend.Claim, error) {
	var claims []amend.Claim
	for _, name := range names {
		claims = append(claims, amend.Claim{Name: name})
	}
	return claims, w.ask(ctx, "claims %s", namespace)
}

func (w *world) Deploys(ctx context.Context, ref amend.ObjectRef) ([]amend.Deploy, error) {
	return []amend.Deploy{{By: "ada"}}, w.ask(ctx, "deploys %s", ref)
}

func (w *world) Expression(ctx context.Context, a amend.Alert) (string, error) {
	return "lat", w.ask(ctx, "expression %s", a.Name())
}

func (w *world) Range(ctx context.Context, expr string, from, to time.Time) ([]amend.Series, error) {
	return w.series, w.ask(ctx, "range %s %s", expr, to.Sub(from))
}

func (w *world) Filled(ctx context.Context, namespace string, _ []string) (map[string]float64, error) {
	return map[string]float64{"data": 0.5}, w.ask(ctx, "filled %s", namespace)
}

func (w *world) Commits(ctx context.Context, e amend.Evidence) ([]amend.SuspectCommit, error) {
	return []amend.SuspectCommit{{SHA: "a"}}, w.ask(ctx, "commits after %d deploys", len(e.Deploys))
}

func (w *world) sources() evidence.Sources {
	return evidence.Sources{Workloads: w, Around: w, Deploys: w, Metrics: w, Causes: w}
}

func clock() time.Time { return now }

func about(kind, name string) amend.Evidence {
	return amend.Evidence{
		Event:    amend.Event{Alert: amend.Alert{Labels: map[string]string{"alertname": "HighLatency", "pod": "web-1"}, StartsAt: now.Add(-5 * time.Minute)}},
		Workload: amend.Workload{ObjectRef: amend.ObjectRef{Kind: kind, Namespace: "shop", Name: name}},
	}
}

func TestCollectAsksForWhatMatters(t *testing.T) {
	w := &world{
		claims: []string{"data"},
		pods: []amend.Pod{
			{Name: "web-1", Containers: []amend.PodContainer{{Name: "app", Ready: true}, {Name: "side", Ready: true, Restarts: 1}}},
			{Name: "web-2", Containers: []amend.PodContainer{{Name: "app", Restarts: 4, Waiting: "CrashLoopBackOff"}}},
			{Name: "web-3", Containers: []amend.PodContainer{{Name: "app", Waiting: "ImagePullBackOff"}}},
		},
		series: []amend.Series{{Labels: map[string]string{"pod": "web-1", "job": "x"}}, {Labels: map[string]string{"pod": "web-2"}}},
	}
	got := evidence.New(w.sources(), time.Second, clock).Collect(t.Context(), about("Deployment", "web"))
	want := []string{
		"scaler", "pods Deployment/shop/web", "rollouts Deployment/shop/web",
		"events shop: Deployment/shop/web Deployment/shop/web Pod/shop/web-1 Pod/shop/web-2 Pod/shop/web-3 ReplicaSet/shop/web-5d9c PersistentVolumeClaim/shop/data HorizontalPodAutoscaler/shop/web-hpa",
		"claims shop", "log shop/web-2/app true", "log shop/web-1/side true",
		"deploys Deployment/shop/web", "expression HighLatency", "range lat 1h5m0s", "filled shop", "commits after 1 deploys",
	}
	if diff := cmp.Diff(want, w.asked); diff != "" {
		t.Error(diff)
	}
	if len(got.Unread) != 0 || got.At != now || len(got.Happened) != 100 || len(got.Series) != 1 || *got.Claims[0].Used != 0.5 || len(got.Commits) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestCollectLooksBehindAnAutoscaler(t *testing.T) {
	w := &world{scales: amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}}
	evidence.New(w.sources(), time.Second, clock).Collect(t.Context(), about("HorizontalPodAutoscaler", "web-hpa"))
	if w.asked[1] != "pods Deployment/shop/web" {
		t.Errorf("asked %q", w.asked)
	}
}

func TestCollectOfAVolume(t *testing.T) {
	w := &world{}
	got := evidence.New(w.sources(), time.Second, clock).Collect(t.Context(), about("PersistentVolumeClaim", "data"))
	if len(got.Claims) != 1 || got.Claims[0].Used == nil || strings.Contains(strings.Join(w.asked, " "), "pods") {
		t.Errorf("%+v after %q", got.Claims, w.asked)
	}
}

// TestEachPartMayFail: what cannot be read is named, and costs the rest nothing.
func TestEachPartMayFail(t *testing.T) {
	w := &world{claims: []string{"data"}, fail: amend.Errorf(amend.Refused, "ask", "%w", amend.Private(errors.New("s3cret")))}
	got := evidence.New(w.sources(), time.Second, clock).Collect(t.Context(), about("Deployment", "web"))
	var parts []string
	for _, u := range got.Unread {
		parts = append(parts, u.Part)
		if strings.Contains(u.Reason, "s3cret") {
			t.Error("a private error is told:", u.Reason)
		}
	}
	want := []string{"autoscaler", "pods", "rollouts", "events", "volumes", "deployments by Argo CD", "metrics of the alert", "use of volumes", "commits"}
	if diff := cmp.Diff(want, parts); diff != "" {
		t.Error(diff)
	}
}

func TestEachPartHasItsOwnTime(t *testing.T) {
	w := &world{hang: true}
	got := evidence.New(w.sources(), time.Millisecond, clock).Collect(t.Context(), about("Deployment", "web"))
	if len(got.Unread) != 7 || !strings.Contains(got.Unread[0].Reason, "deadline") {
		t.Errorf("%+v", got.Unread)
	}
}

func TestNothingIsAskedOfNobody(t *testing.T) {
	got := evidence.New(evidence.Sources{}, time.Second, clock).Collect(t.Context(), about("Deployment", "web"))
	if len(got.Unread) != 0 {
		t.Errorf("%+v", got.Unread)
	}
	w := &world{}
	evidence.New(w.sources(), time.Second, clock).Collect(t.Context(), amend.Evidence{})
	if len(w.asked) > 0 {
		t.Errorf("asked %q about nothing", w.asked)
	}
}
