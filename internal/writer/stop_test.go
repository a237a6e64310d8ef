package writer_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
)

// TestStopBetweenPullRequests: pull requests that wait in one batch do not all
// open on what was read before the first; a stop that comes meanwhile counts.
func TestStopBetweenPullRequests(t *testing.T) {
	onBench(t, map[string]string{"all": many(4)}, func(t *testing.T, b *bench) {
		slow := func(call string) (before, after error) {
			if call == "open pull" {
				if b.hub.commits[b.hub.branches["main"]].files[pipeline.StopFile] == "" {
					b.hub.pushLocked("stop", func(files map[string]string) { files[pipeline.StopFile] = "now" })
				}
				b.passed += 2 * time.Second
			}
			return nil, nil
		}
		b.hub.fault = slow
		var events []amend.Event
		for i := range 4 {
			events = append(events, firing(fmt.Sprintf("w%d", i), amend.PullRequest, "all"))
		}
		b.wantReasons(b.send(events...), amend.ReasonAct, amend.ReasonKillSwitch, amend.ReasonKillSwitch, amend.ReasonKillSwitch)
	})
}

// TestStopWhileOthersAreDecided: refusals take their time too, and a stop that
// comes meanwhile counts for the first pull request after them.
func TestStopWhileOthersAreDecided(t *testing.T) {
	onBench(t, map[string]string{"all": many(2)}, func(t *testing.T, b *bench) {
		b.decide = func(w pipeline.World, e amend.Event) (amend.Decision, error) {
			if e.ID != "slow" {
				return decide(w, e)
			}
			b.hub.push("stop", func(files map[string]string) { files[pipeline.StopFile] = "now" })
			b.passed += 2 * time.Second
			return amend.Decision{Reason: amend.ReasonNoPlaybook}, nil
		}
		got := b.send(amend.Event{ID: "slow"}, firing("w0", amend.PullRequest, "all"), firing("w1", amend.PullRequest, "all"))
		b.wantReasons(got, amend.ReasonNoPlaybook, amend.ReasonKillSwitch, amend.ReasonKillSwitch)
	})
}

// TestCommitsOfOneMove: more changes than may land together land one after the
// other, and none is forgotten.
func TestCommitsOfOneMove(t *testing.T) {
	const changes = 150
	onBench(t, map[string]string{"all": many(changes)}, func(t *testing.T, b *bench) {
		var events []amend.Event
		var want []amend.Reason
		for i := range changes {
			events, want = append(events, firing(fmt.Sprintf("w%d", i), amend.Commit, "all")), append(want, amend.ReasonAct)
		}
		b.wantReasons(b.send(events...), want...)
		if n := b.hub.count("update branch"); n != 3 {
			t.Errorf("the branch was moved %d times for %d changes, want 3", n, changes)
		}
	})
}
