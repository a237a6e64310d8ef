package escalation_test

import (
	"context"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/escalation"
)

// When the pull requests cannot be listed, those that are known still go on.
func TestEscalationWithoutAList(t *testing.T) {
	within(t, func(w *world) {
		w.open(1)
		w.failing["list"] = amend.Refusef(amend.ReasonFailed, "more than 2000 pull requests")
		w.wait(11 * time.Minute)
		w.wantCounts([3]int{1, 1, 0})
	})
}

// A sweep over many pull requests of a slow host keeps nobody waiting who answers.
func TestAnswerWhileTheHostIsSlow(t *testing.T) {
	within(t, func(w *world) {
		for n := range 100 {
			w.open(n + 1)
		}
		w.slow = 5 * time.Second
		w.start()
		a := w.answer(approval.Approve)
		if !w.desk.Press(escalation.Press{Answer: a, Reply: func(context.Context, string) error { return nil }}) {
			t.Fatal("not taken")
		}
		w.desk.Raise(escalation.Trouble{Key: "web-1", Title: "breaker open"})
		w.wait(30 * time.Second)
		if last := w.places["slack"].asked[len(w.places["slack"].asked)-1]; len(w.merges) != 1 || last.Matter != "trouble/web-1" {
			t.Errorf("after half a minute merged are %v, and the last told is %s", w.merges, last.Matter)
		}
	})
}

// The kill switch counts until right before the merge.
func TestKillSwitchWhileTheAnswerIsJudged(t *testing.T) {
	within(t, func(w *world) {
		w.open(1)
		a := w.answer(approval.Approve)
		w.reading = func() { w.rules.Stopped = true }
		if said := w.press(a); len(w.merges) > 0 || said == "" {
			t.Errorf("said %q, merged %v", said, w.merges)
		}
	})
}
