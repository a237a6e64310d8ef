package approval_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend/internal/approval"
)

var (
	start = time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	chain = approval.Chain{
		Expire: time.Hour,
		Approvers: []approval.Approver{
			{Name: "Jo", User: "UJO", Login: "jo"}, {Name: "Ada", User: "UADA", Login: "ada"},
		},
		Steps: []approval.Step{
			{Via: "slack", Place: "C1", Wait: 10 * time.Minute},
			{Via: "pagerduty", Place: "payments", Wait: 15 * time.Minute},
			{Via: "oncall", Place: "platform", Wait: time.Minute},
		},
	}
	matter = approval.Matter{State: approval.Open, SHA: "aaa", Digest: "d1", Proposers: []string{"amend[bot]"}, Vouched: true}
)

func at(minutes float64) time.Time { return start.Add(time.Duration(minutes * float64(time.Minute))) }

// asked is the entry of a step that was told, with a reference of its own.
func asked(m approval.Matter, entries []approval.Entry, step int, when time.Time) approval.Entry {
	e := chain.Ask(m, entries, step, when)
	e.Ref = "ref-" + e.Via
	return e
}

func TestNext(t *testing.T) {
	first := asked(matter, nil, 0, at(0))
	second := asked(matter, []approval.Entry{first}, 1, at(10))
	third := asked(matter, []approval.Entry{first, second}, 2, at(25))
	unreachable := second
	unreachable.Kind = approval.Unreachable
	taken := approval.Entry{Kind: approval.Acknowledged, SHA: "aaa", Digest: "d1", At: at(5), By: "Jo"}
	rejected := approval.Entry{Kind: approval.Rejected, SHA: "aaa", Digest: "d1", At: at(6), By: "Jo"}
	pushed := matter
	pushed.SHA = "bbb"
	redone := matter
	redone.Digest = "d2"
	early := first
	early.Vouched = false
	merged, closed := matter, matter
	merged.State, closed.State = approval.Merged, approval.Closed

	tests := map[string]struct {
		matter  approval.Matter
		entries []approval.Entry
		now     time.Time
		step    int
		wake    time.Time
	}{
		"nothing asked":                  {matter, nil, at(0), 0, time.Time{}},
		"time to answer":                 {matter, []approval.Entry{first}, at(9.9), -1, at(10)},
		"unanswered":                     {matter, []approval.Entry{first}, at(10), 1, time.Time{}},
		"entries in any order":           {matter, []approval.Entry{second, first}, at(24), -1, at(25)},
		"unanswered twice":               {matter, []approval.Entry{first, second}, at(25), 2, time.Time{}},
		"nobody there":                   {matter, []approval.Entry{first, unreachable}, at(10), 2, time.Time{}},
		"all told":                       {matter, []approval.Entry{first, second, third}, at(30), -1, at(60)},
		"expired":                        {matter, []approval.Entry{first}, at(60), -1, time.Time{}},
		"somebody looks after it":        {matter, []approval.Entry{first, taken}, at(30), -1, at(60)},
		"another commit":                 {pushed, []approval.Entry{first, second, taken}, at(30), 0, time.Time{}},
		"another diff":                   {redone, []approval.Entry{first}, at(1), 0, time.Time{}},
		"reopened after a rejection":     {matter, []approval.Entry{first, rejected}, at(20), 0, time.Time{}},
		"vouched for after the question": {matter, []approval.Entry{early}, at(1), 0, time.Time{}},
		"merged":                         {merged, []approval.Entry{first}, at(30), -1, time.Time{}},
		"closed":                         {closed, nil, at(30), -1, time.Time{}},
		"trouble without a pull request": {approval.Matter{State: approval.Open}, nil, at(0), 0, time.Time{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			step, wake := chain.Next(tt.matter, tt.entries, tt.now)
			if step != tt.step || !wake.Equal(tt.wake) {
				t.Errorf("step %d, wake %v; want %d, %v", step, wake, tt.step, tt.wake)
			}
		})
	}
	if step, _ := (approval.Chain{}).Next(matter, nil, start); step != -1 {
		t.Errorf("a chain with no steps tells step %d", step)
	}
	if first.Until != at(60) || third.Until != at(60) {
		t.Errorf("the questions end at %v and %v, want both an hour after the first", first.Until, third.Until)
	}
}

