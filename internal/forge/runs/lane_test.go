package runs

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLane(t *testing.T) {
	type step struct {
		enter int64 // 0: the running one leaves
		want  entry
		next  int64 // of a leave
	}
	tests := []struct {
		name  string
		rule  concurrency
		steps []step
	}{
		{"one runs and the newest waits", concurrency{}, []step{
			{enter: 1, want: entry{start: true}},
			{enter: 2},
			{enter: 3, want: entry{cancelled: []int64{2}}},
			{next: 3},
			{next: 0},
			{enter: 4, want: entry{start: true}},
		}},
		{"cancel-in-progress", concurrency{Cancel: true}, []step{
			{enter: 1, want: entry{start: true}},
			{enter: 2, want: entry{cancelled: []int64{1}}},
			{enter: 3, want: entry{cancelled: []int64{2, 1}}},
			{next: 3},
		}},
		{"queue: max keeps all in order", concurrency{Queue: "max"}, []step{
			{enter: 1, want: entry{start: true}},
			{enter: 2},
			{enter: 3},
			{next: 2},
			{next: 3},
			{next: 0},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var l lane
			for i, s := range test.steps {
				if s.enter == 0 {
					if got := l.leave(); got != s.next {
						t.Errorf("step %d: %d starts, want %d", i, got, s.next)
					}
					continue
				}
				got := l.enter(s.enter, test.rule)
				if diff := cmp.Diff(s.want, got, cmp.AllowUnexported(entry{})); diff != "" {
					t.Errorf("step %d: %s", i, diff)
				}
			}
		})
	}
}

func TestLaneIsBounded(t *testing.T) {
	var l lane
	for id := int64(1); id <= maxWaiting+1; id++ {
		if got := l.enter(id, concurrency{Queue: "max"}); got.cancelled != nil {
			t.Fatalf("run %d: %v", id, got)
		}
	}
	if got := l.enter(999, concurrency{Queue: "max"}); len(got.cancelled) != 1 || got.cancelled[0] != 999 {
		t.Errorf("beyond the bound: %v", got)
	}
}
