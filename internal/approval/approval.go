// Package approval decides who is asked about something that needs a person,
// who next when nobody answers, and whether an answer counts.
//
// Everything here is pure: the same chain, matter, entries and time give the
// same result. The entries are what was asked and answered so far. For a pull
// request they are kept in its comments (see Mark), so that a process that
// starts anew goes on where the last one ended, with no database.
package approval

import (
	"slices"
	"time"
)

// A Chain is the order in which places are told, and whose answers count.
type Chain struct {
	// Expire is how long a question can be answered.
	Expire    time.Duration
	Approvers []Approver
	Steps     []Step
}

// A Step is one place to tell, and how long it has before the next is told.
type Step struct {
	Via   string // the kind of place, such as slack
	Place string // which one: a channel, a service
	Wait  time.Duration
}

// An Approver is a person whose answers count.
type Approver struct {
	Name string // for people
	User string // who they are where they are asked
	// Login is who they are on the Git host: nobody approves what they proposed.
	Login string
}

// State says what became of a matter.
type State string

// The states of a matter.
const (
	Open   State = "open"
	Merged State = "merged"
	Closed State = "closed" // not merged, or over
)

// A Matter is what needs a person: an open pull request, or trouble without one.
type Matter struct {
	State State
	// SHA is the commit that an approval would merge, and Digest stands for the
	// diff that is shown of it. Both are empty for trouble without a pull request.
	SHA, Digest string
	// Proposers are the logins of all who had a hand in it.
	Proposers []string
	// Vouched says that the commit is the one that amend itself proposed. Nothing
	// else can be approved: a host does not say who has pushed a commit.
	Vouched bool
}

// Kind says what an entry is about.
type Kind string

// The kinds of entries.
const (
	Asked        Kind = "asked"
	Unreachable  Kind = "unreachable" // the place could not be told
	Acknowledged Kind = "acknowledged"
	Approved     Kind = "approved"
	Rejected     Kind = "rejected"
)

// An Entry is one thing that happened to a matter.
type Entry struct {
	Kind Kind `json:"kind"`
	// Step is the place in the chain as it was then, from 0; Via and Place say
	// who was told, and Ref what their system calls the message.
	Step  int    `json:"step"`
	Via   string `json:"via,omitempty"`
	Place string `json:"place,omitempty"`
	Ref   string `json:"ref,omitempty"`
	// SHA, Digest and Vouched are those of the matter at that time.
	SHA     string `json:"sha,omitempty"`
	Digest  string `json:"digest,omitempty"`
	Vouched bool   `json:"vouched,omitempty"`
	// By is the name of who answered.
	By string    `json:"by,omitempty"`
	At time.Time `json:"at"`
	// Until is when a question can no longer be answered.
	Until time.Time `json:"until,omitzero"`
}

// told reports whether the entry is a try to tell a place.
func (e Entry) told() bool { return e.Kind == Asked || e.Kind == Unreachable }

// about reports whether the entry is about the matter as it is now. A question
// that was put before the commit was vouched for is to be put again.
func (e Entry) about(m Matter) bool {
	return e.SHA == m.SHA && e.Digest == m.Digest && (e.Vouched || !m.Vouched || !e.told())
}

// current returns what was told and answered about the matter as it is now, in the
// order of the entries, which no clock can change. A rejection ends all before it: if the pull request is open
// after it, a person has opened it again.
func current(m Matter, entries []Entry) []Entry {
	entries = slices.Clone(entries)
	for i := len(entries) - 1; i >= 0; i-- {
		if entries[i].Kind == Rejected {
			entries = entries[i+1:]
			break
		}
	}
	return slices.DeleteFunc(entries, func(e Entry) bool { return !e.about(m) })
}

// Answerable reports whether the matter can be approved at all.
func Answerable(m Matter, entries []Entry) bool {
	return m.SHA != "" && (m.Vouched || slices.ContainsFunc(entries, func(e Entry) bool {
		return e.Kind == Asked && e.Vouched && e.about(m)
	}))
}

