package scenario

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// kills: two Alertmanagers send the same alert many times while the pods on
// its way are killed one after another. It is one change.
func kills(t *testing.T, w *world) {
	a := alertFor("Storm", "shop", "cart", nil)
	victims := []struct{ namespace, selector string }{
		{namespace, "amend.dev/role=writer"},
		{namespace, "eventsource-name=amend-alerts"},
		{namespace, "sensor-name=amend-alerts"},
		{namespace, "amend.dev/role=gateway"},
		{"argo", "app=workflow-controller"},
	}
	if w.site.Own == nil {
		victims = victims[:4] // the controller is at work for others, too
	}
	for round := range 20 { // every Alertmanager repeats it each second on its own, too
		// Before the first alert already, so that nothing gets through unharmed.
		if round%4 == 0 && round/4 < len(victims) {
			v := victims[round/4]
			now := int64(0)
			must(t, w.cluster.CoreV1().Pods(v.namespace).DeleteCollection(t.Context(),
				metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{LabelSelector: v.selector}))
			t.Logf("killed %s", v.selector)
		}
		w.fire(t, round%2, a)
		time.Sleep(time.Second)
	}
	c := w.env.changed(t, "storm")
	w.installed(t)
	w.synced(t, "shop", c.commit)
	w.env.recorded(t, c.incident)
	time.Sleep(20 * time.Second) // what a second change would need
	if all := w.env.changes(t, "storm"); len(all) != 1 {
		t.Errorf("there are %d commits, want 1: %v", len(all), all)
	}
	w.resolve(t, 0, a)
	w.resolve(t, 1, a)
}

// busOutage: the bus is down for a minute. What it had accepted before is
// answered after it though nobody sends it again. What comes meanwhile is refused,
// so that whoever sent it knows, and is found by amend-reconcile; so is a
// RemediationRequest whose event Argo Events could not publish.
func busOutage(t *testing.T, w *world) {
	w.onlyOnOwn(t, "it stops the bus")
	w.acceptUnheard(t, alertFor("Outage", "shop", "search", nil))
	must(t, w.site.Own.StopBus(t.Context()))
	down, up := time.Now(), false
	defer func() {
		if !up {
			must(t, w.site.Own.StartBus(context.Background()))
		}
	}()
	meanwhile := alertFor("Outage", "shop", "prices", nil)
	w.fire(t, 0, meanwhile)
	if err := w.tryPost(t.Context(), meanwhile); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("an alert that could not be put on the bus is answered with %v, want 503", err)
	}
	request := w.request(t, "restart-orders", "orders")
	time.Sleep(time.Minute - time.Since(down))
	if n := len(w.env.changes(t, "outage")); n != 0 {
		t.Fatalf("there are %d commits while the bus is down: it was not on the way", n)
	}
	must(t, w.site.Own.StartBus(t.Context()))
	up = true
	line := newTimeline()
	for n := 1; n <= 2; n++ {
		w.outageChanges(t, n)
		line.mark("commit %d of 2 after the bus is back", n)
	}
	line.print(t)
	w.resolve(t, 0, meanwhile)
	t.Parallel()                           // nothing is stopped any more
	time.Sleep(untaken - time.Since(down)) // amend-reconcile leaves younger requests to the bus
	line = newTimeline()
	w.succeeded(t, w.reconcile(t))
	line.mark("amend-reconcile has run")
	w.requestSucceeds(t, request, line)
	line.print(t)
	time.Sleep(10 * time.Second)
	all := w.outageChanges(t, 2)
	w.synced(t, "shop", all[0].commit)
	for _, c := range all {
		w.env.recorded(t, c.incident)
	}
}

// untaken is how old a RemediationRequest is before amend-reconcile takes it for
// one that nobody has taken, and a little more.
const untaken = 2*time.Minute + 5*time.Second

// acceptUnheard has the gateway accept an alert, that is, put it on the bus,
// while no Sensor listens.
func (w *world) acceptUnheard(t *testing.T, a alert) {
	t.Helper()
	now := int64(0)
	must(t, w.cluster.CoreV1().Pods(namespace).DeleteCollection(t.Context(),
		metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{LabelSelector: "sensor-name=amend-alerts"}))
	w.post(t, a)
}

// outageChanges waits until there are n changes of the playbook outage; more are
// too many.
func (w *world) outageChanges(t *testing.T, n int) []change {
	t.Helper()
	var all []change
	eventually(t, fmt.Sprintf("%d commits of outage", n), func() error {
		if all = w.env.changes(t, "outage"); len(all) < n {
			return fmt.Errorf("there are %d", len(all))
		}
		return nil
	})
	if len(all) > 2 {
		t.Fatalf("there are %d commits, want 2: %v", len(all), all)
	}
	return all
}
