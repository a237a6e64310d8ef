package locate

import (
	"slices"

	"github.com/amendhq/amend"
)

// An inflatedTarget is a target that a chart of a kustomization renders.
type inflatedTarget struct {
	chartTarget
	in    inflated
	entry []document // the kustomization
}

// inflatedTarget returns the target as one of the chart that renders it, if one
// does.
func (t *target) inflatedTarget(docs []document) (inflatedTarget, bool) {
	for _, in := range t.render.inflated {
		for _, o := range in.objects {
			if t.declares(o.ref) {
				c := inflatedTarget{chartTarget: chartTarget{target: t, chart: in.chartRender, template: o.file}, in: in}
				c.entry = slices.DeleteFunc(slices.Clone(docs), func(d document) bool { return d.path != in.file })
				return c, true
			}
		}
	}
	return inflatedTarget{}, false
}

// ofChart reports whether a document is a file of a chart, which Kustomize does
// not read itself.
func (r *render) ofChart(d document) bool {
	return slices.ContainsFunc(r.inflated, func(in inflated) bool {
		_, inside := below(in.folder, d.path)
		return inside
	})
}

// The ranks of a chart's candidates start above those of the keys that
// Kustomize has for the field, and of patches of the object; the rest of what
// kustomizations hold comes last.
const (
	rankChart     = 3
	rankElsewhere = 100
)

// among puts the candidates of the chart between those of Kustomize.
func (c inflatedTarget) among(found []candidate) []candidate {
	if !c.set {
		return found
	}
	of := slices.Concat(c.inlineLeaves(), c.leaves(), c.literals(), c.wholeFiles())
	for i := range of {
		of[i].rank += rankChart
	}
	for _, f := range found {
		if slices.ContainsFunc(of, func(same candidate) bool { return same.path == f.path && same.yamlPath == f.yamlPath }) {
			continue
		}
		if f.rank > rankChart {
			f.rank += rankElsewhere
		}
		of = append(of, f)
	}
	return of
}

// inlineLeaves proposes the values of the chart in the kustomization itself.
func (c inflatedTarget) inlineLeaves() []candidate {
	var found []candidate
	for _, d := range c.entry {
		for leaf := range d.file.Leaves() {
			keys, ok := c.inlineKeys(d, string(leaf.Path))
			if leaf.Doc == d.index && ok && c.holdsPart(leaf.Value) {
				found = append(found, candidate{site: c.setValue(d, leaf, "a value of the chart in the kustomization"), rank: c.affinity(keys, leaf.Value)})
			}
		}
	}
	return found
}

// inlineKeys returns the keys of a value of the chart by its path in the
// kustomization, such as helmCharts[0].valuesInline.image.tag.
func (c inflatedTarget) inlineKeys(d document, at string) ([]string, bool) {
	list, values := c.in.inline[0].Key, c.in.inline[2].Key
	keys := pathKeys(at)
	if len(keys) < 4 || keys[0] != list || keys[2] != values {
		return nil, false
	}
	name, ok := d.leaf(amend.Field(list).Item("index", keys[1]).Then(c.in.inline[1].Select))
	return keys[3:], ok && name.Value == c.in.inline[1].Key
}

// added proposes keys among the values of the chart, the strongest of its
// places first.
func (c inflatedTarget) added() []site {
	overrides := c.unset
	if c.set {
		overrides = c.overrides
	}
	sites := c.additions(c.layered(), overrides())
	const most = maxProofs / 2 // there are patches, too
	return sites[:min(len(sites), most)]
}

// layered returns the places for values: the additional files, the last first,
// then the values in the kustomization and the values file, and the chart's own.
// Where there are no values in the kustomization yet, they come last.
func (c inflatedTarget) layered() []valuePlace {
	places := c.places()
	var inline []valuePlace
	for _, d := range c.entry {
		inline = append(inline, valuePlace{document: d, at: c.in.inline, shared: c.readByOthers(d.path)})
	}
	at := len(places)
	if len(c.in.entry.ValuesInline) > 0 {
		at = len(c.in.entry.AdditionalValuesFiles)
	}
	return slices.Insert(places, min(at, len(places)), inline...)
}
