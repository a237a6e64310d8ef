// Package policy reads .amend/policy.yaml and decides by it: which playbook an
// alert belongs to, what it asks for, and whether to act now.
//
// Everything here is pure. The same file, alert, history and time give the same
// decision, so any decision can be replayed and explained. Parse reports every
// mistake of a file at once, with its place and what was expected there; a
// policy that is wrong anywhere is not used at all.
package policy

import (
	"slices"
	"time"

	"github.com/amendhq/amend"
)

// Path is where the policy lives in the env repo.
const Path = ".amend/policy.yaml"

// The values that mark a file as a policy of this version.
const (
	apiVersion = "amend.dev/v1alpha1"
	kindPolicy = "Policy"
)

// A Policy is a checked .amend/policy.yaml. Its fields, their tags included,
// are the one description of the format: Parse and Schema both follow them. A
// field without "omitempty" or "omitzero" is required.
type Policy struct {
	APIVersion string   `json:"apiVersion" jsonschema:"enum=amend.dev/v1alpha1" jsonschema_description:"The version of this format."`
	Kind       string   `json:"kind" jsonschema:"enum=Policy" jsonschema_description:"Marks the file as a policy."`
	Defaults   Defaults `json:"defaults,omitzero" jsonschema_description:"What holds for every playbook that does not say otherwise."`
	Tenants    string   `json:"tenants,omitempty" jsonschema:"enum=apart,enum=any" jsonschema_description:"Whether a playbook by which one tenant's alert reaches another's workloads makes the policy wrong; any when left out."`
	Scope      Scope    `json:"scope,omitzero" jsonschema_description:"Which workloads may be changed; all of the env repo when left out."`
	Budgets    []Budget `json:"budgets,omitempty" jsonschema_description:"How much may be changed in a time; 10 changes per repo within 5m when left out, no bound when the list is empty."`
	Storm      Storm    `json:"storm,omitzero" jsonschema_description:"From which rate on changes are proposed together in one pull request; never when left out."`
	Freezes    []Freeze `json:"freezes,omitempty" jsonschema_description:"When nothing is changed."`

	BlastRadius []Radius `json:"blastRadius,omitempty" jsonschema_description:"Which share of what is there may be changed in a time; no bound when left out."`
	SyncWindows string   `json:"syncWindows,omitempty" jsonschema:"enum=honour,enum=ignore" jsonschema_description:"Whether the sync windows of Argo CD are freezes too; honour when left out."`

	Approvals Approvals  `json:"approvals,omitzero" jsonschema_description:"Who may approve pull requests outside of the Git host, and who is told of what needs a person."`
	Playbooks []Playbook `json:"playbooks" jsonschema_description:"The rules in order; the first one that matches an alert is used."`
}

// Defaults hold for every playbook that does not say otherwise.
type Defaults struct {
	Mode     amend.Mode `json:"mode,omitempty" jsonschema:"enum=suggest,enum=pull-request,enum=commit" jsonschema_description:"How far playbooks may go by themselves; pull-request when left out."`
	Cooldown Duration   `json:"cooldown,omitempty" jsonschema_description:"How long an incident rests after its change landed; 1h when left out."`
	Mute     Duration   `json:"mute,omitempty" jsonschema_description:"How long an incident is left alone after a person closed its pull request; 168h when left out."`
	Veto     Duration   `json:"veto,omitempty" jsonschema_description:"How long an incident is left alone after a person took its change back; 168h when left out."`
	Settle   Duration   `json:"settle,omitempty" jsonschema_description:"How long a change of another playbook to the same workload has to end the alert too; 5m when left out."`
	Breaker  Breaker    `json:"breaker,omitzero" jsonschema_description:"How many changes of an incident are enough; 3 within 24h when left out."`
	Verify   Verify     `json:"verify,omitzero" jsonschema_description:"How to find out whether a change helped."`

	PullRequests PullRequests `json:"pullRequests,omitzero" jsonschema_description:"How the pull requests of playbooks are kept."`
}

