package alert_test

import (
	"strings"
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

// onePost is the post of Alertmanager about one alert, as most are.
const onePost = `{"version":"4","groupKey":"{}:{alertname=\"KubePodCrashLooping\"}","truncatedAlerts":0,"status":"firing","receiver":"amend",` +
	`"groupLabels":{"alertname":"KubePodCrashLooping"},"commonLabels":{"alertname":"KubePodCrashLooping","namespace":"shop"},"commonAnnotations":{},` +
	`"externalURL":"http://alertmanager:9093","alerts":[{"status":"firing","labels":{"alertname":"KubePodCrashLooping","cluster":"prod-eu-1",` +
	`"namespace":"shop","container":"app","deployment":"app-1","severity":"warning"},"annotations":{"summary":"Pod is crash looping.",` +
	`"description":"A pod restarts all the time, more than 3 times in ten minutes."},"startsAt":"2026-03-02T09:05:00.123Z",` +
	`"endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus:9090/graph?g0.expr=up","fingerprint":"c0ffee00c0ffee00"}]}`

// BenchmarkDecodeAlertmanagerOne decodes one alert, which each post needs.
func BenchmarkDecodeAlertmanagerOne(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if alerts, _, err := alert.DecodeAlertmanager(strings.NewReader(onePost), alert.DefaultLimits()); err != nil || len(alerts) != 1 {
			b.Fatal(err)
		}
	}
}

// BenchmarkMarshal writes an event for the disk, and BenchmarkUnmarshal reads it again.
func BenchmarkMarshal(b *testing.B) {
	e := anEvent(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := alert.Marshal(e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	line, err := alert.Marshal(anEvent(b))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := alert.Unmarshal(line); err != nil {
			b.Fatal(err)
		}
	}
}

func anEvent(b *testing.B) amend.Event {
	alerts, _, err := alert.DecodeAlertmanager(strings.NewReader(onePost), alert.DefaultLimits())
	if err != nil {
		b.Fatal(err)
	}
	return alert.NewEvent(alerts[0], at, ids)
}
