package amend

import "time"

// A Reason is why a decision came out as it did. The list is closed: it feeds
// logs, metric labels, documents and exit codes alike.
type Reason string

// The reasons. ReasonAct and ReasonSuggested carry a plan; every other one is
// a refusal or says that there is nothing to do.
const (
	ReasonAct       Reason = "act"       // the change was made, or would be
	ReasonSuggested Reason = "suggested" // mode suggest: the diff was shown, nothing written

	ReasonDuplicate Reason = "duplicate" // the incident's change exists already
	ReasonResolved  Reason = "resolved"  // the alert is over: nothing to change
	ReasonWithdrawn Reason = "withdrawn" // the alert is over: its open pull request was closed
	ReasonNoChange  Reason = "no-change" // the field has the wanted value already

	ReasonNoPlaybook    Reason = "no-playbook"    // no playbook matches the alert
	ReasonNoWorkload    Reason = "no-workload"    // the labels do not name a workload
	ReasonInvalidPolicy Reason = "invalid-policy" // .amend/policy.yaml is missing or wrong
	ReasonKillSwitch    Reason = "kill-switch"    // .amend/stop exists
	ReasonCooldown      Reason = "cooldown"       // too soon after the incident's last change
	ReasonStillFiring   Reason = "still-firing"   // the last change did not end the alert
	ReasonMuted         Reason = "muted"          // a person closed the incident's pull request
	ReasonVetoed        Reason = "vetoed"         // a person took the incident's change back
	ReasonBreaker       Reason = "breaker-open"   // the incident's changes do not last
	ReasonSettling      Reason = "settling"       // another change to the workload may end the alert too
	ReasonFrozen        Reason = "frozen"         // a freeze of the policy holds
	ReasonBudget        Reason = "budget-spent"   // there were enough changes in this time
	ReasonBlastRadius   Reason = "blast-radius"   // too large a share of what is there was changed in this time
	ReasonOutOfScope    Reason = "out-of-scope"   // the policy is not for this workload
	ReasonCondition     Reason = "condition"      // the playbook's condition cannot be evaluated
	ReasonBound         Reason = "bound-reached"  // the action's own bound forbids a further step
	ReasonNoHistory     Reason = "no-history"     // the env repo holds no earlier value

	ReasonNotInRepo   Reason = "not-in-repo"        // no file of the env repo declares the object
	ReasonAmbiguous   Reason = "ambiguous"          // more than one line could be meant
	ReasonComputed    Reason = "computed"           // the value is not written anywhere as such
	ReasonShared      Reason = "shared-with"        // the line also controls other objects
	ReasonRemote      Reason = "remote-base"        // the value comes from another repository
	ReasonUnsupported Reason = "unsupported-source" // a kind of source that cannot be proved yet
	ReasonProtected   Reason = "protected"          // a file or kind that no fix may touch
	ReasonOwnedByHPA  Reason = "owned-by-hpa"       // an autoscaler sets the field, so Git is not in control
	ReasonOwnedByBot  Reason = "owned-by-bot"       // another program sets the field or writes the line
	ReasonUnproven    Reason = "unproven"           // the render after the edit is not what was meant

	ReasonParameter      Reason = "parameter-not-accepted" // the playbook lets nobody set the parameter, or not to this value
	ReasonForbidden      Reason = "forbidden"              // the caller may not ask for changes in this namespace
	ReasonReverted       Reason = "reverted"               // the change was taken back
	ReasonRevertProposed Reason = "revert-proposed"        // a pull request proposes to take the change back
	ReasonChangedSince   Reason = "changed-since"          // what the change wrote is not there any more, so it is not taken back

	ReasonFailed Reason = "failed" // the Git host did not take the change; see the detail
)

// A Scalar is a value to be written: Text is what a reader of the manifest must
// get back, as a string unless Number or Boolean says otherwise. At most one of
// them is set; the Text of a boolean is true or false.
type Scalar struct {
	Text    string `json:"text"`
	Number  bool   `json:"number,omitempty"`
	Boolean bool   `json:"boolean,omitempty"`
}

// IsText reports whether a reader of the manifest gets a string.
func (s Scalar) IsText() bool { return !s.Number && !s.Boolean }

// A Target is the place in the env repo that controls a field.
type Target struct {
	Path RepoPath `json:"path"`
	// Line and EndLine are 1-based and inclusive.
	Line     int    `json:"line"`
	EndLine  int    `json:"endLine"`
	YAMLPath string `json:"yamlPath,omitempty"`
}

