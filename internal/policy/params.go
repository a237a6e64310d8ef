package policy

import (
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/amendhq/amend"
)

// checkWith holds the parameters that are written beside the name of an action,
// in the mapping of, against those of the action.
func (r *reader) checkWith(of any, name *string, with *map[string]string, action Action) {
	names := action.paramNames()
	for _, p := range action.Params {
		n := r.at[entry{with, p.Name}]
		if n != nil {
			r.checkParam(n, p)
		} else if p.Default == "" && !has(r.at[of], "with") {
			r.problem(r.at[name], "the action %s requires the parameter %q: expected %s under with", action.Name, p.Name, p.Wants())
		} else if p.Default == "" && r.at[with] != nil && !has(r.at[with], p.Name) {
			r.problem(r.at[with], "missing parameter %q: expected %s", p.Name, p.Wants())
		}
	}
	for param := range *with {
		if !slices.Contains(names, param) {
			r.unknownParam(r.at[entry{with, param}], param, action.Name, names)
		}
	}
}

// checkAccept reports what no alert may set.
func (r *reader) checkAccept(b *Playbook, action Action) {
	names := action.paramNames()
	for i, name := range b.Accept {
		n := r.at[&b.Accept[i]]
		switch {
		case n == nil:
		case !slices.Contains(names, name):
			r.unknownParam(n, name, action.Name, names)
		case !acceptable(name, action):
			r.problem(n, "the parameter %q cannot be accepted from an alert, because its value ends up in a manifest as text; set it under with", name)
		case slices.Contains(b.Accept[:i], name):
			r.problem(n, "the parameter %q is accepted twice", name)
		}
	}
}

func (r *reader) unknownParam(n *yaml.Node, name, action string, names []string) {
	if len(names) == 0 {
		r.problem(n, "unknown parameter %.60q; the action %s has none", name, action)
		return
	}
	r.problem(n, "unknown parameter %.60q%s", name, expectedOneOf(name, names))
}

func acceptable(name string, action Action) bool {
	return slices.ContainsFunc(action.Params, func(p amend.Param) bool { return p.Name == name && p.Acceptable() })
}

// accepted returns the parameters of these names by the labels that set them.
func accepted(names []string, action Action) map[string]amend.Param {
	params := map[string]amend.Param{}
	for _, p := range action.Params {
		if slices.Contains(names, p.Name) {
			params[amend.ParameterLabel+strings.ReplaceAll(p.Name, "-", "_")] = p
		}
	}
	return params
}

// params returns the playbook's parameters with those that the alert sets. Every
// label that means to set one has to be accepted: whoever asks for something
// must not get something else.
func (b Playbook) params(a amend.Alert) (map[string]string, error) {
	params := maps.Clone(b.With)
	for _, label := range slices.Sorted(maps.Keys(a.Labels)) {
		name, ok := strings.CutPrefix(label, amend.ParameterLabel)
		if !ok {
			continue
		}
		p, ok := b.accepts[label]
		if !ok {
			return nil, amend.Refusef(amend.ReasonParameter, "the playbook %s accepts no parameter %s from an alert; leave it out, or name it under accept if it is one of the action %s", b.Name, quote(name), b.Action)
		}
		value := a.Labels[label]
		if !p.Accepts(value) {
			return nil, amend.Refusef(amend.ReasonParameter, "the parameter %q is %s; expected %s", p.Name, quote(value), p.Wants())
		}
		if params == nil {
			params = map[string]string{}
		}
		params[p.Name] = value
	}
	return params, nil
}

func (r *reader) checkParam(n *yaml.Node, p amend.Param) {
	content := resolve(n)
	switch text := content.Value; {
	case written(content, p.Type) && p.Accepts(text):
	case p.Type == amend.ParamText: // which may be a credential, so it is not shown
		r.problem(n, "the parameter %q cannot be this (%s); expected %s", p.Name, tagWord(content), p.Wants())
	default:
		r.problem(n, "the parameter %q is %.60q (%s); expected %s", p.Name, text, tagWord(content), p.Wants())
	}
}

// written reports whether YAML reads the value as what the type is in the
// schema, so that "6" in quotes is not taken for a number in one place only.
func written(n *yaml.Node, t amend.ParamType) bool {
	switch tag := n.ShortTag(); t {
	case amend.ParamInt:
		return tag == "!!int"
	case amend.ParamFactor:
		return tag == "!!int" || tag == "!!float"
	case amend.ParamQuantity:
		return tag == "!!str" || tag == "!!int"
	default:
		return tag == "!!str"
	}
}

func tagWord(n *yaml.Node) string {
	switch n.ShortTag() {
	case "!!int", "!!float":
		return "a number"
	case "!!str":
		return "text"
	default:
		return "neither text nor a number"
	}
}
