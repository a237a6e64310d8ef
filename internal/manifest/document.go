package manifest

import (
	"strings"

	"github.com/amendhq/amend"
	"go.yaml.in/yaml/v3"
)

// A Document is one object of a file. Object is the zero value when the
// document is no Kubernetes object, as a values file is not. The items of a
// List are documents of their own, and the List itself is none. An empty file
// has one empty document, so that a first field can be inserted.
type Document struct {
	Index  int // among the file's documents
	Object amend.ObjectRef
}

// object is a document and where its root is.
type object struct {
	Document
	source int // which YAML document of the file
	root   place
}

// Documents returns the objects of the file in their order.
func (f *File) Documents() []Document {
	out := make([]Document, len(f.objects))
	for i, o := range f.objects {
		out[i] = o.Document
	}
	return out
}

func (f *File) listObjects() []object {
	var out []object
	add := func(source int, root place, ref amend.ObjectRef) {
		out = append(out, object{Document: Document{Index: len(out), Object: ref}, source: source, root: root})
	}
	for i, doc := range f.docs {
		root := place{node: doc.root}
		if doc.root == nil {
			add(i, root, amend.ObjectRef{})
			continue
		}
		ref := f.objectRef(root)
		items, ok := f.listItems(root, ref)
		if !ok {
			add(i, root, ref)
		}
		for _, item := range items {
			add(i, item, f.objectRef(item))
		}
	}
	return out
}

// listItems returns the objects in a v1 List or a typed list of them.
func (f *File) listItems(root place, ref amend.ObjectRef) ([]place, bool) {
	if !strings.HasSuffix(ref.Kind, "List") {
		return nil, false
	}
	list, ok := f.get(root, "items")
	if !ok || deref(list.node).Kind != yaml.SequenceNode {
		return nil, false
	}
	items := f.items(list.place)
	for _, item := range items {
		if deref(item.node).Kind != yaml.MappingNode {
			return nil, false
		}
	}
	return items, true
}

// objectRef reads the identity of the object at p; without apiVersion and kind
// there is none.
func (f *File) objectRef(p place) amend.ObjectRef {
	version, ok := f.value(p, "apiVersion")
	kind, _ := f.value(p, "kind")
	if !ok || version == "" || kind == "" {
		return amend.ObjectRef{}
	}
	ref := amend.ObjectRef{Kind: kind}
	if group, _, grouped := strings.Cut(version, "/"); grouped {
		ref.Group = group
	}
	if meta, ok := f.get(p, "metadata"); ok {
		ref.Name, _ = f.value(meta.place, "name")
		ref.Namespace, _ = f.value(meta.place, "namespace")
	}
	return ref
}
