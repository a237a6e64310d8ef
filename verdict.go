package amend

import "time"

// VerdictState says whether a change did what it was for.
type VerdictState string

// The verdicts. A change that was never proved is unverified, not failed.
const (
	Worked     VerdictState = "worked"     // it is applied, and the application is healthy
	Failed     VerdictState = "failed"     // it is applied, and the application is not healthy
	Unverified VerdictState = "unverified" // whether it is applied could not be found out in time
)

// A Verdict is what verification found out about one change.
type Verdict struct {
	State VerdictState `json:"state"`
	// Detail says in one sentence why, for people.
	Detail string `json:"detail,omitempty"`
	Commit string `json:"commit,omitempty"` // the change, as a full SHA
	// Application is NAMESPACE/NAME of the Argo CD Application that was looked
	// at, Revision the commit it had synced, Health its health status.
	Application string    `json:"application,omitempty"`
	Revision    string    `json:"revision,omitempty"`
	Health      string    `json:"health,omitempty"`
	At          time.Time `json:"at"`
}
