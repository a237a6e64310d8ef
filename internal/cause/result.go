package cause

import (
	"time"

	"github.com/amendhq/amend"
)

// An Outcome says whether a cause can be named.
type Outcome string

// The outcomes. Only Named names a cause: the first of the candidates.
const (
	Named    Outcome = "named"
	Several  Outcome = "several"  // two or more are as likely
	Unlikely Outcome = "unlikely" // something changed, and nothing that is likely to be it
	None     Outcome = "none"     // no commit changed the workload: look elsewhere
	Unknown  Outcome = "unknown"  // not all could be looked at, and what was does not tell
)

// A Result is the answer to a Question.
type Result struct {
	Workload amend.ObjectRef `json:"workload"`
	Outcome  Outcome         `json:"outcome"`
	// Since and Until bound when a change had to take effect to count. Until is
	// when the trouble began.
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	// Candidates are the commits that changed the workload, most likely first.
	Candidates []Candidate `json:"candidates"`
	// Passed says which other commits changed the workload, and why they are no
	// candidates, in sentences.
	Passed []string `json:"passed,omitempty"`
	// Limits say what was not looked at, or is not known, in sentences.
	Limits []string `json:"limits,omitempty"`
	// Commits counts those whose files were looked at, and Renders the states of
	// the repo for which the workload was rendered.
	Commits int `json:"commits"`
	Renders int `json:"renders"`
}

// A Candidate is a commit that changed the workload before the trouble began.
type Candidate struct {
	// Commit is what landed on the branch.
	Commit Commit `json:"commit"`
	// Origin is, for a merge, the one commit of the merged branch that made the
	// change; nil when it is no merge or there is not just one.
	Origin *Commit `json:"origin,omitempty"`
	// At is when the change took effect, as far as that is known, and Deployed
	// whether the deploy history says so.
	At       time.Time `json:"at"`
	Deployed bool      `json:"deployed"`
	// Changes are the fields that it changed and that nothing changed again
	// before the trouble began.
	Changes    []Change `json:"changes"`
	Confidence float64  `json:"confidence"` // from 0 to 1, see the package's comment
	// Evidence says what the confidence rests on, in sentences. They hold values
	// and names from the repo, so they are foreign text.
	Evidence []string `json:"evidence"`

	weight float64
}

// Blamed is the commit to show to people: the origin of a merge, or else what landed.
func (c Candidate) Blamed() Commit {
	if c.Origin != nil {
		return *c.Origin
	}
	return c.Commit
}

// A Change is one field that a commit changed. What sounds like a credential is
// masked, and a text of many lines is only counted.
type Change struct {
	amend.FieldChange
	Kind Kind `json:"kind"`
}

// Cause returns the candidate that is named, false if none is.
func (r Result) Cause() (Candidate, bool) {
	if r.Outcome != Named {
		return Candidate{}, false
	}
	return r.Candidates[0], true
}
