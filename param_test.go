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
		{amend.Param{Type: amend.ParamDuration}, []string{"90s", "1h30m", "7d", "2w"}, []string{"", "0s", "0h0m", "1", "30m1h", "1.5h", "-1h", "1y", "1h 30m", "99999h"}},
		{amend.Param{Type: amend.ParamKey}, []string{"LOG_LEVEL", "log.level", "a", "_x", "feature-1", "image.tag"},
			[]string{"", ".a", "a-", "a/b", "a b", "a\n", "a]", strings.Repeat("a", 254), "DB_PASSWORD", "apiKey", "auth.api-key", "GITHUB_TOKEN", "clientSecret"}},
		{amend.Param{Type: amend.ParamText}, []string{"", "debug", "true", "a b: {c} # {{d}}", "ü", strings.Repeat("a", 1000), "https://a.example.com:8080/x"},
			[]string{"a\nb", "a\x00", "a\u2028b", "\xff", "\u202e", strings.Repeat("a", 1001), "postgres://app:hunter2@db/shop", "-----BEGIN PRIVATE KEY-----"}},
		{amend.Param{Type: amend.ParamTag}, []string{"1.4.2", "latest", "_a", strings.Repeat("a", 128)}, []string{"", ".a", "-a", "a:b", "a@b", "a/b", strings.Repeat("a", 129)}},
		{amend.Param{Type: amend.ParamVersion}, []string{"1.4.2", "v2.0.0-rc.1", "0.0.1+build.5"}, []string{"", "1.4", "1", "1.x.0", ">=1.0.0", "01.2.3", "1.2.3 ", "main", "1.2.3-"}},
		{amend.Param{Type: "words"}, nil, []string{"", "a", "1"}},
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

// What an alert may set can carry no text into a manifest.
func TestAcceptableTypesHoldNoText(t *testing.T) {
	for _, typ := range []amend.ParamType{amend.ParamInt, amend.ParamFactor, amend.ParamQuantity, amend.ParamName, amend.ParamDuration,
		amend.ParamKey, amend.ParamText, amend.ParamTag, amend.ParamVersion, "words"} {
		p := amend.Param{Type: typ}
		if takes := p.Accepts("Debug_1"); p.Acceptable() && takes {
			t.Errorf("an alert may set a %s to a word", typ)
		}
		if text := typ == amend.ParamKey || typ == amend.ParamText || typ == amend.ParamTag || typ == amend.ParamVersion || typ == "words"; p.Acceptable() == text {
			t.Errorf("a %s may be set by an alert: %v", typ, p.Acceptable())
		}
	}
}
