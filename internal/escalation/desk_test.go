package escalation_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/escalation"
)

var away = amend.Errorf(amend.Transient, "call", "away")

func TestNobodyAnswers(t *testing.T) {
	within(t, func(w *world) {
		w.open(1)
		w.wantCounts([3]int{1, 0, 0})
		w.wait(9 * time.Minute)
		w.wantCounts([3]int{1, 0, 0})
		w.wait(2 * time.Minute)
		w.wantCounts([3]int{1, 1, 0})
		w.start() // nothing is asked twice
		w.wait(10 * time.Minute)
		w.wantCounts([3]int{1, 1, 0})
		w.wait(10 * time.Minute)
		w.wantCounts([3]int{1, 1, 1})
		w.wait(5 * time.Hour)
		w.wantCounts([3]int{1, 1, 1})
		if diff := cmp.Diff([]string{"C1-1 expired"}, w.places["slack"].told); diff != "" {
			t.Error(diff)
		}
		if said := w.press(w.answer(approval.Approve)); !strings.Contains(said, "time to answer is over") || len(w.merges) > 0 {
			t.Errorf("said %q, merged %v", said, w.merges)
		}
	})
}

func TestApprovalAfterEscalation(t *testing.T) {
	within(t, func(w *world) {
		w.open(1)
		w.wait(11 * time.Minute)
		w.start()
		if said := w.press(w.answer(approval.Approve)); said != "" {
			t.Errorf("refused: %s", said)
		}
		if diff := cmp.Diff([]string{"1 aaa Ada"}, w.merges); diff != "" {
			t.Error(diff)
		}
		for via, want := range map[string]string{"slack": "C1-1 approved Ada", "pagerduty": "payments-1 approved Ada"} {
			if diff := cmp.Diff([]string{want}, w.places[via].told); diff != "" {
				t.Errorf("%s: %s", via, diff)
			}
		}
		w.wait(time.Hour)
		w.wantCounts([3]int{1, 1, 0})
		if len(w.places["slack"].told) != 1 {
			t.Errorf("Slack is told %v", w.places["slack"].told)
		}
		last := w.pulls[1].Comments[len(w.pulls[1].Comments)-1]
		if !strings.HasPrefix(last, "**Ada** approved commit aaa in the Slack channel, and amend has merged it.") {
			t.Errorf("the last comment is %s", last)
		}
	})
}

// Who acknowledges where they were paged ends the chain, and nothing else.
func TestAcknowledgedInPagerDuty(t *testing.T) {
	within(t, func(w *world) {
		w.open(1)
		notice := approval.Notice{Matter: "pull/1", Via: "pagerduty", Ref: "payments-1", By: "Grace <b>", At: time.Now()}
		heed := func(n approval.Notice) {
			if !w.desk.Notice(n) {
				t.Error("a notice was dropped")
			}
			w.settle()
		}
		heed(notice) // nobody was paged yet
		w.wait(11 * time.Minute)
		w.wantCounts([3]int{1, 1, 0})
		heed(notice) // it is from before the page
		other := notice
		other.Matter, other.At = "pull/2", time.Now()
		heed(other)
		notice.At = time.Now()
		heed(notice)
		heed(notice)
		w.wait(2 * time.Hour)
		w.start() // it stands on the pull request
		w.wait(time.Minute)
		w.wantCounts([3]int{1, 1, 0})
		if told := w.places["slack"].told; told[0] != "C1-1 acknowledged Grace <b>" {
			t.Errorf("Slack is told %v", told)
		}
		last := w.pulls[1].Comments[len(w.pulls[1].Comments)-1]
		if !strings.HasPrefix(last, `**Grace \<b\>** looks after this, so nobody else is asked.`) || len(w.merges)+len(w.declined) > 0 {
			t.Errorf("the last comment is %s; merged %v, declined %v", last, w.merges, w.declined)
		}
		if w.press(w.answer(approval.Approve)); len(w.merges) != 1 {
			t.Errorf("merged %v", w.merges)
		}
	})
}

