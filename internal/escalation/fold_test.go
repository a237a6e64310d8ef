package escalation_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/escalation"
)

// raise raises the troubles of one kind that have these numbers, one at a time.
func (w *world) raise(kind string, from, to int, over bool) {
	for n := from; n < to; n++ {
		w.desk.Raise(escalation.Trouble{Key: fmt.Sprintf("%s-%d", kind, n), Kind: kind, Title: fmt.Sprintf("%s of app %d", kind, n), Over: over})
		w.settle()
	}
}

// A storm is a handful of messages, and the last of them counts the rest.
func TestAStormOfTroubleIsFolded(t *testing.T) {
	within(t, func(w *world) {
		w.raise("breaker-open", 0, 200, false)
		w.raise("failed", 0, 1, false)
		w.wantCounts([3]int{6, 0, 0})
		w.wait(2 * time.Minute)
		w.raise("breaker-open", 0, 200, false) // delivered again
		w.wait(2 * time.Minute)
		w.wantCounts([3]int{7, 0, 0})
		asked := w.places["slack"].asked
		q := asked[len(asked)-1]
		if !strings.Contains(q.Title, "195 more (breaker-open)") || !strings.Contains(q.Text, "breaker-open of app 5") || strings.Contains(q.Text, "of app 100") {
			t.Errorf("asked %+v", q)
		}
		if said := w.press(w.answer(approval.Acknowledge)); said != "" {
			t.Errorf("acknowledged: %q", said)
		}
		w.raise("breaker-open", 5, 199, true)
		if told := len(w.places["slack"].told); told != 1 {
			t.Errorf("it is over before the last of them is: %q", w.places["slack"].told)
		}
		w.raise("breaker-open", 199, 200, true)
		if told := w.places["slack"].told; len(told) != 2 || told[1] != "C1-7 closed-on-host" {
			t.Errorf("told %q", told)
		}
	})
}

// What comes long after a storm is told of by itself.
func TestTroubleAfterAStorm(t *testing.T) {
	within(t, func(w *world) {
		w.raise("failed", 0, 20, false)
		w.wait(11 * time.Minute)
		before := w.counts()[0]
		w.raise("failed", 20, 21, false)
		if n := w.counts()[0] - before; n != 1 {
			t.Errorf("told of %d times, want once", n)
		}
	})
}

// A storm that ends before it is told of is told to nobody.
func TestAStormThatIsOver(t *testing.T) {
	within(t, func(w *world) {
		w.raise("failed", 0, 8, false)
		w.raise("failed", 0, 8, true)
		w.wait(time.Hour)
		w.wantCounts([3]int{5, 0, 0})
	})
}

// A storm is counted up to a bound.
func TestAStormHasABound(t *testing.T) {
	within(t, func(w *world) {
		w.raise("failed", 0, 300, false)
		w.wait(2 * time.Minute)
		asked := w.places["slack"].asked
		if got := asked[len(asked)-1].Title; len(asked) != 6 || !strings.Contains(got, "200 more") {
			t.Errorf("asked %d times, at last %q", len(asked), got)
		}
	})
}
