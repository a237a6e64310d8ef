package scenario

import (
	"testing"
	"time"
)

// A scenario is one thing that happens.
type scenario struct {
	name string
	run  func(*testing.T, *world)
}

// TestScenarios lets one thing after another happen to one installation, and then
// many at once. Each scenario has a workload and a playbook of its own, so any of
// them can be run alone with -run TestScenarios/NAME.
func TestScenarios(t *testing.T) {
	w := connect(t)
	began := time.Now()
	w.buildPrograms(t)
	w.startForge(t)
	w.startSlack(t)
	w.install(t)
	w.slack.door = "http://" + w.reach(t, namespace, "amend-approvals", 8082)
	w.startAlerting(t)
	w.suspendReconcile(t)
	t.Logf("everything is set up after %.0f s", time.Since(began).Seconds())
	// What measures, or stops something that all need.
	for _, s := range []scenario{
		{"speed", speed},
		{"sensor-account", sensorAccount},
		{"kills", kills},
		{"bus-outage", busOutage},
		{"hostile", hostile},
	} {
		t.Run(s.name, func(t *testing.T) { s.run(t, w) })
	}
	// The others wait most of the time, and do so side by side.
	w.asking(t)
	for _, s := range []scenario{
		{"bad-release", badRelease},
		{"overload", overload},
		{"forecast", forecast},
		{"slack-approval", slackApproval},
		{"bad-fix", badFix},
		{"lagging-alert", laggingAlert},
		{"anomaly", anomaly},
		{"pull-request", pullRequest},
		{"drift", drift},
		{"crash-loop", crashLoop},
		{"helm-crash-loop", helmCrashLoop},
		{"request", request},
		{"resolved", resolvedBeforeMerge},
		{"own-steps", ownSteps},
		{"gap", gap},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.run(t, w)
		})
	}
}