func TestSomebodyLooksAfterIt(t *testing.T) {
	within(t, func(w *world) {
		w.open(1)
		w.press(w.answer(approval.Acknowledge))
		w.wait(2 * time.Hour)
		w.start()
		w.wait(time.Minute)
		w.wantCounts([3]int{1, 0, 0})
		if w.places["slack"].told[0] != "C1-1 acknowledged Ada" {
			t.Errorf("Slack is told %v", w.places["slack"].told)
		}
		if said := w.press(w.answer(approval.Acknowledge)); !strings.Contains(said, "already") {
			t.Errorf("said %q", said)
		}
		if w.press(w.answer(approval.Approve)); len(w.merges) != 1 {
			t.Errorf("merged %v", w.merges)
		}
	})
}

func TestRejectAndReopen(t *testing.T) {
	within(t, func(w *world) {
		w.open(1)
		old := w.answer(approval.Approve)
		w.press(w.answer(approval.Reject))
		if diff := cmp.Diff([]int{1}, w.declined); diff != "" {
			t.Error(diff)
		}
		w.pulls[1].Matter.State = approval.Open
		w.touch(1)
		w.wait(time.Minute)
		w.wantCounts([3]int{2, 0, 0})
		w.press(old)
		if len(w.merges) > 0 {
			t.Errorf("a question of before the rejection merged %v", w.merges)
		}
		if w.press(w.answer(approval.Approve)); len(w.merges) != 1 {
			t.Errorf("merged %v", w.merges)
		}
	})
}

// bypasses spoil an approval that would count, or the world that it comes to.
var bypasses = map[string]func(*world, *approval.Answer){
	"by the author":             func(w *world, _ *approval.Answer) { w.pulls[1].Matter.Proposers = []string{"ADA"} },
	"by a stranger":             func(_ *world, a *approval.Answer) { a.User = "UEVE" },
	"by a former approver":      func(w *world, _ *approval.Answer) { w.rules.Chain.Approvers = w.rules.Chain.Approvers[1:] },
	"after a push":              func(w *world, _ *approval.Answer) { w.pulls[1].Matter.SHA = "bbb" },
	"for a push":                func(w *world, a *approval.Answer) { w.pulls[1].Matter.SHA, a.SHA = "bbb", "bbb" },
	"after the base changed":    func(w *world, _ *approval.Answer) { w.pulls[1].Matter.Digest = "d2" },
	"of another pull request":   func(_ *world, a *approval.Answer) { a.Matter = "pull/2" },
	"of a matter that is none":  func(_ *world, a *approval.Answer) { a.Matter = "pull/1x" },
	"of trouble":                func(_ *world, a *approval.Answer) { a.Matter = "trouble/x" },
	"in another channel":        func(_ *world, a *approval.Answer) { a.Place = "C2" },
	"to another message":        func(_ *world, a *approval.Answer) { a.Ref = "C1-9" },
	"after the end":             func(w *world, _ *approval.Answer) { w.wait(4 * time.Hour) },
	"after a merge on the host": func(w *world, _ *approval.Answer) { w.pulls[1].Matter.State = approval.Merged },
	"after it was closed":       func(w *world, _ *approval.Answer) { w.pulls[1].Matter.State = approval.Closed },
	"while stopped":             func(w *world, _ *approval.Answer) { w.rules.Stopped = true },
	"without a policy":          func(w *world, _ *approval.Answer) { w.failing["rules"] = errors.New("invalid") },
	"where nobody is asked now": func(w *world, _ *approval.Answer) { w.rules.Chain.Steps = w.rules.Chain.Steps[1:] },
	"of a lost record":          func(w *world, _ *approval.Answer) { w.pulls[1].Comments = nil },
	"of a forged record": func(w *world, _ *approval.Answer) {
		mark, err := approval.Mark([]byte("guess"), "acme/env#1", []approval.Entry{{Kind: approval.Asked, Via: "slack", Place: "C1", Ref: "C1-1", SHA: "aaa", Digest: "d", Vouched: true, At: time.Now(), Until: time.Now().Add(time.Hour)}})
		if err != nil {
			w.Fatal(err)
		}
		w.pulls[1].Comments = []string{mark}
	},
	"with the record of another pull request": func(w *world, _ *approval.Answer) {
		w.open(2)
		w.pulls[1].Comments = w.pulls[2].Comments
	},
	"during a freeze": func(w *world, _ *approval.Answer) {
		w.failing["merge"] = amend.Refusef(amend.ReasonFrozen, "until Monday")
	},
	"when the host is away": func(w *world, _ *approval.Answer) { w.failing["read"] = away },
	"when the host does not want": func(w *world, _ *approval.Answer) {
		w.failing["merge"] = amend.Refusef(amend.ReasonFailed, "protected")
	},
}

