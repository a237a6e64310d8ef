package scenario

import (
	"context"
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
		{"argo", "app=workflow-controller"},
		{namespace, "amend.dev/role=gateway"},
	}
	for round := range 20 { // every Alertmanager repeats it each second on its own, too
		// Before the first alert already, so that nothing gets through unharmed.
		if round%4 == 0 {
			v := victims[round/4]
			now := int64(0)
			must(t, w.cluster.CoreV1().Pods(v.namespace).DeleteCollection(t.Context(),
				metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{LabelSelector: v.selector}))
			t.Logf("killed %s", v.selector)
		}
		w.fire(t, round%2, a)
		time.Sleep(time.Second)
	}
	c := w.env.changed(t, "storm", 3*time.Minute)
	w.installed(t)
	w.synced(t, "shop", c.commit, time.Minute)
	w.env.recorded(t, c.incident, time.Minute)
	time.Sleep(20 * time.Second) // what a second change would need
	if all := w.env.changes(t, "storm"); len(all) != 1 {
		t.Errorf("there are %d commits, want 1: %v", len(all), all)
	}
	w.resolve(t, 0, a)
	w.resolve(t, 1, a)
}

// busOutage: the bus is down for a minute, and an alert fires meanwhile.
func busOutage(t *testing.T, w *world) {
	must(t, w.platform.StopBus(t.Context()))
	up := false
	defer func() {
		if !up {
			must(t, w.platform.StartBus(context.Background()))
		}
	}()
	a := alertFor("Outage", "shop", "search", nil)
	w.fire(t, 0, a)
	time.Sleep(time.Minute)
	if n := len(w.env.changes(t, "outage")); n != 0 {
		t.Fatalf("there are %d commits while the bus is down: it was not on the way", n)
	}
	must(t, w.platform.StartBus(t.Context()))
	up = true
	line := newTimeline()
	c := w.env.changed(t, "outage", 7*time.Minute) // amend-reconcile runs every five
	line.mark("commit %.10s after the bus is back", c.commit)
	w.synced(t, "shop", c.commit, time.Minute)
	w.env.recorded(t, c.incident, time.Minute)
	line.print(t)
	if all := w.env.changes(t, "outage"); len(all) != 1 {
		t.Errorf("there are %d commits, want 1: %v", len(all), all)
	}
	w.resolve(t, 0, a)
}
