package locate

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/manifest"
)

// An override is a key of the root's values that could be added, or filled in
// where it is empty, so that the field gets its value from there.
type override struct {
	keys  []string
	value func(v amend.Scalar) (amend.Scalar, bool)
	rank  int
}

// overrides proposes keys for a field that has a value: those whose default is
// the value or a part of it, the tag beside the name of an image, and keys that
// templates name and nobody sets.
func (c chartTarget) overrides() []override {
	var found []override
	image := parseImage(c.current())
	eachValue(nil, c.chart.Values, func(keys []string, v any) {
		text, kind := valueText(v)
		if c.holdsPart(text) {
			found = append(found, override{keys: keys, rank: c.affinity(keys, text), value: func(v amend.Scalar) (amend.Scalar, bool) {
				now, ok := c.part(text, v.Text)
				return typed(now, kind), ok
			}})
		}
		if isImage(c.field) && text != "" && (text == image.name || strings.HasSuffix(image.name, "/"+text)) {
			found = append(found, c.imagePart(append(keys[:len(keys)-1:len(keys)-1], "tag"), 0))
		}
	})
	for _, keys := range c.chart.named() {
		last := keys[len(keys)-1]
		switch v, set := c.valueAt(keys); {
		case set && v != nil && v != "":
		case isImage(c.field) && imageWord.MatchString(last) && !strings.HasSuffix(strings.ToLower(last), "image"):
			found = append(found, c.imagePart(keys, 2*closest))
		case strings.EqualFold(last, c.field[len(c.field)-1].Key), isImage(c.field) && imageWord.MatchString(last):
			found = append(found, override{keys: keys, rank: 2 * closest, value: whole})
		}
	}
	return found
}

// imagePart proposes a key for the tag of the image, or for its digest if it
// has one.
func (c chartTarget) imagePart(keys []string, rank int) override {
	now := parseImage(c.current())
	return override{keys: keys, rank: rank, value: func(v amend.Scalar) (amend.Scalar, bool) {
		want := parseImage(v.Text)
		ok := want.name == now.name && want.digest == now.digest && want.tag != ""
		return amend.Scalar{Text: want.tag}, ok
	}}
}

func whole(v amend.Scalar) (amend.Scalar, bool) { return v, true }

// unset proposes keys for a field without a value: below the tables that
// templates name for a part of the object which holds the field.
func (c chartTarget) unset() []override {
	var found []override
	for _, keys := range c.chart.named() {
		if v, set := c.valueAt(keys); set && v != nil && v != "" {
			if _, table := v.(map[string]any); !table {
				continue
			}
		}
		last := strings.ToLower(keys[len(keys)-1])
		for i, step := range c.field {
			if step.Select != "" || !strings.Contains(last, strings.ToLower(step.Key)) {
				continue
			}
			below := append([]string{}, keys...)
			if !slices.ContainsFunc(c.field[i+1:], func(s amend.FieldStep) bool { return s.Select != "" }) {
				for _, s := range c.field[i+1:] {
					below = append(below, s.Key)
				}
				found = append(found, override{keys: below, rank: c.tableRank(keys, step.Key), value: whole})
			}
		}
	}
	return found
}

// tableRank ranks a table for a part of an object: those for pods come first
// where the field is one of the pods', then those with a part of the object's
// name, then those that are called like the part.
func (c chartTarget) tableRank(keys []string, part string) int {
	last := strings.ToLower(keys[len(keys)-1])
	rank := len(last) - len(part)
	ofPods := slices.ContainsFunc(c.field, func(s amend.FieldStep) bool { return s.Key == "template" })
	if strings.HasPrefix(last, "pod") != ofPods {
		rank += 100
	}
	if !c.named(keys[:len(keys)-1]) && len(keys) > 1 {
		rank += 50
	}
	return rank
}

func (c chartTarget) valueAt(keys []string) (any, bool) {
	return get(c.chart.Values, amend.Field(keys...))
}

// A valuePlace is a document with values of the chart: all of it, or what is in
// it at a field.
type valuePlace struct {
	document
	at     amend.FieldPath
	shared bool
}

// places returns the documents with values, the strongest first.
func (c chartTarget) places() []valuePlace {
	var places []valuePlace
	files := slices.Clone(c.chart.valueFiles)
	slices.Reverse(files)
	for _, placed := range c.chart.Charts {
		if len(placed.Prefix) == 0 && placed.ValuesPath != "" {
			files = append(files, placed.ValuesPath)
		}
	}
	for _, file := range files {
		for _, d := range c.documents([]string{file}) {
			places = append(places, valuePlace{document: d, shared: c.readByOthers(file)})
		}
	}
	return places
}

// additions proposes the overrides in the places, private ones first.
func (c chartTarget) additions(places []valuePlace, overrides []override) []site {
	slices.SortStableFunc(places, func(a, b valuePlace) int {
		switch {
		case a.shared == b.shared:
			return 0
		case a.shared:
			return 1
		}
		return -1
	})
	slices.SortStableFunc(overrides, func(a, b override) int { return cmp.Compare(a.rank, b.rank) })
	var sites []site
	seen := map[string]bool{}
	for _, p := range places {
		for _, o := range overrides {
			key := p.path + "\x00" + p.at.String() + "\x00" + strings.Join(o.keys, "\x00")
			if !seen[key] {
				seen[key] = true
				sites = append(sites, c.addition(p, o))
			}
		}
	}
	return sites
}

// readByOthers reports whether another source than the target's renders with
// the file. That a folder of plain manifests holds it does not count: it
// declares nothing.
func (c chartTarget) readByOthers(file string) bool {
	return slices.ContainsFunc(c.otherReaders(file), func(r root) bool { return r.kind != Directory })
}

// addition proposes one override in one place.
func (c chartTarget) addition(d valuePlace, o override) site {
	field := slices.Concat(d.at, amend.Field(o.keys...))
	s := site{path: d.path, yamlPath: field.String(), via: "a key that overrides a default of the chart", add: true}
	s.write = func(v amend.Scalar) (manifest.Result, error) {
		value, ok := o.value(v)
		if !ok {
			return manifest.Result{}, amend.Refusef(amend.ReasonComputed, "%s of the values holds only a part of the value that stays", field)
		}
		if other := c.otherValues(d.path, manifest.Path(field.String())); other != "" {
			return manifest.Result{}, amend.Refusef(amend.ReasonAmbiguous, "%s sets %s too, and no Application in the repo says which values files are used", other, field)
		}
		leaf, ok := d.file.Leaf(d.index, field)
		switch {
		case !ok:
			return d.file.Insert(d.index, field, value)
		case leaf.Value == "":
			return d.file.Set(leaf, value)
		}
		return manifest.Result{}, amend.Refusef(amend.ReasonComputed, "%s:%d holds something else", d.path, leaf.Line)
	}
	return s
}

// eachValue visits the scalars of values that stand below tables only: a list
// cannot be overridden in part.
func eachValue(at []string, values map[string]any, visit func([]string, any)) {
	for _, key := range sortedKeys(values) {
		keys := append(at[:len(at):len(at)], key)
		switch v := values[key].(type) {
		case map[string]any:
			eachValue(keys, v, visit)
		case []any, nil:
		default:
			visit(keys, v)
		}
	}
}

// valueText writes a value as the templates see it.
func valueText(v any) (string, manifest.Kind) {
	switch v := v.(type) {
	case string:
		return v, manifest.String
	case bool:
		return scalarText(v), manifest.Bool
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "", manifest.Null
	}
	return string(b), manifest.Number
}
