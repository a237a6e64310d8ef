package page

import (
	"slices"
	"time"

	"github.com/amendhq/amend"
)

// Saved says how fast amend was, and what that saved. It counts the changes
// whose times the server measured and remembers, and no others.
type Saved struct {
	// Measured is how many changes are counted. Median and Slowest are the
	// seconds from the accepted alert to the change in Git.
	Measured int     `json:"measured"`
	Median   float64 `json:"medianSeconds"`
	Slowest  float64 `json:"slowestSeconds"`
	// ByHand is what somebody said that a person takes for one such change, in
	// seconds; 0 when nobody did, and then nothing is said to be saved.
	ByHand float64 `json:"byHandSeconds,omitempty"`
	// Stood is how many of the measured changes stand: neither taken back, nor
	// found to have failed, nor superseded. Total is the sum of ByHand less the measured time
	// over them, in seconds.
	Stood int     `json:"stood"`
	Total float64 `json:"totalSeconds,omitempty"`
}

// stands reports whether a change is of use as far as is known. One without a
// verdict is counted: a person's change would have none either. One that a newer
// change replaced before it could show anything is not.
func (c Change) stands() bool {
	switch c.Outcome {
	case Reverted, TakenBack, Outcome(amend.Failed), Outcome(amend.Superseded):
		return false
	}
	return true
}

// saved counts what the changes saved.
func saved(changes []Change, byHand time.Duration) Saved {
	s := Saved{ByHand: byHand.Seconds()}
	var times []float64
	for _, c := range changes {
		if c.Seconds == 0 {
			continue
		}
		times = append(times, c.Seconds)
		if c.stands() {
			s.Stood++
			s.Total += s.ByHand - c.Seconds
		}
	}
	if s.Measured = len(times); s.Measured > 0 {
		slices.Sort(times)
		s.Median, s.Slowest = times[(len(times)-1)/2], times[len(times)-1]
	}
	s.Total = max(s.Total, 0)
	return s
}
