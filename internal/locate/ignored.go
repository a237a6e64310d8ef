package locate

import (
	"regexp"
	"slices"
	"strings"

	"github.com/amendhq/amend"
)

// covers reports whether the rule ignores the target's field, or might.
func (i ignoredDifference) covers(t *target) bool {
	ref := t.obj.ref
	if (i.Group != "*" && i.Group != ref.Group) || (i.Kind != "*" && i.Kind != ref.Kind) ||
		(i.Name != "" && i.Name != ref.Name) || (i.Namespace != "" && i.Namespace != t.ref.Namespace) {
		return false
	}
	return slices.ContainsFunc(i.Pointers, func(p string) bool { return t.under(strings.Split(strings.Trim(p, "/"), "/")) }) ||
		slices.ContainsFunc(i.Expressions, func(e string) bool { return mayHide(e, t.field) }) ||
		slices.ContainsFunc(i.Managers, func(m string) bool { return mayManage(m, t.field) })
}

// mayManage reports whether a manager may own a field, which only the cluster
// knows. The controllers of Kubernetes itself set nothing but replicas.
func mayManage(manager string, field amend.FieldPath) bool {
	return manager != "kube-controller-manager" || field.String() == "spec.replicas"
}

var (
	// jqPath matches a path of jq that is plain: keys and items, in any order.
	jqPath = regexp.MustCompile(`^(?:\.?(?:` + jqStep + `)\??)+$`)
	jqKeys = regexp.MustCompile(jqStep)
)

const jqStep = `\.?[A-Za-z_]\w*|\.?"[^"\\]*"|\["[^"\\]*"\]|\[\d*\]`

// mayHide reports whether a jq expression yields the field, or what it is a part
// of. Of an expression only plain paths and selections between pipes are
// understood; any other might yield anything.
func mayHide(expression string, field amend.FieldPath) bool {
	rest := field
	for _, part := range pipes(expression) {
		switch {
		case strings.HasPrefix(part, "select(") && strings.HasSuffix(part, ")"), part == ".":
			continue
		case !strings.HasPrefix(part, ".") || !jqPath.MatchString(part):
			return true
		}
		for _, step := range jqKeys.FindAllString(part, -1) {
			if len(rest) == 0 || !yields(step, rest[0]) {
				return false
			}
			rest = rest[1:]
		}
	}
	return true
}

// yields reports whether a step of a plain path may be one of a field: a key is
// itself, and any item of a list may be the one.
func yields(step string, of amend.FieldStep) bool {
	item := strings.HasPrefix(step, "[") && !strings.HasPrefix(step, `["`)
	if item || of.Select != "" {
		return item == (of.Select != "")
	}
	return strings.Trim(step, `.[]"`) == of.Key
}

// pipes splits an expression at the pipes that are in no brackets and no text.
func pipes(expression string) []string {
	var parts []string
	depth, quoted, start := 0, false, 0
	for i, c := range expression {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(' || c == '[':
			depth++
		case c == ')' || c == ']':
			depth--
		case c == '|' && depth == 0:
			parts = append(parts, strings.TrimSpace(expression[start:i]))
			start = i + 1
		}
	}
	return append(parts, strings.TrimSpace(expression[start:]))
}
