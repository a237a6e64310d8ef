package stat_test

import (
	"testing"

	"github.com/amendhq/amend/bench/stat"
)

func TestQuantile(t *testing.T) {
	s := stat.Sample{5, 1, 4, 2, 3}
	for q, want := range map[float64]float64{0: 1, 0.5: 3, 0.95: 5, 1: 5} {
		if got := s.Quantile(q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if got := (stat.Sample{}).Median(); got != 0 {
		t.Errorf("the median of nothing is %v", got)
	}
}

func TestRatioHoldsItsInterval(t *testing.T) {
	slow, fast := stat.Sample{100, 110, 90, 105, 95}, stat.Sample{10, 11, 9, 10.5, 9.5}
	ratio, low, high := stat.Ratio(slow, fast)
	if ratio != 10 || low > ratio || high < ratio || low < 8 || high > 13 {
		t.Errorf("ratio %v in %v to %v", ratio, low, high)
	}
	again, _, _ := stat.Ratio(slow, fast)
	if again != ratio {
		t.Errorf("the same samples give %v and %v", ratio, again)
	}
}