// TestNothingIsMergedWithoutAValidApproval is T21: every way around an approval,
// and all of them again on a desk that has just started.
func TestNothingIsMergedWithoutAValidApproval(t *testing.T) {
	for name, spoil := range bypasses {
		for _, restarted := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/restarted=%t", name, restarted), func(t *testing.T) {
				within(t, func(w *world) {
					w.open(1)
					a := w.answer(approval.Approve)
					spoil(w, &a)
					if restarted {
						w.start()
					}
					if said := w.press(a); said == "" || len(w.merges) > 0 {
						t.Errorf("said %q, merged %v", said, w.merges)
					}
				})
			})
		}
	}
}

func TestTheGoodApprovalMergesOnce(t *testing.T) {
	within(t, func(w *world) {
		w.open(1)
		a := w.answer(approval.Approve)
		for range 1000 { // the button, recorded and sent again
			w.press(a)
		}
		if diff := cmp.Diff([]string{"1 aaa Ada"}, w.merges); diff != "" {
			t.Error(diff)
		}
	})
}

// Whoever pushed it: what the writer does not vouch for is told without its diff
// and cannot be approved; once it vouches, it is asked about anew.
func TestOnlyVouchedCommitsCanBeApproved(t *testing.T) {
	within(t, func(w *world) {
		w.open(1)
		w.pulls[1].Matter.SHA, w.pulls[1].Diff = "bbb", "+ secret\n"
		w.touch(1)
		w.wait(2 * time.Minute)
		q := w.places["slack"].asked[1]
		if q.Answerable || q.Diff != "" || q.SHA != "bbb" {
			t.Errorf("asked about a push of somebody else: %+v", q)
		}
		if said := w.press(w.answer(approval.Approve)); !strings.Contains(said, "only be merged on the Git host") {
			t.Errorf("said %q", said)
		}
		w.desk.Proposed(1, "bbb")
		w.settle()
		if w.press(w.answer(approval.Approve)); !slices.Equal(w.merges, []string{"1 bbb Ada"}) {
			t.Errorf("merged %v", w.merges)
		}
		want := []string{"C1-1 replaced", "C1-2 replaced", "C1-1 approved Ada", "C1-2 approved Ada", "C1-3 approved Ada"}
		if diff := cmp.Diff(want[:2], w.places["slack"].told[:2]); diff != "" {
			t.Error(diff)
		}
	})
}

// The writer vouches a moment after the host shows the pull request.
func TestTheWriterHasTimeToVouch(t *testing.T) {
	within(t, func(w *world) {
		w.pulls[1] = &escalation.Pull{Number: 1, Title: "T", Matter: approval.Matter{State: approval.Open, SHA: "aaa"}}
		w.touch(1)
		w.wait(31 * time.Second)
		w.wantCounts([3]int{})
		w.desk.Proposed(1, "aaa")
		w.settle()
		if asked := w.places["slack"].asked; len(asked) != 1 || !asked[0].Answerable {
			t.Errorf("asked %+v", asked)
		}
	})
}

