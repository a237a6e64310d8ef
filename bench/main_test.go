package main

import (
	"testing"
	"time"

	"github.com/amendhq/amend/bench/report"
)

func TestTimesFitTheWholeRun(t *testing.T) {
	var sum time.Duration
	for _, m := range benchmarks {
		sum += m.time
	}
	if sum > wholeRun {
		t.Errorf("the benchmarks take %v together, which is over %v", sum, wholeRun)
	}
}

func TestRounds(t *testing.T) {
	for name, c := range map[string]struct {
		left time.Duration // of the section's time
		want int
	}{"time is over": {-time.Second, 2}, "time is left": {time.Hour, 9}} {
		b, n := &bench{end: time.Now().Add(c.left)}, 0
		for range b.rounds(0.5, 2, 9) {
			n++
			time.Sleep(time.Millisecond)
		}
		if n != c.want {
			t.Errorf("%s: %d rounds, want %d", name, n, c.want)
		}
	}
}

// TestMissesAreExplained: what docs/performance.md shows as missed, it explains.
func TestMissesAreExplained(t *testing.T) {
	d, err := report.Read("../docs/performance.md", notes)
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range d.Unexplained() {
		t.Errorf("%q is missed: name it in bold where it is explained, under %q", what, notes)
	}
}
