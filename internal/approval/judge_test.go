package approval_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/amendhq/amend/internal/approval"
)

// A try is an answer and the world that it arrives in.
type try struct {
	answer  approval.Answer
	matter  approval.Matter
	entries []approval.Entry
	chain   approval.Chain
	now     time.Time
}

// good is an approval that counts.
func good() try {
	m := matter
	question := asked(m, nil, 0, at(0))
	return try{
		answer: approval.Answer{Verb: approval.Approve, Matter: "pull/1", Via: "slack", Place: "C1", Ref: question.Ref, SHA: "aaa", User: "UJO"},
		matter: m, entries: []approval.Entry{question}, chain: chain, now: at(5),
	}
}

// bypasses are ways around an approval; each spoils a good one.
var bypasses = map[string]struct {
	spoil func(*try)
	want  approval.Refusal
}{
	"by the proposer":              {func(y *try) { y.matter.Proposers = []string{"amend[bot]", "Jo"} }, approval.RefusedOwn},
	"by nobody known to the host":  {func(y *try) { y.chain.Approvers = []approval.Approver{{Name: "Jo", User: "UJO"}} }, approval.RefusedOwn},
	"by a stranger":                {func(y *try) { y.answer.User = "UEVE" }, approval.RefusedStranger},
	"by nobody":                    {func(y *try) { y.answer.User = "" }, approval.RefusedStranger},
	"by a former approver":         {func(y *try) { y.chain.Approvers = chain.Approvers[1:] }, approval.RefusedStranger},
	"pressed again after a merge":  {func(y *try) { y.matter.State = approval.Merged }, approval.RefusedOver},
	"pressed again after a close":  {func(y *try) { y.matter.State = approval.Closed }, approval.RefusedOver},
	"after a push":                 {func(y *try) { y.matter.SHA = "bbb" }, approval.RefusedChanged},
	"after the diff changed":       {func(y *try) { y.matter.Digest = "d2" }, approval.RefusedChanged},
	"with the commit of a push":    {func(y *try) { y.answer.SHA = "bbb" }, approval.RefusedChanged},
	"push and message of old":      {func(y *try) { y.matter.SHA, y.answer.SHA = "bbb", "bbb" }, approval.RefusedChanged},
	"at its end":                   {func(y *try) { y.now = at(60) }, approval.RefusedExpired},
	"long after":                   {func(y *try) { y.now = at(1e6) }, approval.RefusedExpired},
	"in another channel":           {func(y *try) { y.answer.Place = "C2" }, approval.RefusedUnknown},
	"of a message never sent":      {func(y *try) { y.answer.Ref = "1.2" }, approval.RefusedUnknown},
	"of no message":                {func(y *try) { y.answer.Ref, y.entries[0].Ref = "", "" }, approval.RefusedUnknown},
	"when nothing was asked":       {func(y *try) { y.entries = nil }, approval.RefusedUnknown},
	"where nobody could be told":   {func(y *try) { y.entries[0].Kind = approval.Unreachable }, approval.RefusedUnknown},
	"where nobody is asked now":    {func(y *try) { y.chain.Steps = chain.Steps[1:] }, approval.RefusedElsewhere},
	"of another kind of place":     {func(y *try) { y.answer.Via = "pagerduty" }, approval.RefusedUnknown},
	"of a commit of somebody else": {func(y *try) { y.matter.Vouched, y.entries[0].Vouched = false, false }, approval.RefusedUnvouched},
	"asked before it was vouched":  {func(y *try) { y.entries[0].Vouched = false }, approval.RefusedChanged},
	"of trouble": {func(y *try) {
		y.matter, y.answer.SHA = approval.Matter{State: approval.Open}, ""
		y.entries[0].SHA, y.entries[0].Digest = "", ""
	}, approval.RefusedUnvouched},
	"after a rejection, reopened": {func(y *try) {
		y.entries = append(y.entries, approval.Entry{Kind: approval.Rejected, SHA: "aaa", Digest: "d1", At: at(2)})
	}, approval.RefusedChanged},
}

func TestNoApprovalIsBypassed(t *testing.T) {
	y := good()
	if who, refusal := y.chain.Judge(y.matter, y.entries, y.answer, y.now); refusal != "" || who.Name != "Jo" {
		t.Fatalf("the good approval is %q by %q", refusal, who.Name)
	}
	for name, b := range bypasses {
		t.Run(name, func(t *testing.T) {
			y := good()
			b.spoil(&y)
			_, refusal := y.chain.Judge(y.matter, y.entries, y.answer, y.now)
			if refusal != b.want || refusal.Text() == "" {
				t.Errorf("refused as %q, want %q", refusal, b.want)
			}
		})
	}
	// Two mistakes do not make it right.
	for one, a := range bypasses {
		for other, b := range bypasses {
			y := good()
			if err := recovered(func() { a.spoil(&y); b.spoil(&y) }); err != nil {
				continue // the first left nothing to spoil
			}
			if _, refusal := y.chain.Judge(y.matter, y.entries, y.answer, y.now); refusal == "" {
				t.Errorf("%s and %s together count", one, other)
			}
		}
	}
}

func recovered(f func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	f()
	return nil
}

// Whoever had a hand in it may still say no, or that they look after it.
func TestOtherAnswers(t *testing.T) {
	for _, verb := range []approval.Verb{approval.Reject, approval.Acknowledge} {
		for name, want := range map[string]approval.Refusal{
			"by the proposer": "", "of a commit of somebody else": "",
			"by a stranger": approval.RefusedStranger, "after a push": approval.RefusedChanged, "at its end": approval.RefusedExpired,
		} {
			y := good()
			y.answer.Verb = verb
			bypasses[name].spoil(&y)
			if _, refusal := y.chain.Judge(y.matter, y.entries, y.answer, y.now); refusal != want {
				t.Errorf("%s %s: %q, want %q", verb, name, refusal, want)
			}
		}
	}
}

func TestOneLooksAfterIt(t *testing.T) {
	y := good()
	y.answer.Verb = approval.Acknowledge
	y.entries = append(y.entries, approval.Entry{Kind: approval.Acknowledged, SHA: "aaa", Digest: "d1", At: at(2)})
	if _, refusal := y.chain.Judge(y.matter, y.entries, y.answer, y.now); refusal != approval.RefusedTaken {
		t.Errorf("a second one looks after it too: %q", refusal)
	}
	y.answer.Verb = approval.Approve
	if _, refusal := y.chain.Judge(y.matter, y.entries, y.answer, y.now); refusal != "" {
		t.Errorf("what somebody looks after cannot be approved: %q", refusal)
	}
}

func TestEveryRefusalHasItsText(t *testing.T) {
	for _, r := range []approval.Refusal{
		approval.RefusedOver, approval.RefusedUnknown, approval.RefusedElsewhere, approval.RefusedStranger, approval.RefusedExpired, approval.RefusedChanged,
		approval.RefusedUnvouched, approval.RefusedOwn, approval.RefusedTaken, approval.RefusedStopped, approval.RefusedFrozen, approval.RefusedFailed,
	} {
		if r.Text() == "" {
			t.Errorf("%s says nothing", r)
		}
	}
}
