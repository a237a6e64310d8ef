package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/amendhq/amend/bench/report"
)

// What goes wrong, as parts of all requests, and how many incidents come at once.
const (
	failedPart = 0.05
	hungPart   = 0.01
	faultBatch = 5
)

// benchFaults measures the same fixes with a host that fails at random.
func benchFaults(ctx context.Context, b *bench, s *report.Section) error {
	s.Title = "While the host fails"
	s.Text = `Posts of 5 alerts about 5 applications each, in an env repo of 1,000 files; the next when
the branch has a commit for each. Then the same while the host answers 5 % of all requests with
502 and takes 1 % of them without ever answering, pushes and the questions before them alike.
Whoever asks has to give up by itself then: amend does so after 15 s, for which the branch
waits if it was about a push. No rate limit is met; for that see "Calls to the host".`
	w, err := newWorld(ctx, b, setting{files: 1000, commits: shortHistory, metered: true})
	if err != nil {
		return err
	}
	if err := w.startAmend(ctx); err != nil {
		return err
	}
	if _, err := w.fix(ctx, 0); err != nil {
		return err
	}
	begin, next := w.tip(), 1
	var rates [2]float64
	for i, share := range []float64{0.15, 0.6} { // a request that hangs at the end wants its time
		w.meter.faults.set(float64(i)*failedPart, float64(i)*hungPart)
		done := 0
		start := time.Now()
		for range b.rounds(share, 8, 90) {
			if err := w.fixBatch(ctx, next, faultBatch); err != nil {
				return err
			}
			next, done = next+faultBatch, done+faultBatch
		}
		rates[i] = float64(done) / time.Since(start).Seconds()
	}
	sum := w.meter.faults.read()
	w.meter.faults.set(0, 0)
	if err := w.checkFixes(ctx, begin, apps(1, next-1)); err != nil {
		return err
	}
	s.Note("fixes, with a sound host", fmt.Sprintf("%.1f/s", rates[0]))
	s.Note("fixes, while it fails", fmt.Sprintf("%.1f/s, %.0f %% of that", rates[1], 100*rates[1]/rates[0]))
	s.Note("what failed meanwhile", fmt.Sprintf("%d of %d requests were answered 502, and %d not at all", sum.failed, sum.requests, sum.hung))
	s.Add("commits for each incident, with and without faults", fmt.Sprintf("1 (of %d)", next-1), "1", true)
	return w.close()
}

// fixBatch lets amend answer alerts about so many apps from a first one on, and
// returns when the branch has a commit for each.
func (w *world) fixBatch(ctx context.Context, first, n int) error {
	before := w.tip()
	if err := w.post(ctx, apps(first, n)...); err != nil {
		return err
	}
	return until(ctx, fmt.Sprintf("%d more commits are on the branch", n), func() (bool, error) {
		if w.tip() == before {
			return false, nil
		}
		time.Sleep(5 * time.Millisecond) // the question is a process
		count, err := w.count(ctx, before)
		return count >= n, err
	})
}

// faults let a host fail requests at random, always in the same order. The zero
// value fails none.
type faults struct {
	mu           sync.Mutex
	failed, hung float64 // the parts of all requests
	dice         *rand.Rand
	sum          faultTally
}

// A faultTally is what was done to requests while some were to fail.
type faultTally struct{ requests, failed, hung int }

// set says which part of the requests fails from now on.
func (f *faults) set(failed, hung float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed, f.hung = failed, hung
	f.dice, f.sum = rand.New(rand.NewPCG(1, 2)), faultTally{}
}

func (f *faults) read() faultTally {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sum
}

// strike reports whether it has failed the request.
func (f *faults) strike(w http.ResponseWriter, r *http.Request) bool {
	failed, hung := f.roll()
	if !failed && !hung {
		return false
	}
	_, _ = io.Copy(io.Discard, r.Body) // a client that leaves is noticed only behind it
	if failed {
		http.Error(w, "Bad Gateway", http.StatusBadGateway)
	} else {
		<-r.Context().Done()
	}
	return true
}

func (f *faults) roll() (failed, hung bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed+f.hung == 0 {
		return false, false
	}
	f.sum.requests++
	switch v := f.dice.Float64(); {
	case v < f.failed:
		f.sum.failed++
		return true, false
	case v < f.failed+f.hung:
		f.sum.hung++
		return false, true
	}
	return false, false
}
