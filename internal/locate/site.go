package locate

import (
	"slices"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/manifest"
)

// A target is the one field of the one object that a query is about.
type target struct {
	match
	view  *view
	ref   amend.ObjectRef
	field amend.FieldPath
	old   any  // the rendered value
	set   bool // whether there is one
	// declared are the names that the object's manifests may carry.
	declared map[string]bool
}

// current returns the rendered value as text, "" if there is none. A null is
// none.
func (t *target) current() string {
	if t.old == nil {
		return ""
	}
	return scalarText(t.old)
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
	if f, ok := v.loc.manifests.get(hash); ok {
		return f, nil
	}
	data, err := v.read(name)
	if err != nil {
		return nil, err
	}
	f, err := manifest.Parse(data)
	if err != nil {
		return nil, err
	}
	v.loc.manifests.put(hash, f)
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

// setLeaf proposes to change a leaf that holds the field's value, or that
// part of it which is to change.
func (d document) setLeaf(leaf manifest.Leaf, t *target, via string) site {
	return site{path: d.path, yamlPath: string(leaf.Path), via: via, write: func(v amend.Scalar) (manifest.Result, error) {
		text, ok := rewrite(leaf.Value, t, v.Text)
		if !ok { // for instance a tag where the name is to change as well
			return manifest.Result{}, amend.Refusef(amend.ReasonComputed, "%s:%d holds only a part of the value that stays", d.path, leaf.Line)
		}
		if text != v.Text {
			v = amend.Scalar{Text: text}
		}
		return d.file.Set(leaf, v)
	}}
}

// insert proposes to add the field to the document.
func (d document) insert(field amend.FieldPath, via string) site {
	return site{path: d.path, yamlPath: field.String(), via: via, add: true, write: func(v amend.Scalar) (manifest.Result, error) {
		return d.file.Insert(d.index, field, v)
	}}
}

// rewrite returns what a leaf must hold so that the field holds want. The leaf
// may hold the whole value, the part of an image that changes, or KEY=value.
func rewrite(leaf string, t *target, want string) (string, bool) {
	current := t.current()
	if leaf == current {
		return want, true
	}
	if last := t.field[len(t.field)-1]; last.Select == "" && leaf == last.Key+"="+current {
		return last.Key + "=" + want, true
	}
	if isImage(t.field) {
		return parseImage(current).rewrite(leaf, parseImage(want))
	}
	return "", false
}

// isImage reports whether the field is the image of a container.
func isImage(field amend.FieldPath) bool {
	n := len(field)
	return n >= 3 && field[n-1] == amend.FieldStep{Key: "image"} && field[n-2].Select == "name" &&
		slices.Contains([]string{"containers", "initContainers"}, field[n-3].Key)
}

// image is an image reference in the parts that Kustomize tells apart.
type image struct{ name, tag, digest string }

func parseImage(s string) image {
	var i image
	i.name, i.digest, _ = strings.Cut(s, "@")
	// A colon before the last slash belongs to the registry's port.
	if colon := strings.LastIndexByte(i.name, ':'); colon > strings.LastIndexByte(i.name, '/') {
		i.name, i.tag = i.name[:colon], i.name[colon+1:]
	}
	return i
}

// rewrite returns the leaf with its part of the old image replaced by that of
// the new one, if old and new differ in just this part.
func (old image) rewrite(leaf string, want image) (string, bool) {
	switch {
	case old.name == want.name && old.digest == want.digest:
		return replaceTail(leaf, ":", old.tag, want.tag)
	case old.name == want.name && old.tag == want.tag:
		return replaceTail(leaf, "@", old.digest, want.digest)
	case old.tag == want.tag && old.digest == want.digest:
		if leaf == old.name {
			return want.name, true
		}
		part := parseImage(leaf)
		if part.name == old.name {
			return want.name + strings.TrimPrefix(leaf, old.name), true
		}
	}
	return "", false
}

// replaceTail replaces old by want where leaf is old or ends in sep and old.
func replaceTail(leaf, sep, old, want string) (string, bool) {
	if old == "" || want == "" {
		return "", false
	}
	if leaf == old {
		return want, true
	}
	if rest, ok := strings.CutSuffix(leaf, sep+old); ok {
		return rest + sep + want, true
	}
	return "", false
}
