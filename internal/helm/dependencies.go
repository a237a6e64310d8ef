package helm

import (
	"fmt"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"helm.sh/helm/v3/pkg/chart"
)

// enable gives the subcharts their aliases and takes away those that a tag or
// a condition in the values turns off. Like Helm it looks conditions up from
// the root's values, at path.
func (c *Chart) enable(values map[string]any, path string) error {
	if len(c.meta.Dependencies) == 0 {
		return nil
	}
	c.alias()
	for _, d := range c.meta.Dependencies {
		d.Enabled = true
	}
	merged, _ := copyOf(values).(map[string]any)
	if err := c.withDefaults(merged, false); err != nil {
		return err
	}
	tags, _ := merged["tags"].(map[string]any)
	off := map[string]bool{}
	for _, d := range c.meta.Dependencies {
		d.Enabled = enabledByTags(d, tags)
		enabledByCondition(d, merged, path)
		if !d.Enabled {
			off[d.Name] = true
		}
	}
	c.deps = slices.DeleteFunc(c.deps, func(s *Chart) bool { return off[s.name] })
	c.meta.Dependencies = slices.DeleteFunc(c.meta.Dependencies, func(d *chart.Dependency) bool { return off[d.Name] })
	for _, sub := range c.deps {
		if err := sub.enable(merged, path+sub.name+"."); err != nil {
			return err
		}
	}
	return nil
}

// alias replaces the subcharts by one copy for each declared dependency, and
// keeps those that are not declared. From here on a dependency has the name
// that its values have.
func (c *Chart) alias() {
	var deps []*Chart
	for _, sub := range c.deps {
		if !slices.ContainsFunc(c.meta.Dependencies, func(d *chart.Dependency) bool { return satisfies(sub, d) }) {
			deps = append(deps, sub)
		}
	}
	for _, d := range c.meta.Dependencies {
		i := slices.IndexFunc(c.deps, func(sub *Chart) bool { return satisfies(sub, d) })
		if i >= 0 {
			sub := c.deps[i].clone(c)
			if d.Alias != "" {
				sub.name, sub.meta.Name = d.Alias, d.Alias
			}
			deps = append(deps, sub)
		}
		if d.Alias != "" {
			d.Name = d.Alias
		}
	}
	c.deps = deps
}

// satisfies reports whether a subchart is the one that is declared.
func satisfies(sub *Chart, d *chart.Dependency) bool {
	if sub.meta.Name != d.Name {
		return false
	}
	version, err := semver.NewVersion(sub.meta.Version)
	if err != nil {
		return false
	}
	constraint, err := semver.NewConstraint(d.Version)
	return err == nil && constraint.Check(version)
}

// enabledByTags: one true tag turns a dependency on, else one false turns it off.
func enabledByTags(d *chart.Dependency, tags map[string]any) bool {
	off := false
	for _, tag := range d.Tags {
		on, isBool := tags[tag].(bool)
		if on {
			return true
		}
		off = off || isBool
	}
	return !off
}

// enabledByCondition lets the first condition that has a boolean decide.
func enabledByCondition(d *chart.Dependency, values map[string]any, path string) {
	for condition := range strings.SplitSeq(strings.TrimSpace(d.Condition), ",") {
		if v, ok := at(values, path+condition); ok {
			if on, ok := v.(bool); ok {
				d.Enabled = on
				return
			}
		}
	}
}

// importValues gives each chart the values that it imports from its subcharts
// as defaults, innermost first.
func (c *Chart) importValues() error {
	for _, sub := range c.deps {
		if err := sub.importValues(); err != nil {
			return err
		}
	}
	if len(c.meta.Dependencies) == 0 {
		return nil
	}
	merged := map[string]any{}
	if err := c.withDefaults(merged, true); err != nil {
		return err
	}
	imported := map[string]any{}
	for _, d := range c.meta.Dependencies {
		for _, wish := range d.ImportValues {
			child, parent := importPaths(wish)
			v, ok := at(merged, d.Name+"."+child)
			table, isTable := v.(map[string]any)
			if !ok || !isTable {
				continue
			}
			if parent != "." {
				keys := strings.Split(parent, ".")
				for _, key := range slices.Backward(keys) {
					table = map[string]any{key: table}
				}
			}
			fill(imported, table, true)
		}
	}
	fill(merged, imported, true)
	c.values = merged
	return nil
}

// importPaths reads an import: a name under exports, or child and parent paths.
func importPaths(wish any) (child, parent string) {
	switch w := wish.(type) {
	case string:
		return "exports." + w, "."
	case map[string]any:
		return fmt.Sprint(w["child"]), fmt.Sprint(w["parent"])
	}
	return "", "."
}
