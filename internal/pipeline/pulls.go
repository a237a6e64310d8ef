package pipeline

import (
	"fmt"
	"io/fs"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/actions"
	"github.com/amendhq/amend/internal/locate"
	"github.com/amendhq/amend/internal/policy"
)

// PullRules say how the pull requests of a playbook are kept; see
// policy.PullRequests.
type PullRules struct {
	Labels, Reviewers []string
	StaleAfter        time.Duration
	AutoMerge         bool
	// Offer says that a review is to show the alternatives.
	Offer bool
}

// PullRules returns those of a playbook as the policy in files says. A policy
// that is wrong, or has no such playbook, is an amend.NotFound or amend.Invalid.
func (p *Pipeline) PullRules(files fs.FS, playbook string) (PullRules, error) {
	_, b, err := p.playbook(files, playbook)
	if err != nil {
		return PullRules{}, err
	}
	rules := PullRules{StaleAfter: time.Duration(b.PullRequests.StaleAfter), AutoMerge: b.PullRequests.AutoMerge && b.Mode == amend.PullRequest}
	rules.Offer = b.PullRequests.Alternatives == "offer" && !b.PullRequests.AutoMerge
	for _, l := range b.PullRequests.Labels {
		rules.Labels = append(rules.Labels, string(l))
	}
	for _, r := range b.PullRequests.Reviewers {
		rules.Reviewers = append(rules.Reviewers, string(r))
	}
	return rules, nil
}

func (p *Pipeline) playbook(files fs.FS, name string) (*policy.Policy, policy.Playbook, error) {
	pol, err := p.load(files)
	if err != nil {
		return nil, policy.Playbook{}, err
	}
	b, ok := pol.Find(name)
	if !ok {
		return nil, b, amend.Errorf(amend.NotFound, "find playbook", "%s has no playbook %.60q", policy.Path, name)
	}
	return pol, b, nil
}

// A Proposal is a change that a pull request proposes.
type Proposal struct {
	amend.Record
	Event amend.Event // the last one that asked for it
	Tree  fs.FS       // the files of its branch
}

// Replan plans a proposed change anew, on what the env repo holds now: the same
// action for the same workload and episode. It is decided already, so no guard is
// asked but the kill switch. When every field has the proposed value by now, the
// reason is amend.ReasonNoChange. An error is as with Decide.
func (p *Pipeline) Replan(w World, old Proposal) (d amend.Decision, err error) {
	defer func() {
		if value := recover(); value != nil {
			d, err = amend.Decision{}, errPanic(value)
		}
	}()
	return p.replan(w, old)
}

func (p *Pipeline) replan(w World, old Proposal) (amend.Decision, error) {
	d := amend.Decision{EventID: old.Event.ID, Alert: old.Event.Alert.Name(), ReceivedAt: old.Event.Time, DecidedAt: w.Now,
		Playbook: old.Playbook, Action: old.Action, Mode: amend.PullRequest, Incident: old.Incident, Episode: old.Episode}
	pol, err := p.load(w.Tree)
	if err != nil {
		return refused(d, amend.ReasonInvalidPolicy, err)
	}
	b, req, ok, err := pol.Choose(old.Event, w.Now)
	if err != nil {
		return refused(d, amend.ReasonNoWorkload, err)
	}
	if !ok || req.Incident() != old.Incident || !b.Takes(old.Action) {
		d.Reason, d.Detail = amend.ReasonNoPlaybook, fmt.Sprintf("The policy does not answer the alert with %s of the playbook %s any more.", old.Action, old.Playbook)
		return d, nil
	}
	stopped, err := exists(w.Tree, StopFile)
	if err != nil {
		return amend.Decision{}, err
	}
	if stopped {
		d.Reason, d.Detail = amend.ReasonKillSwitch, "The env repo holds "+StopFile+", so nothing is changed."
		return d, nil
	}
	d.Workload, d.Reason = req.Workload, amend.ReasonAct
	// What proposes and lands nothing yet is held by no window and no share.
	d, err = p.plan(w, policy.Input{Policy: policy.Policy{SyncWindows: "ignore"}, Playbook: b, Request: req, Now: w.Now}, d)
	if err != nil || d.Plan == nil {
		return d, err
	}
	done, err := p.holds(old.Tree, req.Workload.ObjectRef, *d.Plan)
	if err == nil && done {
		d.Reason, d.Detail, d.Plan = amend.ReasonNoChange, "The env repo holds the proposed values already.", nil
	}
	return d, err
}

// holds reports whether the workload has, in the proposed files, the values that
// the plan found.
func (p *Pipeline) holds(proposed fs.FS, object amend.ObjectRef, plan amend.Plan) (bool, error) {
	if action, ok := actions.Lookup(plan.Request.Action); ok {
		object.Group = action.Group
	}
	then, err := p.locator.Deployed(proposed, locate.Query{Object: object})
	switch amend.KindOf(err) {
	case "":
	case amend.Refused, amend.Invalid, amend.NotFound:
		return false, nil
	default:
		return false, err
	}
	for _, e := range plan.Edits {
		field, err := amend.ParseFieldPath(e.Field)
		if err != nil {
			return false, nil
		}
		value, ok := then.Value(field)
		if !ok || e.Added || e.Object.Kind != object.Kind || e.Object.Name != object.Name || value.Text != e.Old {
			return false, nil
		}
	}
	return true, nil
}

// Landing says whether a change that was proposed may land now: amend.ReasonAct,
// or else the reason and a sentence about the kill switch, the freeze or the sync
// window that stands against it.
func (p *Pipeline) Landing(w World, r amend.Record) (amend.Reason, string, error) {
	pol, b, err := p.playbook(w.Tree, r.Playbook)
	if err != nil {
		return "", "", err
	}
	stopped, err := exists(w.Tree, StopFile)
	if err != nil {
		return "", "", err
	}
	if stopped {
		return amend.ReasonKillSwitch, "The env repo holds " + StopFile + ", so nothing is changed.", nil
	}
	object, err := amend.ParseObjectRef(r.Target)
	if err != nil {
		return "", "", err
	}
	// The budgets and the blast radius counted the change when it was proposed.
	in := policy.Input{Policy: policy.Policy{Freezes: pol.Freezes, SyncWindows: pol.SyncWindows}, Playbook: b, Now: w.Now,
		Request: amend.Request{Playbook: b.Name, Action: r.Action, Workload: amend.Workload{ObjectRef: object}, Mode: amend.PullRequest}}
	if why := in.Frozen(); why != "" {
		return amend.ReasonFrozen, why, nil
	}
	about := locate.Query{Object: object}
	if action, ok := actions.Lookup(r.Action); ok {
		about.Object.Group = action.Group
	}
	return p.confine(w, in, about)
}
