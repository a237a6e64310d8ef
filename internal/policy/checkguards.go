package policy

import (
	"cmp"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/amendhq/amend"
)

// maxGuards bounds the budgets and the freezes; every decision asks each.
const maxGuards = 100

// checkThen holds every rung of the ladder against the catalogue. An action is
// there once, because a commit says only which action it was.
func (r *reader) checkThen(b *Playbook, cat Catalogue) {
	if n := r.at[&b.Then]; n != nil && len(b.Then) == 0 {
		r.problem(n, "expected at least one action to try next")
	}
	tried := []string{b.Action}
	for i := range b.Then {
		rung := &b.Then[i]
		n := r.at[&rung.Action]
		if n == nil {
			continue
		}
		action, ok := cat.lookup(rung.Action)
		switch {
		case !ok:
			r.problem(n, "unknown action %.60q%s", rung.Action, expectedOneOf(rung.Action, cat.names()))
			continue
		case slices.Contains(tried, rung.Action):
			r.problem(n, "the playbook has tried %s before; expected another action", rung.Action)
		}
		tried = append(tried, rung.Action)
		r.checkRungKinds(n, &b.Workload.Kind, action)
		r.checkWith(rung, &rung.Action, &rung.With, action)
	}
}

// checkRungKinds reports a kind of the playbook that the action cannot change.
func (r *reader) checkRungKinds(n *yaml.Node, k *KindSource, action Action) {
	for _, kind := range append([]string{k.Value}, k.Allowed...) {
		if kind != "" && !slices.Contains(action.Kinds, kind) {
			r.problem(n, "the action %s cannot change the kind %.60q of the playbook's workload%s", action.Name, kind, expectedOneOf(kind, action.Kinds))
			return
		}
	}
}

// checkWindow bounds how far back every decision has to look.
func (r *reader) checkWindow(d *Duration) {
	if n := r.at[d]; n != nil && *d > maxWindow {
		r.problem(n, "the window %s is too long; expected at most %s", d, maxWindow)
	}
}

func (r *reader) checkGuards(p *Policy) {
	r.checkTenants(p)
	if n := r.at[&p.Scope.Namespaces]; n != nil && len(p.Scope.Namespaces) == 0 {
		r.problem(n, "expected at least one namespace; to stop amend altogether, add the file .amend/stop")
	}
	if n := r.at[&p.Budgets]; n != nil && len(p.Budgets) > maxGuards {
		r.problem(n, "expected at most %d budgets, found %d", maxGuards, len(p.Budgets))
	}
	for i := range p.Budgets {
		r.checkBudget(&p.Budgets[i])
	}
	r.checkWindow(&p.Storm.Within)
	if n := r.at[&p.Freezes]; n != nil && len(p.Freezes) > maxGuards {
		r.problem(n, "expected at most %d freezes, found %d", maxGuards, len(p.Freezes))
	}
	r.checkOneOf(&p.SyncWindows, "syncWindows", p.SyncWindows, []string{honourWindows, ignoreWindows})
	if n := r.at[&p.BlastRadius]; n != nil && len(p.BlastRadius) > maxGuards {
		r.problem(n, "expected at most %d blast radiuses, found %d", maxGuards, len(p.BlastRadius))
	}
	for i := range p.BlastRadius {
		r.checkRadius(&p.BlastRadius[i])
	}
	names := make([]string, 0, len(p.Playbooks))
	for _, b := range p.Playbooks {
		names = append(names, b.Name)
	}
	for i := range p.Freezes {
		r.checkFreeze(&p.Freezes[i], names)
	}
	r.checkWindow(&p.Defaults.Settle)
	for i := range p.Playbooks {
		b := &p.Playbooks[i]
		r.checkWindow(&b.Settle)
		r.checkDeadline(b, p.Defaults.Mode)
		for j := range b.Overrule {
			r.checkOneOf(&b.Overrule[j], "bot", b.Overrule[j], bots)
		}
	}
}

func (r *reader) checkBudget(b *Budget) {
	n := r.at[b]
	if n == nil {
		return
	}
	r.checkOneOf(&b.Per, "per", b.Per, scopes)
	r.checkWindow(&b.Within)
	changes, workloads := has(n, "changes"), has(n, "workloads")
	switch {
	case changes == workloads:
		r.problem(n, "expected either changes or workloads, found %s", map[bool]string{true: "both", false: "neither"}[changes])
	case workloads && b.Per == perWorkload:
		r.problem(r.at[&b.Per], "a workload is only one workload; expected changes, or per repo, namespace or playbook")
	}
}

func (r *reader) checkRadius(b *Radius) {
	r.checkOneOf(&b.Of, "of", b.Of, shares)
	r.checkOneOf(&b.Per, "per", b.Per, radiusScopes)
	r.checkWindow(&b.Within)
	if n := r.at[&b.Per]; n != nil && b.Per == perRepo && b.Of != ofApplications {
		r.problem(n, "%s are counted in the namespace of the workload; expected per namespace, or of applications", b.Of)
	}
}

// checkDeadline reports a mode that is none to go on to.
func (r *reader) checkDeadline(b *Playbook, mode amend.Mode) {
	r.checkOneOf(&b.Deadline.Allow, "allow", string(b.Deadline.Allow), []string{string(amend.Commit)})
	if n := r.at[&b.Deadline]; n != nil && cmp.Or(b.Mode, mode, defaultMode) != amend.PullRequest {
		r.problem(n, "only a playbook in mode pull-request has reviews to be too late for")
	}
}

func (r *reader) checkFreeze(f *Freeze, playbooks []string) {
	if n := r.at[&f.Name]; n != nil && !playbookName.MatchString(f.Name) {
		r.problem(n, "%.60q is not a name; expected at most 39 lower-case letters, digits and inner hyphens", f.Name)
	}
	if n := r.at[&f.Duration]; n != nil && f.Duration > maxWindow {
		r.problem(n, "the freeze lasts %s; expected at most %s", f.Duration, maxWindow)
	}
	if n := r.at[&f.Namespaces]; n != nil && len(f.Namespaces) == 0 {
		r.problem(n, "expected at least one namespace; leave the field out to freeze all")
	}
	if n := r.at[&f.Playbooks]; n != nil && len(f.Playbooks) == 0 {
		r.problem(n, "expected at least one playbook; leave the field out to freeze all")
	}
	for i, name := range f.Playbooks {
		if n := r.at[&f.Playbooks[i]]; n != nil && !slices.Contains(playbooks, name) {
			r.problem(n, "unknown playbook %.60q%s", name, expectedOneOf(name, playbooks))
		}
	}
}
