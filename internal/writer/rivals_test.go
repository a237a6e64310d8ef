package writer_test

import (
	"testing"
	"time"

	"github.com/amendhq/amend"
)

// What follows happened to people with other programs.

// TestAlertEveryQuarterOfAnHour: one alert, delivered for three days to a writer
// that restarts each time, is one pull request. Elsewhere it was 215.
func TestAlertEveryQuarterOfAnHour(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		alert := firing("web", amend.PullRequest, "f")
		b.wantReasons(b.send(alert), amend.ReasonAct)
		for range 3 * 24 * 4 {
			b.passed += 15 * time.Minute
			b.wantReasons(b.send(alert), amend.ReasonDuplicate)
		}
		if n := b.hub.count("open pull"); n != 1 {
			t.Errorf("%d pull requests were asked for, want 1", n)
		}
	})
}

// TestAlertThatLagsBehindAGoodFix: the alert goes on for ten minutes after the
// change, because its expression looks back. Elsewhere that was three more changes.
func TestAlertThatLagsBehindAGoodFix(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		alert := firing("web", amend.Commit, "f")
		b.wantReasons(b.send(alert), amend.ReasonAct)
		for range 20 {
			b.passed += 30 * time.Second
			b.wantReasons(b.send(alert), amend.ReasonDuplicate)
		}
		b.wantReasons(b.send(resolved(alert)), amend.ReasonResolved)
		if got := b.hub.file("f"); got != "web=2" {
			t.Errorf("the file holds %q after one alert", got)
		}
	})
}
