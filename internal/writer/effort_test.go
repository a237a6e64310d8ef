package writer_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
)

// onCrowd is onKept with many pull requests about one file.
func onCrowd(t *testing.T, k *keeper, n int, test func(*testing.T, *bench)) {
	t.Helper()
	var lines []string
	for i := range n {
		lines = append(lines, fmt.Sprintf("w%02d=1", i))
	}
	onBench(t, map[string]string{"f": strings.Join(lines, "\n")}, func(t *testing.T, b *bench) {
		b.keeper = k
		var events []amend.Event
		for i := range n {
			events = append(events, firing(fmt.Sprintf("w%02d", i), amend.PullRequest, "f"))
		}
		for _, o := range b.send(events...) {
			b.wantReasons([]outcome{o}, amend.ReasonAct)
		}
		test(t, b)
	})
}

// One commit to a file that many pull requests edit does not spend the limits of
// the host on planning all of them anew at once; each has its turn.
func TestManyAreOutdatedAtOnce(t *testing.T) {
	const all = 45
	onCrowd(t, &keeper{}, all, func(t *testing.T, b *bench) {
		before := b.hub.count("update branch")
		b.hub.push("human", func(f map[string]string) { f["f"] += "\nx=1" })
		for i := range 6 {
			b.later()
			if n, most := b.hub.count("update branch")-before, min(all, 10*(i+1)); n != most {
				t.Errorf("after %d looks %d were planned anew, want %d", i+1, n, most)
			}
		}
	})
}

// A clock that is far ahead closes some as stale before somebody sees it, not all.
func TestManyAreStaleAtOnce(t *testing.T) {
	onCrowd(t, &keeper{rules: pipeline.PullRules{StaleAfter: time.Hour}}, 15, func(t *testing.T, b *bench) {
		b.passed = 2 * time.Hour
		b.later()
		if n := b.hub.count("close pull"); n != 10 {
			t.Errorf("closed %d", n)
		}
		b.later()
		if n := b.hub.count("close pull"); n != 15 {
			t.Errorf("closed %d in the end", n)
		}
	})
}

// What cannot be planned anew costs the host nothing on each look.
func TestManyCannotBePlannedAnew(t *testing.T) {
	onCrowd(t, &keeper{refuse: amend.ReasonBound}, 30, func(t *testing.T, b *bench) {
		b.hub.push("human", func(f map[string]string) { f["f"] += "\nx=1" })
		for range 10 {
			b.later() // the texts say so
		}
		before := b.hub.count("head")
		b.later()
		if n := b.hub.count("head") - before; n > 5 {
			t.Errorf("the host was asked %d times", n)
		}
	})
}
