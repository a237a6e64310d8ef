package appset

import (
	"maps"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend"
)

// patched lays the templatePatch over a filled template. Argo CD takes it for a
// strategic merge patch of an Application, whose lists are replaced, but for the
// finalizers: those are joined.
func (g *generation) patched(app any, params map[string]any) (any, error) {
	if g.spec.TemplatePatch == "" {
		return app, nil
	}
	text, err := g.text(g.spec.TemplatePatch, params)
	if err != nil {
		return nil, err
	}
	plain, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return nil, amend.Refusef(amend.ReasonUnproven, "the templatePatch does not parse: %w", err)
	}
	patch, err := decode(plain)
	if err != nil {
		return nil, amend.Refusef(amend.ReasonUnproven, "the templatePatch does not parse: %w", err)
	}
	if patch == nil {
		return app, nil
	}
	over, ok := patch.(map[string]any)
	if !ok || directs(over) {
		return nil, amend.Refusef(amend.ReasonUnsupported, "its templatePatch is no table, or has directives")
	}
	base, _ := app.(map[string]any)
	return merged(base, over, nil), nil
}

// directs reports whether a patch says how it is to be applied.
func directs(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			if strings.HasPrefix(key, "$") || directs(inner) {
				return true
			}
		}
	case []any:
		for _, inner := range v {
			if directs(inner) {
				return true
			}
		}
	}
	return false
}

// merged returns base with the patch over it. A null deletes.
func merged(base, patch map[string]any, at []string) map[string]any {
	out := map[string]any{}
	maps.Copy(out, base)
	for key, v := range patch {
		sub, isMap := v.(map[string]any)
		old, _ := out[key].(map[string]any)
		switch {
		case v == nil:
			delete(out, key)
		case isMap:
			out[key] = merged(old, sub, append(at[:len(at):len(at)], key))
		case strings.Join(at, ".") == "metadata" && key == "finalizers":
			out[key] = joined(out[key], v)
		default:
			out[key] = v
		}
	}
	return out
}

// joined returns the items of both lists, each once.
func joined(a, b any) []any {
	var all []any
	seen := map[any]bool{}
	for _, list := range []any{a, b} {
		items, _ := list.([]any)
		for _, item := range items {
			if text, ok := item.(string); ok && !seen[text] {
				seen[text] = true
				all = append(all, text)
			}
		}
	}
	return all
}