func TestOutcomeOf(t *testing.T) {
	question := asked(matter, nil, 0, at(0))
	entry := func(k approval.Kind) approval.Entry {
		return approval.Entry{Kind: k, SHA: "aaa", Digest: "d1", At: at(5), By: "Jo"}
	}
	state := func(s approval.State, sha string) approval.Matter {
		m := matter
		m.State, m.SHA = s, sha
		return m
	}
	tests := map[string]struct {
		matter  approval.Matter
		entries []approval.Entry
		now     time.Time
		want    approval.Outcome
	}{
		"waiting":                {matter, nil, at(1), approval.Outcome{State: approval.Waiting}},
		"acknowledged":           {matter, []approval.Entry{entry(approval.Acknowledged)}, at(6), approval.Outcome{State: approval.Taken, By: "Jo"}},
		"expired":                {matter, nil, at(60), approval.Outcome{State: approval.Expired}},
		"pushed to":              {state(approval.Open, "bbb"), nil, at(1), approval.Outcome{State: approval.Replaced}},
		"approved":               {state(approval.Merged, "aaa"), []approval.Entry{entry(approval.Approved)}, at(6), approval.Outcome{State: approval.Accepted, By: "Jo"}},
		"merged on the host":     {state(approval.Merged, "aaa"), nil, at(6), approval.Outcome{State: approval.Landed}},
		"approved before a push": {state(approval.Merged, "bbb"), []approval.Entry{entry(approval.Approved)}, at(6), approval.Outcome{State: approval.Landed}},
		"rejected":               {state(approval.Closed, "aaa"), []approval.Entry{entry(approval.Rejected)}, at(6), approval.Outcome{State: approval.Declined, By: "Jo"}},
		"closed on the host":     {state(approval.Closed, "aaa"), []approval.Entry{entry(approval.Acknowledged)}, at(6), approval.Outcome{State: approval.Over}},
		"rejected and reopened":  {matter, []approval.Entry{entry(approval.Rejected)}, at(6), approval.Outcome{State: approval.Replaced}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			entries := append([]approval.Entry{question}, tt.entries...)
			got := approval.OutcomeOf(tt.matter, entries, question, tt.now)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMark(t *testing.T) {
	key := []byte("key")
	entries := []approval.Entry{asked(matter, nil, 0, at(0)), {Kind: approval.Acknowledged, By: "Jo --> <!--", At: at(1)}}
	mark, err := approval.Mark(key, "acme/env#1", entries)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(mark, "--") != 2 || strings.ContainsAny(mark, "\n@#`*") {
		t.Errorf("the mark can be seen: %s", mark)
	}
	if diff := cmp.Diff(entries, approval.Unmark(key, "acme/env#1", "Told the channel.\n\n"+mark+"\r\n")); diff != "" {
		t.Error(diff)
	}
	flipped := []byte(mark)
	flipped[len("<!-- amend-approvals: ")+10] ^= 1
	for name, got := range map[string][]approval.Entry{
		"another key":          approval.Unmark([]byte("other"), "acme/env#1", mark),
		"another pull request": approval.Unmark(key, "acme/env#2", mark),
		"changed":              approval.Unmark(key, "acme/env#1", string(flipped)),
		"quoted":               approval.Unmark(key, "acme/env#1", "> "+mark),
		"not last":             approval.Unmark(key, "acme/env#1", mark+"\nlooks good"),
		"torn":                 approval.Unmark(key, "acme/env#1", mark[:len(mark)-8]),
	} {
		if got != nil {
			t.Errorf("%s: read %v", name, got)
		}
	}
}

// FuzzUnmark: whatever a comment holds, nothing is read that was not written.
func FuzzUnmark(f *testing.F) {
	key := []byte("key")
	mark, err := approval.Mark(key, "acme/env#1", []approval.Entry{{Kind: approval.Approved, By: "Jo", At: start}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(mark)
	f.Add("text\n" + strings.Replace(mark, ".", "A.", 1))
	f.Add("<!-- amend-approvals: . -->")
	f.Fuzz(func(t *testing.T, comment string) {
		if got := approval.Unmark(key, "acme/env#1", comment); got != nil && !strings.Contains(comment, mark) {
			t.Errorf("%q was read as %v", comment, got)
		}
	})
}

// A clock that was ahead when somebody rejected, and was put right, does not make
// every question one of before that: it would be put again without end.
func TestARejectionFromTheFuture(t *testing.T) {
	m := matter
	entries := []approval.Entry{{Kind: approval.Rejected, SHA: m.SHA, Digest: m.Digest, At: at(600)}}
	entries = append(entries, asked(m, entries, 0, at(0)))
	if step, _ := chain.Next(m, entries, at(0)); step >= 0 {
		t.Errorf("step %d is told again", step)
	}
}
