package manifest

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/amendhq/amend"
	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"
)

// wanted is v as the JSON decoder of a reader gives it.
func wanted(v amend.Scalar) any {
	switch {
	case v.Number:
		s, _ := plainMeaning(v.Text)
		return json.Number(s)
	case v.Boolean:
		return v.Text == "true"
	}
	return v.Text
}

// proveSet proves that data differs from f in the value of l and nothing else.
func (f *File) proveSet(l Leaf, data []byte, want any) error {
	next, err := f.reparse(data)
	if err != nil {
		return err
	}
	source := f.objects[l.Doc].source
	d, err := f.compare(next, source)
	if err != nil {
		return err
	}
	if len(d.old) != 1 || len(d.new) != 1 || d.old[0] != l.node {
		return unproven("the edit of %s changes %d nodes into %d", l.Path, len(d.old), len(d.new))
	}
	return f.proveMeaning(next, source, l.trail, func(any) any { return want })
}

// reparse reads the edited file; JSON has to stay JSON.
func (f *File) reparse(data []byte) (*File, error) {
	next, err := f.read.Parse(data)
	if err != nil {
		return nil, unproven("the edited file cannot be read: %w", err)
	}
	if f.json && !next.json {
		return nil, unproven("the edited file is not JSON any more")
	}
	return next, nil
}

// difference is the run of nodes, in the order of the text, in which two
// versions of a document differ. A nil node ends a collection.
type difference struct{ old, new []*yaml.Node }

// compare requires all documents but one to be the same in both files, as
// yaml/v3 sees them, and returns how that one differs.
func (f *File) compare(next *File, source int) (difference, error) {
	var d difference
	if len(f.docs) != len(next.docs) {
		return d, unproven("the edit changes the number of documents")
	}
	for i := range f.docs {
		diff := compareNodes(flatten(nil, f.docs[i].root), flatten(nil, next.docs[i].root))
		if i == source {
			d = diff
		} else if len(diff.old)+len(diff.new) > 0 {
			return d, unproven("the edit changes document %d", i)
		}
	}
	return d, nil
}

// flatten lists the nodes of a tree in the order of the text.
func flatten(out []*yaml.Node, n *yaml.Node) []*yaml.Node {
	if n == nil {
		return out
	}
	out = append(out, n)
	for _, c := range n.Content {
		out = flatten(out, c)
	}
	if n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode {
		out = append(out, nil)
	}
	return out
}

// compareNodes trims what two lists have in common at both ends.
func compareNodes(old, new []*yaml.Node) difference {
	for len(old) > 0 && len(new) > 0 && sameNode(old[0], new[0]) {
		old, new = old[1:], new[1:]
	}
	for len(old) > 0 && len(new) > 0 && sameNode(old[len(old)-1], new[len(new)-1]) {
		old, new = old[:len(old)-1], new[:len(new)-1]
	}
	return difference{old, new}
}

// sameNode compares two nodes without their children; of their style only the
// quotes count, because quotes alone can change a type for some reader.
func sameNode(a, b *yaml.Node) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Kind == b.Kind && a.Tag == b.Tag && a.Value == b.Value && a.Anchor == b.Anchor &&
		(a.Kind != yaml.ScalarNode || a.Style == b.Style)
}

// proveMeaning requires the document to differ, as sigs.k8s.io/yaml sees it
// after aliases and merges, in what change makes of the value at the trail.
func (f *File) proveMeaning(next *File, source int, at *trail, change func(any) any) error {
	before, err := f.decoded(source)
	if err != nil {
		return amend.Errorf(amend.Invalid, "edit", "Kubernetes tools cannot read the file: %w", err)
	}
	after, err := next.decoded(source)
	if err != nil {
		return unproven("Kubernetes tools cannot read the edited file: %w", err)
	}
	steps := at.steps()
	want := replaceAt(before, steps, change)
	if reflect.DeepEqual(want, after) {
		return nil
	}
	if reflect.DeepEqual(valueAt(want, steps), valueAt(after, steps)) {
		return amend.Refusef(amend.ReasonShared, "the text of %s gives other fields their value too", at.path())
	}
	return unproven("%s does not get the wanted value", at.path())
}

// decoded reads a document as others do.
func (f *File) decoded(source int) (any, error) {
	doc := f.docs[source]
	return f.read(f.text.data[doc.start:doc.end])
}

// A Reader does what Read does. One may remember what it has read, as nobody changes it.
type Reader func(doc []byte) (any, error)

// Read reads a YAML document as Kubernetes, Helm and Argo CD do. Numbers keep their text.
func Read(doc []byte) (any, error) {
	plain, err := sigsyaml.YAMLToJSON(doc)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(plain))
	d.UseNumber()
	var v any
	err = d.Decode(&v)
	return v, err
}

// replaceAt copies the way down to a value and changes the value.
func replaceAt(v any, steps []*trail, change func(any) any) any {
	if len(steps) == 0 {
		return change(v)
	}
	s := steps[0]
	if s.index < 0 {
		old, _ := v.(map[string]any)
		m := make(map[string]any, len(old)+1)
		for k, e := range old {
			m[k] = e
		}
		m[s.key] = replaceAt(old[s.key], steps[1:], change)
		return m
	}
	list, _ := v.([]any)
	if s.index >= len(list) {
		return v
	}
	list = append([]any(nil), list...)
	list[s.index] = replaceAt(list[s.index], steps[1:], change)
	return list
}

// valueAt follows the steps and returns nil where they lead nowhere.
func valueAt(v any, steps []*trail) any {
	for _, s := range steps {
		switch c := v.(type) {
		case map[string]any:
			v = c[s.key]
		case []any:
			if s.index < 0 || s.index >= len(c) {
				return nil
			}
			v = c[s.index]
		default:
			return nil
		}
	}
	return v
}

func unproven(format string, args ...any) error {
	return amend.Refusef(amend.ReasonUnproven, format, args...)
}
