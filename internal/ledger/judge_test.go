package ledger_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
)

const judgedEntry = entry + `  verdict: "worked"
  verifiedAt: 2026-03-01T12:10:00Z
`

func verdict(n int, state amend.VerdictState, after time.Duration) amend.Verdict {
	return amend.Verdict{State: state, Commit: record("web-1", n, n, noon).Commit, At: noon.Add(after)}
}

func TestJudge(t *testing.T) {
	indented := strings.TrimSuffix("  "+strings.ReplaceAll(entry, "\n", "\n  "), "  ")
	indentedJudged := strings.TrimSuffix("  "+strings.ReplaceAll(judgedEntry, "\n", "\n  "), "  ")
	second := strings.NewReplacer("episode: 1", "episode: 2", "0001", "0002").Replace(entry)
	worked := verdict(1, amend.Worked, 10*time.Minute)
	failed := strings.Replace(judgedEntry, "worked", "failed", 1)
	flow := `- {incident: "web-1", episode: 1, action: "restart", target: "Deployment/shop/web", playbook: "p", alert: "a", edited: "f:1", commit: "` + worked.Commit + `", at: 2026-03-01T12:00:00Z}` + "\n"
	for name, c := range map[string]struct {
		data  string
		given amend.Verdict
		want  string
	}{
		"the last entry":           {"# ours\n" + entry, worked, "# ours\n" + judgedEntry},
		"not the last":             {entry + "# note\n" + second, worked, judgedEntry + "# note\n" + second},
		"without a final newline":  {strings.TrimSuffix(entry, "\n"), worked, judgedEntry},
		"indented by a person":     {indented, worked, indentedJudged},
		"fields in another order":  {strings.Replace(entry, "  action: \"restart\"\n", "", 1) + "  action: \"restart\"\n", worked, strings.Replace(entry, "  action: \"restart\"\n", "", 1) + "  action: \"restart\"\n" + judgedEntry[len(entry):]},
		"a comment behind a field": {strings.Replace(entry, "12:00:00Z\n", "12:00:00Z # noon\n", 1), worked, strings.Replace(judgedEntry, "12:00:00Z\n", "12:00:00Z # noon\n", 1)},
		"it is known better now":   {strings.Replace(judgedEntry, "worked", "unverified", 1), worked, judgedEntry},
		"reverted after it failed": {failed, verdict(1, amend.Reverted, 10*time.Minute), strings.Replace(judgedEntry, "worked", "reverted", 1)},
		"within a second":          {entry, verdict(1, amend.Worked, 10*time.Minute+999999999), judgedEntry},
		"again":                    {judgedEntry, worked, judgedEntry},
		"it is not taken back":     {judgedEntry, verdict(1, amend.Failed, time.Hour), judgedEntry},
		"it is not final":          {entry, verdict(1, amend.Pending, time.Hour), entry},
		"of another commit":        {entry, verdict(7, amend.Worked, time.Hour), entry},
		"a layout of one's own":    {flow, worked, flow},
		"other ends of lines":      {strings.ReplaceAll(entry, "\n", "\r"), worked, strings.ReplaceAll(entry, "\n", "\r")},
		"nothing":                  {"", worked, ""},
	} {
		judged := ledger.Judge(parse(t, []byte(c.data)), []amend.Verdict{c.given})
		same(t, judged)
		got := string(judged.Bytes())
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Whatever verdicts come in whatever order, entries stay as they are, none goes
// back, and what is written is read.
func TestJudgedLogIsTheSameLog(t *testing.T) {
	states := []amend.VerdictState{amend.Pending, amend.Worked, amend.Failed, amend.Unverified, amend.Superseded, amend.Reverted}
	rapid.Check(t, func(rt *rapid.T) {
		var records []amend.Record
		for n := 1; n <= 4; n++ {
			records = append(records, record("web-1", n, n, noon.Add(time.Duration(n)*time.Hour)))
		}
		data := appended(rt, nil, records...)
		for range rapid.IntRange(1, 8).Draw(rt, "verdicts") {
			before := parse(rt, data)
			n, state := rapid.IntRange(1, 5).Draw(rt, "n"), rapid.SampledFrom(states).Draw(rt, "state")
			after := ledger.Judge(before, []amend.Verdict{verdict(n, state, time.Hour)})
			same(rt, after)
			data = after.Bytes()
			for i, r := range after.Records {
				old := before.Records[i]
				if r.Verdict != old.Verdict && (!r.Verdict.Follows(old.Verdict) || i != n-1 || r.Verdict != state) {
					rt.Fatalf("%s became %s by %s of %d", old.Verdict, r.Verdict, state, n)
				}
				if r.Verdict, r.VerifiedAt = "", (time.Time{}); r != records[i] {
					rt.Fatalf("the entry is %+v, and was %+v", r, records[i])
				}
			}
		}
		if again := appended(rt, nil, parse(rt, data).Records...); !slices.Equal(again, data) {
			rt.Fatalf("written again it is\n%s\nand was\n%s", again, data)
		}
	})
}

func TestUnjudged(t *testing.T) {
	var records []amend.Record
	for n, v := range []amend.VerdictState{"", amend.Worked, amend.Failed, amend.Unverified, amend.Reverted, amend.Superseded, ""} {
		r := record("web-1", n+1, n+1, noon.Add(time.Duration(n)*time.Hour))
		r.Verdict, r.VerifiedAt = v, noon
		records = append(records, r)
	}
	var got []int
	for _, r := range ledger.Unjudged(ledger.Log{Records: records}, noon.Add(30*time.Minute)) {
		got = append(got, r.Episode)
	}
	if diff := cmp.Diff([]int{7, 4, 3}, got); diff != "" {
		t.Error(diff)
	}
}

func TestHalfAVerdictIsNone(t *testing.T) {
	for _, more := range []string{"  verdict: \"worked\"\n", "  verifiedAt: 2026-03-01T12:10:00Z\n", "  verdict: \"fine\"\n  verifiedAt: 2026-03-01T12:10:00Z\n", "  verdict: \"worked\"\n  verifiedAt: soon\n"} {
		if _, err := ledger.ParseLog([]byte(entry + more)); amend.KindOf(err) != amend.Invalid {
			t.Errorf("%q: %v", more, err)
		}
	}
}
