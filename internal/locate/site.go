package locate

import (
	"regexp"
	"slices"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/manifest"
)

// A target is the one field of the one object that a query is about.
type target struct {
	match
	view  *view
	owner *owner
	ref   amend.ObjectRef
	field amend.FieldPath
	old   any          // the rendered value
	want  amend.Scalar // that is looked for a place
	along []Setting    // that may come with it
	set   bool         // whether there is one
	hops  int          // how many Applications were followed to get here
	// declared are the names that the object's manifests may carry.
	declared map[string]bool
}

// fieldWith returns the field as it is named when it is v: what a list item is
// named by may be the field itself, such as the host of a rule.
func (t *target) fieldWith(v amend.Scalar) amend.FieldPath {
	item := len(t.field) - 2
	if item < 0 || t.field[item].Select == "" || t.field[item].Select != t.field[item+1].Key {
		return t.field
	}
	field := slices.Clone(t.field)
	field[item].Key = v.Text
	return field
}

// current returns the rendered value as text, "" if there is none. A null is
// none.
func (t *target) current() string {
	if t.old == nil {
		return ""
	}
	return scalarText(t.old)
}

// landed returns the object's identity with the namespace that it is deployed
// into, which its manifest may leave to the Application.
func (t *target) landed() amend.ObjectRef {
	ref := t.obj.ref
	if ref.Namespace == "" {
		ref.Namespace = t.ref.Namespace
	}
	return ref
}

// declares reports whether a manifest or patch with this identity may be one
// of the target's.
func (t *target) declares(ref amend.ObjectRef) bool {
	return ref.Kind == t.obj.ref.Kind && t.declared[ref.Name]
}

// A site is a place where a change to the field could be written. It is a
// proposal until the render confirms it.
type site struct {
	path     string
	yamlPath string
	via      string
	add      bool
	linked   bool // an alias or an anchor, beside which another may be in control too
	write    func(v amend.Scalar) (manifest.Result, error)
}

// A document is one object in a file of the tree.
type document struct {
	path   string
	file   *manifest.File
	index  int
	object amend.ObjectRef
}

// manifest returns a parsed file, from the cache if its content is known.
func (v *view) manifest(name string) (*manifest.File, error) {
	hash, err := v.hash(name)
	if err != nil {
		return nil, err
	}
	if f, ok := v.loc.manifests.Get(hash); ok {
		return f, nil
	}
	data, err := v.read(name)
	if err != nil {
		return nil, err
	}
	f, err := manifest.Reader(v.loc.read).Parse(data)
	if err != nil {
		return nil, err
	}
	v.loc.manifests.Put(hash, f)
	return f, nil
}

// documents returns the objects in the files. A file that the editor cannot
// read offers no site.
func (t *target) documents(files []string) []document {
	var docs []document
	for _, name := range files {
		f, err := t.view.manifest(name)
		if err != nil {
			continue
		}
		for _, d := range f.Documents() {
			docs = append(docs, document{path: name, file: f, index: d.Index, object: d.Object})
		}
	}
	return docs
}

// leaf finds the scalar at a field. The editor knows list items by their
// identity, and by index only in its own paths.
func (d document) leaf(field amend.FieldPath) (manifest.Leaf, bool) {
	if !byIndex(field) {
		return d.file.Leaf(d.index, field)
	}
	want := indexedPath(field)
	for leaf := range d.file.Leaves() {
		if leaf.Doc == d.index && string(leaf.Path) == want {
			return leaf, true
		}
	}
	return manifest.Leaf{}, false
}

// byIndex reports whether a field goes through a list item that is known by its
// index only.
func byIndex(field amend.FieldPath) bool {
	return slices.ContainsFunc(field, func(s amend.FieldStep) bool { return s.Select == "index" })
}

// indexedPath writes a field as the editor's paths are written: a[0].b.
func indexedPath(field amend.FieldPath) string {
	return indexStep.ReplaceAllString(field.String(), "[$1]")
}

var indexStep = regexp.MustCompile(`\[index=(\d+)\]`)

// setLeaf proposes to change a leaf that holds the field's value, or that
// part of it which is to change.
func (d document) setLeaf(leaf manifest.Leaf, t *target, via string) site {
	return site{path: d.path, yamlPath: string(leaf.Path), via: via, linked: leaf.Shared, write: func(v amend.Scalar) (manifest.Result, error) {
		if protectedKind(d.object.Kind) { // read by the build alone, so no render shows it
			return manifest.Result{}, amend.Refusef(amend.ReasonProtected, "%s:%d is a line of a %s, which no fix may touch", d.path, leaf.Line, d.object.Kind)
		}
		text, ok := rewrite(leaf.Value, t, v.Text)
		if !ok { // for instance a tag where the name is to change as well
			return manifest.Result{}, amend.Refusef(amend.ReasonComputed, "%s:%d holds only a part of the value that stays", d.path, leaf.Line)
		}
		if text != v.Text {
			v = amend.Scalar{Text: text}
		}
		return d.file.Set(leaf, t.retyped(v, leaf))
	}}
}

// insert proposes to add the field to the document.
func (d document) insert(field amend.FieldPath, via string) site {
	return site{path: d.path, yamlPath: field.String(), via: via, add: true, write: func(v amend.Scalar) (manifest.Result, error) {
		return d.file.Insert(d.index, field, v)
	}}
}

// wholeText is the result of replacing all of a file.
func wholeText(text string) manifest.Result {
	return manifest.Result{Data: []byte(text), Line: 1, EndLine: strings.Count(strings.TrimRight(text, "\n"), "\n") + 1}
}

// rewrite returns what a leaf must hold so that the field holds want. The leaf
// may hold the whole value, the part of an image that changes, or KEY=value.
func rewrite(leaf string, t *target, want string) (string, bool) {
	current := t.current()
	if leaf == current {
		return want, true
	}
	if t.root.kind == Kustomize {
		if text, ok := rewriteLiteral(leaf, current, want); ok {
			return text, true
		}
	}
	if isImage(t.field) {
		return parseImage(current).rewrite(leaf, parseImage(want))
	}
	if t.root.kind == ApplicationSet {
		return compose(current, leaf, want)
	}
	return "", false
}
