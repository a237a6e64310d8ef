package scenario

import (
	"testing"
	"time"
)

// TestScenarios lets one thing after another happen to one installation. Each
// scenario has a workload and a playbook of its own, so any of them can be run
// alone with -run TestScenarios/NAME.
func TestScenarios(t *testing.T) {
	w := connect(t)
	began := time.Now()
	w.buildPrograms(t)
	w.startForge(t)
	w.install(t)
	w.startAlerting(t)
	t.Logf("everything is set up after %.0f s", time.Since(began).Seconds())
	for _, s := range []struct {
		name string
		run  func(*testing.T, *world)
	}{
		{"anomaly", anomaly},
		{"speed", speed},
		{"pull-request", pullRequest},
		{"drift", drift},
		{"crash-loop", crashLoop},
		{"helm-crash-loop", helmCrashLoop},
		{"request", request},
		{"resolved", resolvedBeforeMerge},
		{"own-steps", ownSteps},
		{"gap", gap},
		{"sensor-account", sensorAccount},
		{"kills", kills},
		{"bus-outage", busOutage},
		{"hostile", hostile},
		{"bad-fix", badFix},
		{"lagging-alert", laggingAlert},
	} {
		t.Run(s.name, func(t *testing.T) { s.run(t, w) })
	}
}
