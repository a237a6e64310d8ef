package amend_test

import (
	"strings"
	"testing"

	"github.com/amendhq/amend"
)

func TestParamAccepts(t *testing.T) {
	for _, c := range []struct {
		param    amend.Param
		yes, not []string
	}{
		{amend.Param{Type: amend.ParamInt}, []string{"0", "6", "999999999"}, []string{"", "-1", "1.5", "06", "0x10", "1_000", "1000000000", " 1", "+1"}},
		{amend.Param{Type: amend.ParamInt, Min: 2}, []string{"2"}, []string{"0", "1"}},
		{amend.Param{Type: amend.ParamFactor}, []string{"1.5", "2", "1.000000001"}, []string{"", "1", "1.0", "0.5", "-2", ".inf", "1e9", "3/2", "2."}},
		{amend.Param{Type: amend.ParamQuantity}, []string{"1", "512Mi", "2Gi", "2000M", "1.5G", "100m", "129e6", "0.1"},
			[]string{"", "0", "0Mi", "0.0", "-1Gi", "2Gb", "2 Gi", "1e-999999999", "1e999999999", "Mi", "1.", "{{x}}"}},
		{amend.Param{Type: amend.ParamName}, []string{"a", "blue-2", strings.Repeat("a", 63)}, []string{"", "-a", "a-", "a.b", "A", strings.Repeat("a", 64), "a\n"}},
		{amend.Param{Type: "text"}, nil, []string{"", "a", "1"}},
	} {
		for _, v := range c.yes {
			if !c.param.Accepts(v) {
				t.Errorf("%s refuses %q; it wants %s", c.param.Type, v, c.param.Wants())
			}
		}
		for _, v := range c.not {
			if c.param.Accepts(v) {
				t.Errorf("%s accepts %q; it wants %s", c.param.Type, v, c.param.Wants())
			}
		}
	}
}
