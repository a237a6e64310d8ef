package ledger_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
)

func TestVerdictStatus(t *testing.T) {
	for state, want := range map[amend.VerdictState]string{
		amend.Pending: "pending", amend.Worked: "success", amend.Failed: "failure",
		amend.Reverted: "failure", amend.Unverified: "error", amend.Superseded: "error",
	} {
		for _, detail := range []string{"", "worked: it did", strings.Repeat("ü", 200), "@jo\nsee #12\x1b[31m", "fixes https://evil.example"} {
			host, description := ledger.VerdictStatus(amend.Verdict{State: state, Detail: detail})
			if host != want || utf8.RuneCountInString(description) > 140 || strings.ContainsAny(description, "\n\x1b") ||
				strings.Contains(description, "@jo") || strings.Contains(description, "#12") {
				t.Errorf("%s, %q: %s, %q", state, detail, host, description)
			}
			if got, ok := ledger.ParseVerdict(host, description); !ok || got != state {
				t.Errorf("%q reads back as %q, %v", description, got, ok)
			}
		}
	}
}

func TestParseVerdictRefuses(t *testing.T) {
	for _, c := range [][2]string{
		{"success", "failed: it did not"}, {"failure", "worked: it did"}, {"success", ""}, {"success", "fine: yes"},
		{"error", "Build: failed"}, {"", "worked: it did"}, {"success", " worked: it did"},
	} {
		if got, ok := ledger.ParseVerdict(c[0], c[1]); ok {
			t.Errorf("%q is the verdict %s", c, got)
		}
	}
}