// An Edit is one field of one object, changed at the one place that controls it.
type Edit struct {
	Object ObjectRef `json:"object"`
	Field  string    `json:"field"`
	Target Target    `json:"target"`
	// Old is empty when Added is set: the field was not written anywhere.
	Old   string `json:"old"`
	New   string `json:"new"`
	Added bool   `json:"added,omitempty"`
}

// A Plan is everything that a change will put into Git. The commit message,
// the body of the pull request and the record all derive from it.
type Plan struct {
	Request Request `json:"request"`
	Episode int     `json:"episode"`
	Edits   []Edit  `json:"edits"`
	// Cause is the commit that is taken back for the workload, as a full SHA;
	// empty when the change is no answer to a commit.
	Cause string `json:"cause,omitempty"`
	// Files holds the whole new content of every changed file.
	Files map[RepoPath][]byte `json:"-"`
	// Diff is the unified diff of Files against the tree that was read.
	Diff string `json:"diff"`
	// RenderDiff lists the fields that differ in all that the env repo renders to.
	RenderDiff []FieldChange `json:"-"`
}

// A Decision is what became of one accepted event; each event ends in one.
type Decision struct {
	EventID  string   `json:"eventId"`
	Alert    string   `json:"alert"` // its name, for people
	Reason   Reason   `json:"reason"`
	Detail   string   `json:"detail,omitempty"`
	Playbook string   `json:"playbook,omitempty"`
	Action   string   `json:"action,omitempty"`
	Workload Workload `json:"workload,omitzero"`
	Mode     Mode     `json:"mode,omitempty"`
	// Storm says that the change is proposed together with others, in one pull request,
	// because the policy's rate of separate changes is reached.
	Storm    bool    `json:"storm,omitempty"`
	Incident string  `json:"incident,omitempty"`
	Episode  int     `json:"episode,omitempty"`
	Plan     *Plan   `json:"plan,omitempty"`
	Change   *Change `json:"change,omitempty"`
	// Verdict is what became of the change, once that is known.
	Verdict *Verdict `json:"verdict,omitempty"`
	// The times of the thread, zero when a stage was not reached.
	ReceivedAt time.Time `json:"receivedAt,omitzero"`
	DecidedAt  time.Time `json:"decidedAt,omitzero"`
	ChangedAt  time.Time `json:"changedAt,omitzero"`
}

// Acts reports whether the decision is to write to Git.
func (d Decision) Acts() bool { return d.Reason == ReasonAct }

// Record is what a decision to act puts into history, as far as that is known
// before its change is made: without the commit and the place of the edit.
func (d Decision) Record() Record {
	return Record{
		Incident: d.Incident, Episode: d.Episode, Action: d.Action, Target: d.Workload.ObjectRef.String(),
		Playbook: d.Playbook, Alert: d.EventID, At: d.DecidedAt, Open: d.Mode == PullRequest, Storm: d.Storm,
	}
}

// Refused reports whether a person has to look: neither acted, nor suggested,
// nor is there nothing to do.
func (d Decision) Refused() bool {
	switch d.Reason {
	case ReasonAct, ReasonSuggested, ReasonDuplicate, ReasonResolved, ReasonWithdrawn, ReasonNoChange, ReasonReverted, ReasonRevertProposed:
		return false
	}
	return true
}

// A Record is one entry of remediation-log.yaml: one change that landed. Its
// fields are read back from the commit's trailers, so the log can be rebuilt
// from Git at any time.
type Record struct {
	Incident string    `json:"incident" yaml:"incident"`
	Episode  int       `json:"episode" yaml:"episode"`
	Action   string    `json:"action" yaml:"action"`
	Target   string    `json:"target" yaml:"target"` // the workload
	Playbook string    `json:"playbook" yaml:"playbook"`
	Alert    string    `json:"alert" yaml:"alert"`   // the event id
	Edited   string    `json:"edited" yaml:"edited"` // path:line of the first edit
	Commit   string    `json:"commit" yaml:"commit"`
	At       time.Time `json:"at" yaml:"at"`
	// Verdict and VerifiedAt say what became of it, once that is known; they are not
	// in the commit but beside it.
	Verdict    VerdictState `json:"verdict,omitempty" yaml:"verdict,omitempty"`
	VerifiedAt time.Time    `json:"verifiedAt,omitzero" yaml:"verifiedAt,omitempty"`
	// Open says that it has not landed: its pull request waits. The log has none.
	Open bool `json:"-" yaml:"-"`
	// Storm says that it has not landed, and that the pull request which proposes it, or
	// did, proposes others too; see Decision.Storm. The log has none.
	Storm bool `json:"-" yaml:"-"`
}
