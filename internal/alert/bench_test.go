package alert_test

import (
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
)

// BenchmarkIdentity makes the key of an alert, which every delivery needs.
func BenchmarkIdentity(b *testing.B) {
	ids := alert.NewIdentity(alert.DefaultVolatile())
	a := amend.Alert{Status: amend.Firing, Labels: map[string]string{
		"alertname": "KubePodCrashLooping", "cluster": "prod-eu-1", "container": "app", "namespace": "team-7",
		"pod": "app-7-6d5f7c9b8-x2x7q", "deployment": "app-7", "severity": "warning",
	}}
	b.ReportAllocs()
	for b.Loop() {
		if alert.NewEvent(a, a.StartsAt, ids).Identity == "" {
			b.Fatal("no identity")
		}
	}
}