// A Playbook says what to do about some alerts. After Parse its parameters and
// times are complete: defaults are filled in.
type Playbook struct {
	Name     string            `json:"name" jsonschema:"pattern=^[a-z0-9]([-a-z0-9]{0\\,37}[a-z0-9])?$" jsonschema_description:"Unique in the file; part of branch names and of the incident's key, so renaming forgets history."`
	Match    []Matcher         `json:"match" jsonschema:"minItems=1,maxItems=32" jsonschema_description:"Alertmanager matchers; all of them must hold."`
	When     Condition         `json:"when,omitempty" jsonschema_description:"A CEL expression over labels, annotations, workload, startsAt and now that must be true as well."`
	Workload Workload          `json:"workload" jsonschema_description:"How the workload is found."`
	Action   string            `json:"action" jsonschema_description:"A name of the catalogue, see docs/actions.md."`
	With     map[string]string `json:"with,omitempty" jsonschema_description:"The parameters of the action."`
	Then     []Rung            `json:"then,omitempty" jsonschema_description:"What to do instead, one after the other, when the change before did not end the alert."`
	Accept   []string          `json:"accept,omitempty" jsonschema:"uniqueItems=true" jsonschema_description:"The parameters that an alert or a RemediationRequest may set to another value than with does."`
	Overrule []string          `json:"overrule,omitempty" jsonschema:"enum=argo-rollouts,enum=flux,enum=image-updater,enum=kargo,enum=keel,enum=release-please,enum=renovate,enum=vpa,uniqueItems=true" jsonschema_description:"The bots whose fields and lines the playbook may change all the same."`
	Mode     amend.Mode        `json:"mode,omitempty" jsonschema:"enum=suggest,enum=pull-request,enum=commit" jsonschema_description:"How far the playbook may go by itself."`
	Deadline Deadline          `json:"deadline,omitzero" jsonschema_description:"What to do when the alert leaves less time than a review takes."`
	Cooldown Duration          `json:"cooldown,omitempty" jsonschema_description:"How long the incident rests after its change landed."`
	Mute     Duration          `json:"mute,omitempty" jsonschema_description:"How long the incident is left alone after a person closed its pull request."`
	Veto     Duration          `json:"veto,omitempty" jsonschema_description:"How long the incident is left alone after a person took its change back."`
	Settle   Duration          `json:"settle,omitempty" jsonschema_description:"How long a change of another playbook to the same workload has to end the alert too."`
	Breaker  Breaker           `json:"breaker,omitzero" jsonschema_description:"How many changes of the incident are enough to ask a person."`
	Verify   Verify            `json:"verify,omitzero" jsonschema_description:"How to find out whether a change helped."`

	PullRequests PullRequests `json:"pullRequests,omitzero" jsonschema_description:"How the pull requests of the playbook are kept."`

	// accepts holds the parameters of Accept by the labels that set them.
	accepts map[string]amend.Param
}

// A Workload says how the object to change is found.
type Workload struct {
	Kind      KindSource `json:"kind" jsonschema_description:"The kind itself, or the label that names it."`
	Namespace Source     `json:"namespace" jsonschema_description:"Where the namespace comes from."`
	Name      Source     `json:"name" jsonschema_description:"Where the name of the workload comes from."`
	Container Source     `json:"container,omitzero" jsonschema_description:"Where the name of the container comes from; an alert without the label names none."`
}

// A Source is one name: the value of a label of the alert, or the policy's own.
type Source struct {
	Label string `json:"label,omitempty" jsonschema:"minLength=1,oneof_required=label" jsonschema_description:"The label of the alert that holds the name."`
	Value string `json:"value,omitempty" jsonschema:"minLength=1,oneof_required=value" jsonschema_description:"The name itself."`
}

// A KindSource is the kind of the workload: written as plain text, or read from
// a label that may hold one of the allowed kinds.
type KindSource struct {
	Value   string   `json:"-"`
	Label   string   `json:"label" jsonschema:"minLength=1" jsonschema_description:"The label of the alert that holds the kind."`
	Allowed []string `json:"allowed" jsonschema:"minItems=1" jsonschema_description:"The kinds that the label may name."`
}

// UnmarshalText reads the short form, a kind by itself.
func (k *KindSource) UnmarshalText(text []byte) error {
	k.Value = string(text)
	return nil
}

// An Action is what a policy needs to know of one action of the catalogue.
type Action struct {
	Name    string
	Summary string
	// Kinds are the workload kinds that the action can change.
	Kinds []string
	// Params are what may, or must, stand under "with".
	Params []amend.Param
}

func (a Action) paramNames() []string {
	names := make([]string, 0, len(a.Params))
	for _, p := range a.Params {
		names = append(names, p.Name)
	}
	return names
}

// A Catalogue is every action that a playbook may name.
type Catalogue []Action

func (c Catalogue) lookup(name string) (Action, bool) {
	i := slices.IndexFunc(c, func(a Action) bool { return a.Name == name })
	if i < 0 {
		return Action{}, false
	}
	return c[i], true
}

func (c Catalogue) names() []string {
	names := make([]string, 0, len(c))
	for _, a := range c {
		names = append(names, a.Name)
	}
	slices.Sort(names)
	return names
}

// Choose returns the playbook that an event is for and what that asks for: the
// first whose matchers and condition hold; for a RemediationRequest only among
// those with the action that it asks for. It is false when there is none. The
// error is a refusal by the playbook, which is returned with it: later ones are
// not tried then.
func (p *Policy) Choose(e amend.Event, now time.Time) (Playbook, amend.Request, bool, error) {
	for _, b := range p.Playbooks {
		if e.Alert.Requested() && b.Action != e.Alert.Labels[amend.ActionLabel] ||
			slices.ContainsFunc(b.Match, func(m Matcher) bool { return !m.matches(e.Alert.Labels) }) {
			continue
		}
		req, err := b.Request(e)
		if err != nil {
			return b, req, true, err
		}
		holds, err := b.When.holds(req, now)
		if err != nil || holds {
			return b, req, true, err
		}
	}
	return Playbook{}, amend.Request{}, false, nil
}
