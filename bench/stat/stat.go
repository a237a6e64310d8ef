// Package stat sums up measured samples.
package stat

import (
	"math/rand/v2"
	"slices"
)

// A Sample is what one cell measured, in any unit.
type Sample []float64

// Quantile returns the value that the part q of the sample does not exceed; 0
// of an empty sample.
func (s Sample) Quantile(q float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

// Median returns the middle of the sample.
func (s Sample) Median() float64 { return s.Quantile(0.5) }

// resamples is how often an interval draws from its samples.
const resamples = 1000

// Ratio returns the median of a over that of b, with its 95 % interval from a
// bootstrap. The same samples give the same interval.
func Ratio(a, b Sample) (ratio, low, high float64) {
	draw := rand.New(rand.NewPCG(1, 2))
	pick := func(s Sample) Sample {
		out := make(Sample, len(s))
		for i := range out {
			out[i] = s[draw.IntN(len(s))]
		}
		return out
	}
	if len(a) == 0 || len(b) == 0 {
		return 0, 0, 0
	}
	ratios := make(Sample, resamples)
	for i := range ratios {
		ratios[i] = pick(a).Median() / pick(b).Median()
	}
	return a.Median() / b.Median(), ratios.Quantile(0.025), ratios.Quantile(0.975)
}
