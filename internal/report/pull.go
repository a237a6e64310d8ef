package report

import (
	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/mask"
)

// PullRequest returns the sections of a report that the body of a pull request has
// room and knowledge for: what the alert, the policy and Git tell of a decision
// with a plan, without any cluster being asked. It keeps the promises of Markdown,
// and has less than 8 kB.
func PullRequest(d amend.Decision) string {
	r := New(known(d), mask.Masker{})
	const more = "\nThis is what the alert, the policy and Git tell. `amend report` asks the cluster and the metrics, too.\n"
	return resources(r.Evidence) + r.hypotheses() + r.suggested() + more
}

// known is the evidence that a decision holds itself. A plan that takes a commit
// back undoes what that commit did.
func known(d amend.Decision) amend.Evidence {
	e := amend.Evidence{
		Workload: d.Workload,
		Allowed:  []amend.AllowedAction{{Name: d.Action, Playbook: d.Playbook, Mode: d.Mode}},
	}
	if d.Plan == nil {
		return e
	}
	e.Event = d.Plan.Request.Event
	if d.Plan.Cause != "" {
		c := amend.SuspectCommit{SHA: d.Plan.Cause, Confidence: string(Medium), Why: []string{"it is the last one before the alert that changed what the workload runs"}}
		for _, edit := range d.Plan.Edits {
			c.Changes = append(c.Changes, amend.FieldChange{Object: edit.Object, Field: edit.Field, Old: edit.New, New: edit.Old})
		}
		e.Commits = []amend.SuspectCommit{c}
	}
	return e
}
