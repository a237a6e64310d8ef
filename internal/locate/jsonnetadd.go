package locate

import (
	"slices"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/jsonnet"
	"github.com/amendhq/amend/internal/manifest"
)

// additions proposes objects in the source in which the field could be added: the
// object that holds it, or one above it with the objects in between. Files that
// only this source reads come first, and of those the one that was read first.
func (p programTarget) additions() []site {
	var found []candidate
	for _, f := range p.code {
		rank := 0
		if !p.private(f.name) {
			rank = len(p.field) + 1
		}
		for _, o := range f.outline.Objects {
			for depth := len(p.field) - 1; depth >= 0; depth-- {
				chain, ok := p.chain(o, depth)
				if !ok {
					continue
				}
				found = append(found, candidate{site: p.addField(f, o, chain), rank: rank + len(p.field) - depth, level: f.level})
			}
		}
	}
	return ranked(found)
}

// chain returns the keys to be added to an object of the source, if it may be the
// one at the first so many steps of the field: it stands under the same key, and
// has only fields that are there.
func (p programTarget) chain(o jsonnet.Object, depth int) ([]jsonnet.Key, bool) {
	at, rest := p.field[:depth], p.field[depth:]
	if slices.ContainsFunc(rest, func(s amend.FieldStep) bool { return s.Select != "" }) {
		return nil, false
	}
	body, _ := get(p.obj.body, at)
	fields, isMap := body.(map[string]any)
	if !isMap || !standsAt(o, at) {
		return nil, false
	}
	for _, f := range o.Fields {
		if _, there := fields[f.Name]; f.Name == rest[0].Key || !there && !f.Hidden {
			return nil, false
		}
	}
	var chain []jsonnet.Key
	for i, step := range rest {
		inherited, there := get(p.obj.body, p.field[:depth+i+1])
		_, isMap := inherited.(map[string]any)
		chain = append(chain, jsonnet.Key{Name: step.Key, Mix: there && isMap})
	}
	return chain, true
}

// standsAt reports whether an object of the source may be the one at a field. The
// whole object may stand anywhere, if it is written as one or adds to one.
func standsAt(o jsonnet.Object, at amend.FieldPath) bool {
	if len(at) == 0 {
		return slices.ContainsFunc(o.Fields, func(f jsonnet.Field) bool {
			return slices.Contains([]string{"kind", "metadata", "spec", "data"}, f.Name)
		})
	}
	last := at[len(at)-1]
	if last.Select == "" {
		return len(o.Path) > 0 && o.Path[len(o.Path)-1] == last.Key
	}
	i := slices.IndexFunc(o.Fields, func(f jsonnet.Field) bool { return f.Name == last.Select })
	if i < 0 || o.Fields[i].Text != "" {
		return i >= 0 && o.Fields[i].Text == last.Key
	}
	// What names the item is computed, and its place must do.
	n := len(o.Path)
	return n > 1 && len(at) > 1 && strings.HasPrefix(o.Path[n-1], "[") && o.Path[n-2] == at[len(at)-2].Key
}

// addField proposes to add the keys with the value to an object of the source.
func (p programTarget) addField(f codeFile, o jsonnet.Object, chain []jsonnet.Key) site {
	at := slices.Clone(o.Path)
	for _, k := range chain {
		at = append(at, k.Name)
	}
	s := site{path: f.name, yamlPath: pathText(at), via: "a field in an object in Jsonnet", add: true}
	s.write = func(v amend.Scalar) (manifest.Result, error) {
		data, added, err := o.Insert(f.data, chain, v)
		if err != nil {
			return manifest.Result{}, err
		}
		want := jsonnet.Literal{Kind: literalKind(v), Value: v.Text, Begin: added.Begin, Path: at}
		begin, end := added.Begin, added.Begin+added.Length
		for begin < end-1 && (data[begin] == '\r' || data[begin] == '\n') { // of the line before
			begin++
		}
		return manifest.Result{Data: data, Line: lineOf(data, begin), EndLine: lineOf(data, end-1)}, p.verify(f, data, added, want)
	}
	return s
}

func literalKind(v amend.Scalar) jsonnet.Kind {
	switch {
	case v.Number:
		return jsonnet.Number
	case v.Boolean:
		return jsonnet.Boolean
	}
	return jsonnet.String
}

// lineOf returns the line of a byte.
func lineOf(data []byte, at int) int {
	line := 1
	for _, b := range data[:at] {
		if b == '\n' {
			line++
		}
	}
	return line
}
