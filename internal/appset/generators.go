package appset

import (
	"encoding/json"
	"maps"
	"slices"

	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend"
)

// list yields its elements. Without Go templates, only texts are parameters.
func (g *generation) list(l list) ([]map[string]any, error) {
	var sets []map[string]any
	for _, element := range l.Elements {
		if g.spec.GoTemplate {
			sets = append(sets, element)
			continue
		}
		params := map[string]any{}
		for key, v := range element {
			if inner, ok := v.(map[string]any); ok && key == "values" {
				for k, v := range inner {
					params["values."+k] = v
				}
				continue
			}
			params[key] = v
		}
		for key, v := range params {
			if _, ok := v.(string); !ok {
				return nil, amend.Refusef(amend.ReasonUnproven, "%s of a list element is no text, which needs goTemplate", key)
			}
		}
		sets = append(sets, params)
	}
	if l.YAML != "" {
		var more []map[string]any
		if err := yaml.Unmarshal([]byte(l.YAML), &more); err != nil {
			return nil, amend.Refusef(amend.ReasonUnproven, "elementsYaml: %w", err)
		}
		sets = append(sets, more...)
	}
	return sets, nil
}

// matrix combines each set of its first generator with each of the second,
// which may be written with parameters of the first.
func (g *generation) matrix(n nested) ([]map[string]any, error) {
	if len(n.Generators) != 2 {
		return nil, amend.Refusef(amend.ReasonUnproven, "a matrix has %d generators and not two", len(n.Generators))
	}
	first, err := g.params(n.Generators[0], nil)
	if err != nil {
		return nil, err
	}
	var sets []map[string]any
	for _, a := range first {
		second, err := g.params(n.Generators[1], a)
		if err != nil {
			return nil, err
		}
		for _, b := range second {
			both, ok := g.combined(a, b)
			if !ok {
				return nil, amend.Refusef(amend.ReasonUnproven, "the generators of a matrix have different values for one parameter")
			}
			sets = append(sets, both)
		}
	}
	return sets, nil
}

// combined joins two sets. With Go templates the first wins; without them they
// must agree.
func (g *generation) combined(a, b map[string]any) (map[string]any, bool) {
	if g.spec.GoTemplate {
		return overlaid(b, a), true
	}
	both := maps.Clone(a)
	for key, v := range b {
		if old, ok := both[key]; ok && old != v {
			return nil, false
		}
		both[key] = v
	}
	return both, true
}

// overlaid merges maps deeply; what over holds wins unless it is empty.
func overlaid(base, over map[string]any) map[string]any {
	out := maps.Clone(base)
	if out == nil {
		out = map[string]any{}
	}
	for key, v := range over {
		sub, isMap := v.(map[string]any)
		old, wasMap := out[key].(map[string]any)
		switch {
		case isMap && wasMap:
			out[key] = overlaid(old, sub)
		case !empty(v) || out[key] == nil:
			out[key] = v
		}
	}
	return out
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case float64:
		return v == 0
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// merge overrides the sets of its first generator with those of the others
// that have the same values for the merge keys. Argo CD yields them in no
// certain order.
func (g *generation) merge(n nested) ([]map[string]any, error) {
	if len(n.Generators) < 2 || len(n.MergeKeys) == 0 {
		return nil, amend.Refusef(amend.ReasonUnproven, "a merge needs two generators and a merge key")
	}
	base, order, err := g.keyed(n.Generators[0], n.MergeKeys)
	if err != nil {
		return nil, err
	}
	for _, gen := range n.Generators[1:] {
		over, _, err := g.keyed(gen, n.MergeKeys)
		if err != nil {
			return nil, err
		}
		for key, params := range over {
			switch {
			case base[key] == nil:
			case g.spec.GoTemplate:
				base[key] = overlaid(base[key], params)
			default:
				maps.Copy(base[key], params)
			}
		}
	}
	sets := make([]map[string]any, 0, len(order))
	for _, key := range order {
		sets = append(sets, base[key])
	}
	return sets, nil
}

// keyed returns copies of the sets of a generator by their merge keys.
func (g *generation) keyed(gen generator, keys []string) (map[string]map[string]any, []string, error) {
	sets, err := g.params(gen, nil)
	if err != nil {
		return nil, nil, err
	}
	byKey := map[string]map[string]any{}
	var order []string
	for _, params := range sets {
		var id []any
		for _, k := range slices.Sorted(slices.Values(keys)) {
			id = append(id, params[k])
		}
		text, err := json.Marshal(id)
		if err != nil || byKey[string(text)] != nil {
			return nil, nil, amend.Refusef(amend.ReasonUnproven, "two sets of parameters of a merge have the same keys %s", text)
		}
		byKey[string(text)] = maps.Clone(params)
		order = append(order, string(text))
	}
	return byKey, order, nil
}
