package policy

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/amendhq/amend"
)

// The notations of the parameter types. They bound every exponent, because
// "1e-999999999" is a quantity too and computing with it never ends.
var (
	wholeForm    = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})$`)
	decimalForm  = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,9})?$`)
	quantityForm = regexp.MustCompile(`^[0-9]{1,19}(\.[0-9]{1,9})?([KMGTPE]i|[mkMGTPE]|[eE][0-9]{1,2})?$`)
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
			r.problem(r.at[&b.Action], "the action %s requires the parameter %q: expected %s under with", action.Name, p.Name, wanted(p))
		} else if p.Default == "" && r.at[&b.With] != nil && !has(r.at[&b.With], p.Name) {
			r.problem(r.at[&b.With], "missing parameter %q: expected %s", p.Name, wanted(p))
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
	if text := content.Value; !written(content, p.Type) || !valid(text, p) {
		r.problem(n, "the parameter %q is %.60q (%s); expected %s", p.Name, text, tagWord(content), wanted(p))
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

func valid(text string, p amend.Param) bool {
	switch p.Type {
	case amend.ParamInt:
		n, err := strconv.Atoi(text)
		return err == nil && wholeForm.MatchString(text) && n >= p.Min
	case amend.ParamFactor:
		if !decimalForm.MatchString(text) {
			return false
		}
		f, ok := new(big.Rat).SetString(text)
		return ok && f.Cmp(big.NewRat(1, 1)) > 0
	case amend.ParamQuantity:
		if !quantityForm.MatchString(text) {
			return false
		}
		q, err := resource.ParseQuantity(text)
		return err == nil && q.Sign() > 0
	case amend.ParamName:
		return len(validation.IsDNS1123Label(text)) == 0
	}
	return false
}

// wanted says what a parameter must be, for messages.
func wanted(p amend.Param) string {
	switch p.Type {
	case amend.ParamInt:
		return fmt.Sprintf("a whole number of at least %d", p.Min)
	case amend.ParamFactor:
		return "a decimal number greater than 1, such as 1.5"
	case amend.ParamQuantity:
		return "a quantity greater than 0, such as 512Mi or 2Gi"
	default:
		return "a name of lower-case letters, digits and inner hyphens, at most 63 long"
	}
}
