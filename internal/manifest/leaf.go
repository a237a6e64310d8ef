package manifest

import (
	"iter"
	"strconv"
	"strings"

	"github.com/amendhq/amend"
	"go.yaml.in/yaml/v3"
)

// maxNested bounds how deep documents inside block scalars are followed.
const maxNested = 3

// A Path says where a scalar is in its YAML document, for people:
// spec.template.spec.containers[0].image, or items[1].spec.replicas for an
// object in a List. Inside a block scalar that holds YAML it goes on after a
// bar: patches[0].patch|spec.replicas, and |1:spec.replicas in its second document.
type Path string

// A Leaf is one scalar of a file as the reader of Kubernetes sees it. It stays
// valid for the File that yielded it only.
type Leaf struct {
	Doc   int    // index of the Document that holds it
	Path  Path   // in the YAML document, not relative to a List's item
	Value string // as sigs.k8s.io/yaml decodes it; "" for a null
	Kind  Kind
	// Line and EndLine are where the value is written, 1-based and inclusive.
	// Those of a value that is an alias are the alias's.
	Line, EndLine int
	// Shared says that the value was reached through an alias or a merge key,
	// or that its text lies under an anchor that is used elsewhere too.
	Shared bool

	place
	inner *nested
}

// nested is a leaf inside the block scalar of another leaf.
type nested struct {
	file *File
	leaf Leaf
}

// Leaves yields every scalar of every document in order, and those of block
// scalars which hold YAML or JSON, such as the inline patches of Kustomize. A
// value that several places share is yielded once for each of them.
func (f *File) Leaves() iter.Seq[Leaf] {
	return func(yield func(Leaf) bool) {
		for _, o := range f.objects {
			if o.root.node != nil && !f.walk(o, o.root, yield) {
				return
			}
		}
	}
}

// walk yields the leaves below p until yield says no.
func (f *File) walk(o object, p place, yield func(Leaf) bool) bool {
	switch deref(p.node).Kind {
	case yaml.MappingNode:
		for _, e := range f.fields(p) {
			if !f.walk(o, e.place, yield) {
				return false
			}
		}
	case yaml.SequenceNode:
		for _, item := range f.items(p) {
			if !f.walk(o, item, yield) {
				return false
			}
		}
	case yaml.ScalarNode:
		l := f.leaf(o, p)
		return yield(l) && f.walkNested(l, 1, yield)
	}
	return true
}

// walkNested yields the leaves of the YAML inside a block scalar.
func (f *File) walkNested(l Leaf, depth int, yield func(Leaf) bool) bool {
	n := l.node
	if n.Style&yaml.LiteralStyle == 0 || depth > maxNested || !strings.ContainsAny(n.Value, ":{[") {
		return true
	}
	inner, err := Parse([]byte(n.Value))
	if err != nil {
		return true // not YAML: a script, a template, an INI file
	}
	b, ok := f.block(n)
	if !ok {
		return true
	}
	for _, o := range inner.objects {
		if o.root.node == nil || deref(o.root.node).Kind == yaml.ScalarNode {
			continue
		}
		ok := inner.walk(o, o.root, func(in Leaf) bool { return yield(l.around(b, inner, in)) })
		if !ok {
			return false
		}
	}
	return true
}

// around returns a leaf of the document inside l as a leaf of l's file.
func (l Leaf) around(b block, inner *File, in Leaf) Leaf {
	sep := Path("|")
	if source := inner.objects[in.Doc].source; source > 0 {
		sep += Path(strconv.Itoa(source)) + ":"
	}
	out := l
	out.Path += sep + in.Path
	out.Value, out.Kind = in.Value, in.Kind
	out.Line, out.EndLine = b.first+in.Line-1, b.first+in.EndLine-1
	out.Shared = l.Shared || in.Shared
	out.inner = &nested{file: inner, leaf: in}
	return out
}

// leaf describes the scalar at p.
func (f *File) leaf(o object, p place) Leaf {
	n := deref(p.node)
	l := Leaf{Doc: o.Index, Path: p.trail.path(), place: p}
	l.Value, l.Kind = meaning(n)
	l.Shared = p.shared || n != p.node || f.anchored[n]
	l.Line, l.EndLine = p.node.Line, p.node.Line
	if sp, ok := f.span(p.node); ok {
		l.Line = f.text.line(sp.start)
		l.EndLine = f.text.line(max(sp.start, sp.end-1))
	}
	return l
}

// Leaf finds the scalar at a field of a document. It is not found when the
// field does not exist, is a map or a list, or when a list has two items with
// the wanted identity.
func (f *File) Leaf(doc int, field amend.FieldPath) (Leaf, bool) {
	p, ok := f.lookup(doc, field)
	if !ok || deref(p.node).Kind != yaml.ScalarNode {
		return Leaf{}, false
	}
	return f.leaf(f.objects[doc], p), true
}

// Keys returns the values of the field key of all items of a list that have
// one, such as the names of the containers.
func (f *File) Keys(doc int, list amend.FieldPath, key string) []string {
	p, ok := f.lookup(doc, list)
	if !ok {
		return nil
	}
	var out []string
	for _, item := range f.items(p) {
		if v, ok := f.value(item, key); ok {
			out = append(out, v)
		}
	}
	return out
}

// lookup follows a field from the root of a document.
func (f *File) lookup(doc int, field amend.FieldPath) (place, bool) {
	if doc < 0 || doc >= len(f.objects) || f.objects[doc].root.node == nil {
		return place{}, false
	}
	p, ok := f.objects[doc].root, true
	for _, step := range field {
		if p, ok = f.step(p, step); !ok {
			return place{}, false
		}
	}
	return p, true
}

// step follows one step of a field.
func (f *File) step(p place, s amend.FieldStep) (place, bool) {
	if s.Select == "" {
		e, ok := f.get(p, s.Key)
		return e.place, ok
	}
	var found []place
	for _, item := range f.items(p) {
		if v, ok := f.value(item, s.Select); ok && v == s.Key {
			found = append(found, item)
		}
	}
	if len(found) != 1 {
		return place{}, false
	}
	return found[0], true
}
