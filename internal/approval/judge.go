package approval

import (
	"slices"
	"strings"
	"time"
)

// A Verb is what somebody answers.
type Verb string

// The answers.
const (
	Approve     Verb = "approve"     // merge exactly the shown commit
	Reject      Verb = "reject"      // close it unmerged, which mutes the incident
	Acknowledge Verb = "acknowledge" // I look after it: ask nobody else
)

// An Answer is what somebody answered to a question, where and as whom. The
// system that it came through has been proved to have sent it.
type Answer struct {
	Verb            Verb
	Matter          string // Question.Matter of what was answered
	Via, Place, Ref string // of the message that was answered
	SHA             string // that the message was about
	User            string
}

// A Refusal is why an answer does not count. The list is closed, so that it can
// be counted; "" means that it counts.
type Refusal string

// The refusals.
const (
	RefusedOver      Refusal = "over"            // merged, closed, or gone
	RefusedUnknown   Refusal = "unknown"         // the message is no question on record
	RefusedElsewhere Refusal = "elsewhere"       // the policy asks nobody there any more
	RefusedStranger  Refusal = "not-an-approver" // the policy does not name who answered
	RefusedExpired   Refusal = "expired"         // it was asked too long ago
	RefusedChanged   Refusal = "changed"         // another commit is there now
	RefusedUnvouched Refusal = "not-vouched"     // the commit is not known to be amend's own
	RefusedOwn       Refusal = "own-change"      // who answers had a hand in it
	RefusedTaken     Refusal = "taken"           // somebody looks after it already
	RefusedStopped   Refusal = "stopped"         // the kill switch is set
	RefusedFrozen    Refusal = "frozen"          // a freeze of the policy holds
	RefusedFailed    Refusal = "failed"          // the host did not do it
)

// Text says why, for the person who answered.
func (r Refusal) Text() string {
	switch r {
	case RefusedOver:
		return "This is decided already."
	case RefusedUnknown:
		return "amend has no record of this message. Use a newer one, or the pull request itself."
	case RefusedElsewhere:
		return "The policy does not ask in this channel any more."
	case RefusedStranger:
		return "The policy does not name you as an approver."
	case RefusedExpired:
		return "The time to answer is over. Use the pull request itself."
	case RefusedChanged:
		return "The pull request has changed since this was asked. Look at the newer message or at the pull request itself."
	case RefusedUnvouched:
		return "The commit is not known to be the one that amend proposed, so it can only be merged on the Git host."
	case RefusedOwn:
		return "You had a hand in this change, so somebody else has to approve it."
	case RefusedTaken:
		return "Somebody looks after this already."
	case RefusedStopped:
		return "The env repo holds .amend/stop, so amend changes nothing."
	case RefusedFrozen:
		return "A freeze of the policy holds, so nothing lands now. Answer again when it is over."
	case RefusedFailed:
		return "The Git host did not do it. Look at the pull request itself."
	}
	return ""
}

// Judge says whether an answer counts, and whose it is. It is asked with what is
// there at this moment, right before anything is done. Each rule stands alone:
// an answer that was sent again, or to an old message, meets the same rules.
func (c Chain) Judge(m Matter, entries []Entry, a Answer, now time.Time) (Approver, Refusal) {
	if m.State != Open {
		return Approver{}, RefusedOver
	}
	asked := slices.IndexFunc(entries, func(e Entry) bool {
		return e.Kind == Asked && e.Via == a.Via && e.Place == a.Place && e.Ref == a.Ref
	})
	if asked < 0 || a.Ref == "" {
		return Approver{}, RefusedUnknown
	}
	if !slices.ContainsFunc(c.Steps, func(s Step) bool { return s.Via == a.Via && s.Place == a.Place }) {
		return Approver{}, RefusedElsewhere
	}
	by := slices.IndexFunc(c.Approvers, func(p Approver) bool { return p.User == a.User })
	if by < 0 || a.User == "" {
		return Approver{}, RefusedStranger
	}
	who, question := c.Approvers[by], entries[asked]
	valid := current(m, entries)
	switch {
	case !slices.Contains(valid, question) || a.SHA != question.SHA:
		return who, RefusedChanged
	case !now.Before(question.Until):
		return who, RefusedExpired
	case a.Verb == Approve:
		return who, approve(m, question, who)
	case a.Verb == Acknowledge && slices.ContainsFunc(valid, func(e Entry) bool { return e.Kind == Acknowledged }):
		return who, RefusedTaken
	}
	return who, ""
}

// approve is what only an approval has to meet.
func approve(m Matter, question Entry, who Approver) Refusal {
	switch {
	case m.SHA == "" || !question.Vouched:
		return RefusedUnvouched
	case who.Login == "" || slices.ContainsFunc(m.Proposers, func(login string) bool { return strings.EqualFold(login, who.Login) }):
		return RefusedOwn
	}
	return ""
}