func TestAPlaceThatIsAway(t *testing.T) {
	within(t, func(w *world) {
		w.places["slack"].err = away
		w.open(1)
		w.wait(20 * time.Second)
		w.wantCounts([3]int{0, 0, 0})
		w.wait(70 * time.Second) // the third try has failed
		w.wantCounts([3]int{0, 1, 0})
		if c := w.pulls[1].Comments[0]; !strings.HasPrefix(c, "amend could not reach the Slack channel C1 (step 1 of 3)") {
			t.Errorf("the comment is %s", c)
		}
	})
	within(t, func(w *world) {
		w.places["slack"].err = amend.Errorf(amend.Invalid, "post", "not_in_channel")
		delete(w.channels, "pagerduty")
		w.open(1)
		w.wantCounts([3]int{0, 0, 1}) // trying again is of no use, and there is no key
	})
}

func TestALostComment(t *testing.T) {
	within(t, func(w *world) {
		w.failing["comment"] = away
		w.open(1)
		w.wait(5 * time.Minute)
		w.wantCounts([3]int{1, 0, 0})
		delete(w.failing, "comment")
		w.wait(time.Minute)
		w.start()
		w.wait(time.Minute)
		w.wantCounts([3]int{1, 0, 0})
		if w.press(w.answer(approval.Approve)); len(w.merges) != 1 {
			t.Errorf("what was not on record first is still not: %v", w.pulls[1].Comments)
		}
	})
}

func TestAMessageThatStaysIsToldLater(t *testing.T) {
	within(t, func(w *world) {
		w.open(1)
		w.places["slack"].err = away
		w.pulls[1].Matter.State = approval.Closed
		w.touch(1)
		w.wait(time.Minute)
		w.places["slack"].err = nil
		w.wait(time.Minute)
		if diff := cmp.Diff([]string{"C1-1 closed-on-host"}, w.places["slack"].told); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTrouble(t *testing.T) {
	within(t, func(w *world) {
		raise := func(over bool) {
			w.desk.Raise(escalation.Trouble{Key: "web-1", Title: "breaker open", Text: "why", Over: over})
			w.settle()
		}
		raise(true) // nothing was raised
		raise(false)
		raise(false)
		w.wantCounts([3]int{1, 0, 0})
		if q := w.places["slack"].asked[0]; q.Answerable || q.Matter != "trouble/web-1" || q.Title != "breaker open" {
			t.Errorf("asked %+v", q)
		}
		if said := w.press(w.answer(approval.Approve)); !strings.Contains(said, "Git host") || len(w.merges) > 0 {
			t.Errorf("approved trouble: %q", said)
		}
		w.wait(11 * time.Minute)
		w.wantCounts([3]int{1, 1, 0})
		w.press(w.answer(approval.Acknowledge))
		w.wait(time.Hour)
		w.wantCounts([3]int{1, 1, 0})
		raise(true)
		if diff := cmp.Diff([]string{"C1-1 acknowledged Ada", "C1-1 closed-on-host"}, w.places["slack"].told); diff != "" {
			t.Error(diff)
		}
		raise(false)
		w.wantCounts([3]int{2, 1, 0})
		w.wait(5 * time.Hour) // expired, so that it is raised anew
		raise(false)
		w.wantCounts([3]int{3, 2, 1})
	})
}

// TestAFixNeverWaits: with nobody at the desk, what is too much is dropped and
// counted.
func TestAFixNeverWaits(t *testing.T) {
	within(t, func(w *world) {
		w.stop()
		w.settle()
		for n := range 1000 {
			w.desk.Raise(escalation.Trouble{Key: fmt.Sprint(n)})
			w.desk.Proposed(n, "aaa")
		}
		if n := testutil.CollectAndCount(w.registry, "amend_approval_dropped_total"); n != 2 {
			t.Errorf("%d kinds were dropped and counted, want 2", n)
		}
	})
}

func TestTooMuchTrouble(t *testing.T) {
	within(t, func(w *world) {
		for n := range 250 {
			w.desk.Raise(escalation.Trouble{Key: fmt.Sprint(n), Kind: fmt.Sprint(n), Title: "T"})
			w.settle()
		}
		w.wantCounts([3]int{200, 0, 0})
	})
}
