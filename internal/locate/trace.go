package locate

import (
	"encoding/json"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/amendhq/amend"
)

// A Trace is a rendered object with what it was rendered from.
type Trace struct {
	match  match
	files  map[string]bool // those that were read, or missed
	dirs   []string        // folders of which any file may count
	roots  []string        // folders whose type decides how they are rendered
	anyone bool            // it cannot be told who else counts: every file does
}

// The bounds of a trace: how many Applications deploy each other, and how many
// deploy one source. Beyond them every file counts.
const (
	maxTraceDepth  = 4
	maxTraceOwners = 8
)

// Trace finds an object as Deployed does, with the same refusals.
func (l *Locator) Trace(tree fs.FS, q Query) (*Trace, error) {
	v, m, err := l.deployed(tree, q)
	if err != nil {
		return nil, err
	}
	t := &Trace{match: m, files: map[string]bool{}}
	t.follow(v, m, 0)
	return t, nil
}

// follow notes what a render read, and goes on to the Applications that deploy
// it: their settings change it, too.
func (t *Trace) follow(v *view, m match, depth int) {
	for name := range m.render.reads {
		if dir, ok := strings.CutSuffix(name, "/"); ok {
			t.dirs = append(t.dirs, dir)
			continue
		}
		t.files[name] = true
	}
	t.roots = append(t.roots, m.root.dir)
	owners := m.root.owners()
	if len(owners) > maxTraceOwners || len(owners) > 0 && depth == maxTraceDepth {
		t.anyone = true
		return
	}
	for _, ref := range owners {
		found, err := v.declarations(ref)
		if err != nil && amend.ReasonOf(err) != amend.ReasonNotInRepo { // otherwise it is live only
			t.anyone = true
		}
		for _, up := range found {
			t.follow(v, up, depth+1)
		}
	}
}

// declarations finds the renders that an Application or ApplicationSet comes
// from: of the files that name it and of the ApplicationSets, and only if there
// are none of all that could declare it, which in a large repo are too many.
func (v *view) declarations(ref amend.ObjectRef) ([]match, error) {
	var found []match
	add := func(r root) { found = append(found, matching(v.render(r), r, ref)...) }
	for _, s := range v.sets {
		add(s.root())
	}
	for _, file := range v.root.argo {
		if f := v.root.file(file); f == nil || !f.declaresOwner(ref.Name) {
			continue
		}
		for _, r := range v.readers(file) {
			add(r)
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	m, err := v.match(ref, scope{})
	if err != nil {
		return nil, err
	}
	return []match{m}, nil
}

// declaresOwner reports whether an Application or ApplicationSet of this name is
// written in the file.
func (f *facts) declaresOwner(name string) bool {
	return f.argo != nil && (slices.ContainsFunc(f.argo.apps, func(a application) bool { return a.name == name }) ||
		slices.ContainsFunc(f.argo.sets, func(s *appSet) bool { return s.ref.Name == name }))
}

// owners are the Applications that deploy the root, or the ApplicationSet that
// it is.
func (r root) owners() []amend.ObjectRef {
	if r.set != nil {
		return []amend.ObjectRef{r.set.ref}
	}
	var refs []amend.ObjectRef
	for _, a := range r.deployers() {
		refs = append(refs, a.object)
	}
	return refs
}

// deployers are the root's Applications or, when it is known which one is asked
// about, that one.
func (r root) deployers() []application {
	if r.owner == "" {
		return r.apps
	}
	return slices.DeleteFunc(slices.Clone(r.apps), func(a application) bool { return a.name != r.owner })
}

// Object returns the object.
func (t *Trace) Object() *Object { return &Object{t.match.obj} }

// Beside finds another object in the same render, false if there is not just one.
func (t *Trace) Beside(ref amend.ObjectRef) (*Object, bool) {
	found := matching(t.match.render, t.match.root, ref)
	if len(found) != 1 {
		return nil, false
	}
	return &Object{found[0].obj}, true
}

// Reads reports whether the content of a file may have a part in how the object
// is rendered: rather once too often than not.
func (t *Trace) Reads(file string) bool {
	if t.anyone || t.files[file] {
		return true
	}
	if slices.ContainsFunc(t.dirs, func(dir string) bool { _, ok := below(dir, file); return ok }) {
		return true
	}
	return decidesType(path.Base(file)) && slices.Contains(t.roots, path.Dir(file))
}

// decidesType reports whether a file of this name says how its folder is rendered.
func decidesType(base string) bool {
	return strings.HasSuffix(base, "Chart.yaml") || slices.Contains(kustomizationNames[:], base) || strings.HasPrefix(base, argocdSource)
}

// Applications names those that deploy the object, as far as that is known.
func (t *Trace) Applications() []string {
	var names []string
	for _, ref := range t.match.root.owners() {
		names = append(names, ref.Name)
	}
	return names
}

// Settings is equal for two traces whose Applications have the same source,
// but for what its folder holds.
func (t *Trace) Settings() string {
	var parts []string
	for _, a := range t.match.root.deployers() {
		parts = append(parts, a.key, a.source.TargetRevision)
	}
	return strings.Join(parts, "\x00")
}

// Revision is what the Applications of the object follow; "" when they name
// none, or do not agree.
func (t *Trace) Revision() string {
	revision := ""
	for i, a := range t.match.root.deployers() {
		if i > 0 && a.source.TargetRevision != revision {
			return ""
		}
		revision = a.source.TargetRevision
	}
	return revision
}

// StableName returns the name of the object without the hash that a generator
// of Kustomize appends.
func (o *Object) StableName() string { return stableName(o.obj.ref.Kind, o.obj.ref.Name) }

// Document returns the object as JSON.
func (o *Object) Document() ([]byte, error) {
	data, err := json.Marshal(o.obj.body)
	if err != nil {
		return nil, amend.Errorf(amend.Internal, "write object", "%w", err)
	}
	return data, nil
}
