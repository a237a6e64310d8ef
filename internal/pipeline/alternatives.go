package pipeline

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/actions"
	"github.com/amendhq/amend/internal/manifest"
	"github.com/amendhq/amend/internal/policy"
)

// Alternatives returns what else could have been done about the alert of a
// proposed change: the other actions of its playbook, and other steps of its own.
// Each is planned and proved like the change, on w, which has to be what that was
// planned on. There are none when the policy there does not answer the alert with
// the change. An error is as with Decide.
func (p *Pipeline) Alternatives(w World, of Proposal) (list []amend.Alternative, err error) {
	defer func() {
		if value := recover(); value != nil {
			list, err = nil, errPanic(value)
		}
	}()
	return p.alternatives(w, of)
}

func (p *Pipeline) alternatives(w World, of Proposal) ([]amend.Alternative, error) {
	pol, err := p.load(w.Tree)
	if err != nil {
		return nil, err
	}
	b, req, ok, err := pol.Choose(of.Event, w.Now)
	if err != nil || !ok || req.Incident() != of.Incident || !b.Takes(of.Action) {
		return nil, err
	}
	chosen, err := changes(w.Tree, of.Tree)
	if err != nil {
		return nil, err
	}
	var list []amend.Alternative
	known := []map[amend.RepoPath][]byte{chosen}
	for _, o := range options(b, req, of.Action) {
		d, err := p.planOption(w, b, o.req)
		if err != nil {
			return nil, err
		}
		a := amend.Alternative{Action: o.req.Action, Why: o.why, Reason: d.Reason, Detail: d.Detail}
		switch {
		case d.Plan != nil && !slices.ContainsFunc(known, func(files map[amend.RepoPath][]byte) bool { return maps.EqualFunc(files, d.Plan.Files, bytes.Equal) }):
			known = append(known, d.Plan.Files)
			a.Edits, a.Detail = d.Plan.Edits, ""
			a.Instead, err = instead(w.Tree, chosen, d.Plan.Files)
		case d.Plan != nil || d.Reason == amend.ReasonNoChange || o.req.Action == of.Action:
			continue // it comes to what there is already
		}
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

// An option is something else to ask for, and why that was not done.
type option struct {
	req amend.Request
	why string
}

// options are the other steps of the action that was taken and then the rest of
// the ladder, in its order. What a person asks for by name has no ladder.
func options(b policy.Playbook, req amend.Request, taken string) []option {
	var all []option
	own := b.Rung(req, taken)
	if action, ok := actions.Lookup(taken); ok {
		for _, v := range action.Variants(own.Params) {
			o := own
			o.Params = v.Params
			all = append(all, option{o, v.Why})
		}
	}
	if req.Event.Alert.Requested() {
		return all
	}
	why := "The playbook tries this before what was chosen."
	for _, name := range b.Ladder() {
		if name == taken {
			why = "The playbook tries this later, if what was chosen does not help."
			continue
		}
		all = append(all, option{b.Rung(req, name), why})
	}
	return all
}

// planOption plans a request as it is. No guard is asked, as nothing is done.
func (p *Pipeline) planOption(w World, b policy.Playbook, req amend.Request) (amend.Decision, error) {
	b.Then = nil // of which it would be a rung
	d := amend.Decision{Reason: amend.ReasonAct, Playbook: b.Name, Action: req.Action, Workload: req.Workload, Incident: req.Incident()}
	return p.plan(w, policy.Input{Policy: policy.Policy{SyncWindows: "ignore"}, Playbook: b, Request: req, Now: w.Now}, d)
}

// instead is what makes the alternative of the chosen change, nil when that is not
// in one file.
func instead(base fs.FS, chosen, other map[amend.RepoPath][]byte) (*amend.Replacement, error) {
	if len(chosen) != 1 || len(other) != 1 {
		return nil, nil
	}
	for path, content := range other {
		now, ok := chosen[path]
		if !ok {
			return nil, nil
		}
		before, err := fs.ReadFile(base, path.String())
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		return manifest.Instead(path, before, now, content), nil
	}
	return nil, nil
}

// changes returns the files of a tree that differ from those of another one, with
// what they hold.
func changes(before, after fs.FS) (map[amend.RepoPath][]byte, error) {
	var names []string
	if err := touched(before, after, ".", &names); err != nil {
		return nil, unread(err)
	}
	files := map[amend.RepoPath][]byte{}
	for _, name := range names {
		path, err := amend.ParseRepoPath(name)
		if err != nil {
			return nil, amend.Errorf(amend.Invalid, "compare files", "%w", err)
		}
		if files[path], _, err = readable(after, name); err != nil {
			return nil, unread(err)
		}
	}
	return files, nil
}