// Next returns the step to tell now; none is below 0. Then wake is when to look
// again if nothing happens before, and zero when time changes nothing any more.
func (c Chain) Next(m Matter, entries []Entry, now time.Time) (step int, wake time.Time) {
	if m.State != Open || len(c.Steps) == 0 {
		return -1, time.Time{}
	}
	last, expires, acknowledged := -1, time.Time{}, false
	var due time.Time
	for _, e := range current(m, entries) {
		switch {
		case e.Kind == Acknowledged:
			acknowledged = true
		case !e.told() || e.Step < last:
		default:
			last, due = e.Step, e.At
			expires = e.Until
			if e.Kind == Asked && e.Step < len(c.Steps) {
				due = e.At.Add(c.Steps[e.Step].Wait)
			}
		}
	}
	switch next := last + 1; {
	case last < 0:
		return 0, time.Time{}
	case !now.Before(expires):
		return -1, time.Time{}
	case acknowledged || next >= len(c.Steps):
		return -1, expires
	case now.Before(due):
		return -1, due
	default:
		return next, time.Time{}
	}
}

// Ask returns the entry of a question that is put now. Every step of a chain
// ends with the first, so that waiting for the later ones wins no time.
func (c Chain) Ask(m Matter, entries []Entry, step int, now time.Time) Entry {
	e := Entry{
		Kind: Asked, Step: step, Via: c.Steps[step].Via, Place: c.Steps[step].Place,
		SHA: m.SHA, Digest: m.Digest, Vouched: Answerable(m, entries), At: now, Until: now.Add(c.Expire),
	}
	for _, earlier := range current(m, entries) {
		if earlier.told() {
			e.Until = earlier.Until
			break
		}
	}
	return e
}

// An Outcome is what a question has come to.
type Outcome struct {
	State OutcomeState `json:"state"`
	By    string       `json:"by,omitempty"` // the name of who answered, if that is known
}

// OutcomeState names an outcome.
type OutcomeState string

// The outcomes. Only Waiting and Taken are not the end.
const (
	Waiting  OutcomeState = "waiting"
	Taken    OutcomeState = "acknowledged"   // somebody looks after it
	Accepted OutcomeState = "approved"       // and merged for that
	Declined OutcomeState = "rejected"       // and closed for that
	Landed   OutcomeState = "merged-on-host" // without an approval here
	Over     OutcomeState = "closed-on-host" // or gone by itself
	Replaced OutcomeState = "replaced"       // what is there now is not what was asked about
	Expired  OutcomeState = "expired"        // nobody answered in time
)

// Final reports whether nothing more will come of the question.
func (o Outcome) Final() bool { return o.State != Waiting && o.State != Taken }

// OutcomeOf returns what the question, one of the entries, has come to.
func OutcomeOf(m Matter, entries []Entry, question Entry, now time.Time) Outcome {
	last := newest(entries)
	switch {
	case m.State == Merged && last.Kind == Approved && last.SHA == m.SHA:
		return Outcome{Accepted, last.By}
	case m.State == Merged:
		return Outcome{State: Landed}
	case m.State == Closed && last.Kind == Rejected:
		return Outcome{Declined, last.By}
	case m.State == Closed:
		return Outcome{State: Over}
	}
	valid := current(m, entries)
	if !slices.Contains(valid, question) {
		return Outcome{State: Replaced}
	}
	if !now.Before(question.Until) {
		return Outcome{State: Expired}
	}
	for _, e := range valid {
		if e.Kind == Acknowledged {
			return Outcome{Taken, e.By}
		}
	}
	return Outcome{State: Waiting}
}

func newest(entries []Entry) Entry {
	if len(entries) == 0 {
		return Entry{}
	}
	return entries[len(entries)-1]
}
