package actions

import (
	"fmt"
	"slices"
	"time"

	"github.com/amendhq/amend"
)

var revertWithin = amend.Param{Name: "within", Type: amend.ParamDuration, Default: "1h", Help: "how old the commit may be when the alert is accepted"}

// maxReverted bounds the fields of one revert, so that people can read it.
const maxReverted = 20

func init() {
	register(Action{
		Name:    "revert-commit",
		Summary: "Take back what the commit that is most likely behind the alert did to the workload.",
		Kinds:   []string{"Deployment", "StatefulSet", "DaemonSet", "CronJob"},
		Fields:  []amend.FieldPattern{"**"},
		Params:  []amend.Param{revertWithin},
		Plan:    planRevertCommit,
	})
}

// planRevertCommit looks for a commit from before the alert started. How old it
// may be is counted from when the alert was accepted: the start is what the
// alert says, and an early one must not reach back to any old commit.
//
// It gives every field that the commit changed the value from
// before it, or none: half of a commit is a state that nobody has tried. What
// else the commit did, to other workloads, stays.
func planRevertCommit(req amend.Request, view View) ([]Set, error) {
	within, err := durationParam(req, revertWithin)
	if err != nil {
		return nil, err
	}
	if req.Event.Time.IsZero() {
		return nil, amend.Errorf(amend.Invalid, "plan revert-commit", "the event carries no time")
	}
	commit, err := view.Cause(req.Event.Time.Add(-within), began(req.Event))
	if err != nil {
		return nil, fmt.Errorf("looking for a commit before the alert, at most %s old: %w", req.Params[revertWithin.Name], err)
	}
	if commit.Ours {
		return nil, amend.Refusef(amend.ReasonAmbiguous, "commit %.12s, which changed %s before the alert, is a remediation; find out by hand whether it or another commit is the cause",
			commit.SHA, req.Workload.ObjectRef)
	}
	if len(commit.Changes) > maxReverted {
		return nil, amend.Refusef(amend.ReasonChangedSince, "commit %.12s changed %d fields of %s, more than the %d that are taken back by themselves; look at it with git show, and revert it by hand",
			commit.SHA, len(commit.Changes), req.Workload.ObjectRef, maxReverted)
	}
	var sets []Set
	for _, c := range commit.Changes {
		if err := c.revertible(req, view, commit.SHA); err == nil {
			sets = append(sets, Set{c.Field, *c.Before, c.Aside})
		} else if !c.Aside {
			return nil, err
		}
	}
	return sets, nil
}

// began is when the alert started, and never later than when it was accepted.
func began(e amend.Event) time.Time {
	if start := e.Alert.StartsAt; !start.IsZero() && start.Before(e.Time) {
		return start
	}
	return e.Time
}

// revertible refuses a change that is more than a new value of a field, and one
// whose field does not hold what the commit wrote any more.
func (c Change) revertible(req amend.Request, view View, commit string) error {
	refuse := func(format string, args ...any) error {
		return amend.Refusef(amend.ReasonChangedSince, "commit %.12s cannot be taken back for %s alone: "+format+"; look at it with git show, and revert it by hand",
			append([]any{commit, req.Workload.ObjectRef}, args...)...)
	}
	now, set := view.Value(c.Field)
	switch {
	case slices.ContainsFunc(c.Field, func(s amend.FieldStep) bool { return s.Select != "" && amend.SecretName(s.Key) }):
		return refuse("%s may be a credential", c.Field)
	case slices.ContainsFunc(c.Field, func(s amend.FieldStep) bool { return s.Select == "" && amend.PrivilegedKey(s.Key) }):
		return refuse("%s decides what it runs or may do", c.Field)
	case c.Before == nil:
		return refuse("it did more to %s than give it another value", c.Field)
	case set != (c.After != nil), set && now != *c.After:
		return refuse("%s was changed again after it", c.Field)
	}
	return nil
}
