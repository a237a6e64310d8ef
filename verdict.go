package amend

import "time"

// VerdictState says whether a change did what it was for.
type VerdictState string

// The verdicts. A change that was never proved is unverified, not failed.
const (
	Pending    VerdictState = "pending"    // it is being found out
	Worked     VerdictState = "worked"     // it is applied and healthy, and what it was for is over
	Failed     VerdictState = "failed"     // it is applied, and it did harm or no good
	Unverified VerdictState = "unverified" // what became of it could not be found out in time
	Superseded VerdictState = "superseded" // a newer change to the same took its place before it could show
	Reverted   VerdictState = "reverted"   // it had failed, and was taken back
)

// Valid reports whether the state is one of the list.
func (s VerdictState) Valid() bool {
	switch s {
	case Pending, Worked, Failed, Unverified, Superseded, Reverted:
		return true
	}
	return false
}

// Follows reports whether the state may take the place of an older one, "" for
// none. A verdict is never taken back; but what could not be found out may be
// known later, and a change that failed may be reverted.
func (s VerdictState) Follows(older VerdictState) bool {
	switch older {
	case "", Pending:
		return s != older
	case Unverified:
		return s != Unverified && s != Pending
	case Failed:
		return s == Reverted
	}
	return false
}

// A Verdict is what verification found out about one change.
type Verdict struct {
	State VerdictState `json:"state"`
	// Detail says in one sentence why, for people.
	Detail string `json:"detail,omitempty"`
	Commit string `json:"commit,omitempty"` // the change, as a full SHA
	// Applied says that the cluster runs the change and is healthy with it, whatever
	// became of the trouble.
	Applied bool `json:"applied,omitempty"`
	// Application is NAMESPACE/NAME of the Argo CD Application that was looked
	// at, Revision the commit it had synced, Health its health status.
	Application string `json:"application,omitempty"`
	Revision    string `json:"revision,omitempty"`
	Health      string `json:"health,omitempty"`
	// At is when it was found out; zero where that is not known.
	At time.Time `json:"at,omitzero"`
	// OnFailure is what the policy wants done about a change that failed; empty
	// where nobody asked it.
	OnFailure OnFailure `json:"onFailure,omitempty"`
}

// A Successor is the commit that ended what a change does; zero for none.
type Successor struct {
	Commit string `json:"by"`
	// Reverts says that it took the change back. Otherwise it is that of a newer
	// change which took its place.
	Reverts bool `json:"reverts,omitempty"`
}

// OnFailure says what becomes of a change that failed.
type OnFailure string

// What may become of it.
const (
	TakeBack        OnFailure = "revert"       // a commit takes it back
	ProposeTakeBack OnFailure = "pull-request" // a pull request proposes to
	Keep            OnFailure = "keep"         // it stays, and a person looks
)

// A Check says how to find out whether a change helped: what the policy has
// under verify, for one workload. Times are in nanoseconds in JSON.
type Check struct {
	// After is how long the change, once it is applied, has to take effect
	// before anybody is asked, and Deadline how long the trouble may take to end.
	After    time.Duration `json:"after"`
	Deadline time.Duration `json:"deadline"`
	// Probe is a PromQL expression that yields something while the trouble is
	// there; empty when only the alert is asked.
	Probe     string    `json:"probe,omitempty"`
	OnFailure OnFailure `json:"onFailure"`
}

// A Reversal asks for a change to be taken back. It names the change by its commit
// or, for the latest that was not taken back, by its incident.
type Reversal struct {
	Commit   string `json:"commit,omitempty"`
	Incident string `json:"incident,omitempty"`
	// Propose asks for a pull request instead of a commit, also when other parts
	// of the files have changed since.
	Propose bool `json:"propose,omitempty"`
	// Why says in a sentence what is wrong with the change, for people.
	Why string `json:"why,omitempty"`
	// At is when it was asked for, which is evidence only.
	At time.Time `json:"-"`
}
