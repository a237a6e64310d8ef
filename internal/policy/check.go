package policy

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/alertmanager/pkg/labels"
	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/amendhq/amend"
)

// maxMatchers bounds a playbook's matchers; comparing playbooks costs the
// product of theirs.
const maxMatchers = 32

// labelName is the label that names an alert.
const labelName = "alertname"

// requestLabels are the labels of a RemediationRequest with values of its own.
var requestLabels = []string{amend.RequestLabel, "kind", "namespace", "name", "container"}

// playbookName keeps amend.IncidentID within 50 bytes of a safe alphabet.
var playbookName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,37}[a-z0-9])?$`)

var modes = []string{string(amend.Suggest), string(amend.PullRequest), string(amend.Commit)}

// check reports what is well-formed and still wrong. Values that could not be
// read were reported before and are passed over.
func (r *reader) check(p *Policy, cat Catalogue) {
	r.checkOneOf(&p.APIVersion, "apiVersion", p.APIVersion, []string{apiVersion})
	r.checkOneOf(&p.Kind, "kind", p.Kind, []string{kindPolicy})
	r.checkOneOf(&p.Defaults.Mode, "mode", string(p.Defaults.Mode), modes)
	lines := map[string]int{}
	for i := range p.Playbooks {
		b := &p.Playbooks[i]
		r.checkName(b, lines)
		r.checkMatch(b, p.Playbooks[:i])
		r.checkWorkload(&b.Workload)
		r.checkOneOf(&b.Mode, "mode", string(b.Mode), modes)
		r.checkAction(b, cat)
		r.checkThen(b, cat)
		r.checkWindow(&b.Breaker.Within)
		r.checkVerify(&b.Verify, p.Defaults.Verify)
		r.checkPullRequests(&b.PullRequests, cmp.Or(b.Mode, p.Defaults.Mode), false)
	}
	r.checkWindow(&p.Defaults.Breaker.Within)
	r.checkVerify(&p.Defaults.Verify, Verify{})
	r.checkPullRequests(&p.Defaults.PullRequests, "", true)
	r.checkGuards(p)
	r.checkApprovals(&p.Approvals)
}

func (r *reader) checkOneOf(field any, name, value string, options []string) {
	if n := r.at[field]; n != nil && !slices.Contains(options, value) {
		r.problem(n, "unknown %s %.60q%s", name, value, expectedOneOf(value, options))
	}
}

func (r *reader) checkName(b *Playbook, lines map[string]int) {
	n := r.at[&b.Name]
	switch {
	case n == nil:
	case !playbookName.MatchString(b.Name):
		r.problem(n, "%.60q is not a playbook name; expected at most 39 lower-case letters, digits and inner hyphens", b.Name)
	case lines[b.Name] > 0:
		r.problem(n, "the name %q is taken by the playbook in line %d; expected a unique one", b.Name, lines[b.Name])
	default:
		lines[b.Name] = n.Line
	}
}

// checkMatch reports a playbook that no alert can reach: because it contradicts
// itself, or because an earlier one takes every alert that it matches.
func (r *reader) checkMatch(b *Playbook, earlier []Playbook) {
	n := r.at[&b.Match]
	if n == nil || !r.matchersRead(b) {
		return
	}
	if len(b.Match) == 0 || len(b.Match) > maxMatchers {
		r.problem(n, "expected 1 to %d matchers, found %d", maxMatchers, len(b.Match))
		return
	}
	for i, m := range b.Match {
		for _, other := range b.Match {
			if m.excludes(other) {
				r.problem(r.at[&b.Match[i]], "no alert matches both %s and %s", m, other)
				return
			}
		}
	}
	if i := slices.IndexFunc(b.Match, Matcher.isRequest); i >= 0 && !b.requestable() {
		r.problem(r.at[&b.Match[i]], "no RemediationRequest matches; it has the labels alertname, request, action=%q, kind, namespace, name, container and parameter_…, and no others", b.Action)
		return
	}
	for i := range earlier {
		e := &earlier[i]
		if r.at[&e.When] != nil {
			continue // its condition may leave some to this one
		}
		if e.Action != b.Action && b.requestable() {
			continue // a request for this action passes that one by
		}
		if r.at[&e.Match] != nil && r.matchersRead(e) && covers(e.Match, b.Match) {
			r.problem(n, "conflict: the playbook %.60q in line %d matches every alert that this one does, so this one is never used; narrow that one, or move this one above it", e.Name, r.at[e].Line)
			return
		}
	}
}

func (r *reader) matchersRead(b *Playbook) bool {
	return !slices.ContainsFunc(b.Match, func(m Matcher) bool { return m.m == nil })
}

// covers reports whether every alert that narrow matches is matched by wide.
func covers(wide, narrow []Matcher) bool {
	if len(wide) == 0 || len(wide) > maxMatchers {
		return false
	}
	return !slices.ContainsFunc(wide, func(w Matcher) bool {
		return !slices.ContainsFunc(narrow, func(n Matcher) bool { return n.implies(w) })
	})
}

// isRequest reports whether only RemediationRequests match.
func (m Matcher) isRequest() bool {
	return m.m.Type == labels.MatchEqual && m.m.Name == labelName && m.m.Value == amend.RequestAlert
}

// requestable reports whether a RemediationRequest for the playbook's action can
// match, as far as its labels are known.
func (b *Playbook) requestable() bool {
	return !slices.ContainsFunc(b.Match, func(m Matcher) bool {
		switch name := m.m.Name; {
		case name == labelName:
			return !m.m.Matches(amend.RequestAlert)
		case name == amend.ActionLabel:
			return !m.m.Matches(b.Action)
		case slices.Contains(requestLabels, name), strings.HasPrefix(name, amend.ParameterLabel):
			return false
		default:
			return !m.m.Matches("")
		}
	})
}

func (r *reader) checkWorkload(w *Workload) {
	r.checkLabel(&w.Kind.Label, w.Kind.Label)
	if n := r.at[&w.Kind.Allowed]; n != nil && len(w.Kind.Allowed) == 0 {
		r.problem(n, "expected at least one kind that the label may name")
	}
	r.checkSource(&w.Namespace, validation.IsDNS1123Label)
	r.checkSource(&w.Name, validation.IsDNS1123Subdomain)
	r.checkSource(&w.Container, validation.IsDNS1123Label)
}

func (r *reader) checkLabel(field *string, label string) {
	if n := r.at[field]; n != nil && label == "" {
		r.problem(n, "expected the name of a label, found empty text")
	}
}

func (r *reader) checkSource(s *Source, check func(string) []string) {
	n := r.at[s]
	if n == nil {
		return
	}
	label, value := has(n, "label"), has(n, "value")
	if label == value {
		r.problem(n, "expected either label or value, found %s", map[bool]string{true: "both", false: "neither"}[label])
	}
	r.checkLabel(&s.Label, s.Label)
	if at := r.at[&s.Value]; at != nil {
		if len(check(s.Value)) > 0 {
			r.problem(at, "%.60q is no name that Kubernetes takes here; expected lower-case letters, digits and inner hyphens, such as web-1", s.Value)
		}
	}
}

// has reports whether the mapping n has the key, rightly typed or not.
func has(n *yaml.Node, key string) bool {
	content := resolve(n).Content
	for i := 0; i+1 < len(content); i += 2 {
		if resolve(content[i]).Value == key {
			return true
		}
	}
	return false
}

func (r *reader) checkAction(b *Playbook, cat Catalogue) {
	n := r.at[&b.Action]
	if n == nil {
		return
	}
	action, ok := cat.lookup(b.Action)
	if !ok {
		r.problem(n, "unknown action %.60q%s", b.Action, expectedOneOf(b.Action, cat.names()))
		return
	}
	r.checkKinds(&b.Workload.Kind, action)
	r.checkWith(b, &b.Action, &b.With, action)
	r.checkAccept(b, action)
}

func (r *reader) checkKinds(k *KindSource, action Action) {
	check := func(n *yaml.Node, kind string) {
		if n != nil && !slices.Contains(action.Kinds, kind) {
			r.problem(n, "the action %s cannot change the kind %.60q%s", action.Name, kind, expectedOneOf(kind, action.Kinds))
		}
	}
	if n := r.at[k]; n != nil && resolve(n).Kind == yaml.ScalarNode {
		check(n, k.Value)
	}
	for i := range k.Allowed {
		check(r.at[&k.Allowed[i]], k.Allowed[i])
	}
}
