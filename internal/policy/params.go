package policy

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/amendhq/amend"
)

// checkWith holds the parameters of a playbook against those of its action.
func (r *reader) checkWith(b *Playbook, action Action) {
	names := make([]string, 0, len(action.Params))
	for _, p := range action.Params {
		names = append(names, p.Name)
		n := r.at[entry{&b.With, p.Name}]
		if n != nil {
			r.checkParam(n, p)
		} else if p.Default == "" && !has(r.at[b], "with") {
			r.problem(r.at[&b.Action], "the action %s requires the parameter %q: expected %s under with", action.Name, p.Name, p.Wants())
		} else if p.Default == "" && r.at[&b.With] != nil && !has(r.at[&b.With], p.Name) {
			r.problem(r.at[&b.With], "missing parameter %q: expected %s", p.Name, p.Wants())
		}
	}
	for name := range b.With {
		if slices.Contains(names, name) {
			continue
		}
		n := r.at[entry{&b.With, name}]
		if len(names) == 0 {
			r.problem(n, "unknown parameter %.60q; the action %s has none", name, action.Name)
		} else {
			r.problem(n, "unknown parameter %.60q%s", name, expectedOneOf(name, names))
		}
	}
}

func (r *reader) checkParam(n *yaml.Node, p amend.Param) {
	content := resolve(n)
	if text := content.Value; !written(content, p.Type) || !p.Accepts(text) {
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
