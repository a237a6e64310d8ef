package helm

import (
	"maps"
	"slices"
	"strings"
)

// globalKey is the table of values that every subchart sees.
const globalKey = "global"

// MergeValues lays the tables of over over those of base and returns the
// result, as Helm does with one values file after another. Neither is changed.
func MergeValues(base, over map[string]any) map[string]any {
	out := maps.Clone(base)
	if out == nil {
		out = map[string]any{}
	}
	for k, v := range over {
		if table, ok := v.(map[string]any); ok {
			if below, ok := out[k].(map[string]any); ok {
				v = MergeValues(below, table)
			}
		}
		out[k] = v
	}
	return out
}

// withDefaults fills dest, which it owns, with the defaults of the chart and
// of its subcharts. With keepNull a null stays, so that it can remove a default
// in a later pass; without, it removes the key.
func (c *Chart) withDefaults(dest map[string]any, keepNull bool) error {
	for key, def := range c.values {
		value, set := dest[key]
		table, isTable := value.(map[string]any)
		switch {
		case !set:
			dest[key] = copyOf(def)
		case value == nil && !keepNull:
			delete(dest, key)
		case isTable:
			if defaults, ok := def.(map[string]any); ok {
				fill(table, defaults, keepNull || c.hasSubchart(key))
			}
		}
	}
	for _, sub := range c.deps {
		value, set := dest[sub.name]
		table, isTable := value.(map[string]any)
		if set && !isTable {
			return refuse("the values under %q are for a subchart and are no table", sub.name)
		}
		if !set {
			table = map[string]any{}
			dest[sub.name] = table
		}
		shareGlobals(table, dest)
		if err := sub.withDefaults(table, keepNull); err != nil {
			return err
		}
	}
	return nil
}

func (c *Chart) hasSubchart(name string) bool {
	return slices.ContainsFunc(c.deps, func(d *Chart) bool { return d.name == name })
}

// fill adds to dest what only src has, table by table.
func fill(dest, src map[string]any, keepNull bool) {
	for key, def := range src {
		value, set := dest[key]
		table, isTable := value.(map[string]any)
		defaults, hasTable := def.(map[string]any)
		switch {
		case set && value == nil && !keepNull:
			delete(dest, key)
		case !set:
			dest[key] = copyOf(def)
		case isTable && hasTable:
			fill(table, defaults, keepNull)
		}
	}
}

// shareGlobals gives a subchart the globals of its parent, which win over its own.
func shareGlobals(dest, src map[string]any) {
	own, ok := tableAt(dest, globalKey)
	above, ok2 := tableAt(src, globalKey)
	if !ok || !ok2 {
		return // one of them is no table, and Helm passes over both
	}
	for key, value := range above {
		table, isTable := value.(map[string]any)
		below, set := own[key]
		belowTable, belowIsTable := below.(map[string]any)
		switch {
		case isTable && set && !belowIsTable, !isTable && belowIsTable:
		case isTable:
			merged, _ := copyOf(table).(map[string]any)
			fill(merged, belowTable, true)
			own[key] = merged
		default:
			own[key] = value
		}
	}
	dest[globalKey] = own
}

// tableAt returns the table under a key, a new one if there is none.
func tableAt(values map[string]any, key string) (map[string]any, bool) {
	v, set := values[key]
	if !set {
		return map[string]any{}, true
	}
	t, ok := v.(map[string]any)
	return t, ok
}

// copyOf copies a decoded YAML value.
func copyOf(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if v == nil {
			return map[string]any{}
		}
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = copyOf(e)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = copyOf(e)
		}
		return list
	}
	return v
}

// at follows a dotted path of tables.
func at(values map[string]any, dotted string) (any, bool) {
	var v any = values
	for key := range strings.SplitSeq(dotted, ".") {
		table, _ := v.(map[string]any)
		var ok bool
		if v, ok = table[key]; !ok {
			return nil, false
		}
	}
	return v, true
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
