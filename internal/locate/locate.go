// Package locate finds the file and the line of an env repo that control a
// field of a live object, and changes it there. It works for plain directories,
// with Jsonnet in them, for Kustomize and for Helm charts.
//
// The rule is to prove and not to guess. Values in the files only propose
// sites. A site is accepted when writing to it changes, in the render of every
// source that reads the file, exactly the intended field of the intended
// object. Everything else is a refusal with a reason, because a wrong line is
// far worse than none.
package locate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cache"
	"github.com/amendhq/amend/internal/helm"
	"github.com/amendhq/amend/internal/jsonnet"
	"github.com/amendhq/amend/internal/manifest"
)

// A Locator answers queries. It is made to live long: it remembers files,
// folders and renders by content hash, so that trees which know the hashes of
// their entries (tree.Hasher) cost only what changed between two queries. It
// is safe for concurrent use.
type Locator struct {
	mu    sync.Mutex
	roots []*node // of the last trees, the newest first

	contents  *cache.Map[contentHash, []byte]
	parsed    *cache.Map[contentHash, parsedFile]
	readings  *cache.Map[string, reading] // by the text of the document
	manifests *cache.Map[contentHash, *manifest.File]
	renders   *cache.Map[string, *render]

	inventories *cache.Map[shape, *inventory]
	readers     chan struct{} // holds as many as read a tree besides the queries

	jsonnet  *jsonnet.Engine // nil: Jsonnet is not evaluated
	outlines *cache.Map[contentHash, *jsonnet.Outline]
}

// New returns an empty Locator. Its caches are bounded to some hundred
// megabytes.
func New(options ...Option) *Locator {
	l := &Locator{
		contents:  cache.New[contentHash](16<<20, func(b []byte) int { return len(b) }),
		parsed:    cache.New[contentHash](64<<20, func(p parsedFile) int { return p.size }),
		readings:  cache.New[string](maxReadings, func(r reading) int { return r.size }),
		manifests: cache.New[contentHash](64<<20, func(f *manifest.File) int { return len(f.Bytes()) + valueBytes*manifest.Weight(f.Bytes()) }),
		renders:   cache.New[string](1<<17, func(r *render) int { return 1 + len(r.objects) + r.size/16 }),

		inventories: cache.New[shape](2, func(*inventory) int { return 1 }),
		readers:     make(chan struct{}, runtime.GOMAXPROCS(0)-1),

		outlines: cache.New[contentHash](1<<18, func(o *jsonnet.Outline) int { return 1 + len(o.Literals) }),
	}
	for _, o := range options {
		o(l)
	}
	return l
}

// A Query asks for one field of one object.
type Query struct {
	Object amend.ObjectRef
	Field  amend.FieldPath
	// Root is a folder to treat as the Argo CD source of the object; "" means
	// every source of the repo.
	Root string
	// Application is the name of the Application in the repo that owns the
	// object; "" means any.
	Application string
	// Live holds YAML documents instead: the Application or ApplicationSet that
	// owns the object as it is live, then its parents, nearest first.
	Live []byte
	// AllowShared permits a site that moves other fields, objects or
	// applications too, where there is no private one.
	AllowShared bool
	// Along are other fields of the object that are to get a value as well, so a
	// site that sets one of them to just that is not shared on its account.
	Along []Setting
}

// A Setting is a field with a value that it is to get.
type Setting struct {
	Field amend.FieldPath
	Value amend.Scalar
}

// A Site is the place that controls a field, or where the field is to be added.
type Site struct {
	amend.Target
	// Current is the rendered value of the field, "" if it has none.
	Current string
	// Add says that nothing at the line holds the value yet: the field is to
	// be added there.
	Add        bool
	SourceType SourceType
	// Via says for people how the line controls the field.
	Via string
	// Renders counts the renders that were made with a changed file.
	Renders     int
	AlsoChanges []AlsoChange
	Hops        []Hop
}

// A Result is a proved edit.
type Result struct {
	Edit    amend.Edit
	Path    amend.RepoPath
	Content []byte // of the whole file at Path
	Old     []byte // what Content was proved against
	Hops    []Hop
	// RenderDiff lists every field that differs in the renders of all sources
	// that read the file: the intended one first.
	RenderDiff []amend.FieldChange
	// Bots are the programs that set the field or write the line themselves.
	Bots []Bot
}

// Locate finds the line that controls the field, or where it is to be added.
// Beyond the refusals of Deployed it refuses with ReasonOwnedByHPA,
// ReasonShared, which names what else would change, ReasonComputed when no
// line controls the field, and ReasonUnproven.
func (l *Locator) Locate(tree fs.FS, q Query) (Site, error) {
	t, err := l.target(tree, q)
	if err != nil {
		return Site{}, fmt.Errorf("locating %s of %s: %w", q.Field, q.Object, err)
	}
	count := 0
	e, err := t.choose(t.sentinel(), q.AllowShared, &count)
	if err != nil {
		return Site{}, fmt.Errorf("locating %s of %s: %w", q.Field, q.Object, err)
	}
	at, err := e.target()
	if err != nil {
		return Site{}, err
	}
	return Site{Target: at, Current: t.current(), Add: e.site.add, SourceType: t.root.kind,
		Via: e.site.via, Renders: count, AlsoChanges: e.also, Hops: e.hops}, nil
}

// Edit changes the field to v at the place that controls it and proves it: the
// renders before and after differ in the intended field of the intended
// object, and besides only in what generators name by content, or in what
// AllowShared permits. It refuses like Locate, and with ReasonNoChange when
// the field is v already.
func (l *Locator) Edit(tree fs.FS, q Query, v amend.Scalar) (Result, error) {
	return l.edit(tree, q, func(*target) amend.Scalar { return v })
}

// EditText is Edit for a value whose type is that of the field now; an unset
// field becomes a number or a boolean where the Kubernetes API has one.
func (l *Locator) EditText(tree fs.FS, q Query, text string) (Result, error) {
	return l.edit(tree, q, func(t *target) amend.Scalar {
		kind := t.kind()
		return amend.Scalar{Text: text, Number: kind == manifest.Number, Boolean: kind == manifest.Bool}
	})
}

func (l *Locator) edit(tree fs.FS, q Query, value func(*target) amend.Scalar) (Result, error) {
	t, err := l.target(tree, q)
	if err != nil {
		return Result{}, fmt.Errorf("editing %s of %s: %w", q.Field, q.Object, err)
	}
	v := value(t)
	t.along = q.Along
	if t.set && holds(t.old, v) {
		return Result{}, amend.Refusef(amend.ReasonNoChange, "%s of %s is %q already", q.Field, q.Object, v.Text)
	}
	if err := t.fits(v); err != nil {
		return Result{}, err
	}
	count := 0
	e, err := t.choose(v, q.AllowShared, &count)
	if err != nil {
		return Result{}, fmt.Errorf("editing %s of %s: %w", q.Field, q.Object, err)
	}
	at, err := e.target()
	if err != nil {
		return Result{}, err
	}
	edit := amend.Edit{Object: q.Object, Field: q.Field.String(), Target: at, Old: t.current(), New: v.Text, Added: e.site.add}
	if edit.Added {
		edit.Old = ""
	}
	return Result{Edit: edit, Path: at.Path, Content: e.result.Data, Old: e.old, RenderDiff: e.changes, Hops: e.hops, Bots: t.bots(e)}, nil
}

// fits refuses a value that the API server would not take for its type.
func (t *target) fits(v amend.Scalar) error {
	kind := t.kind()
	var n json.Number
	switch {
	case v.Boolean && v.Text != "true" && v.Text != "false", kind == manifest.Bool && !v.Boolean:
		return amend.Errorf(amend.Invalid, "edit", "%s takes true or false, and %q is neither", t.field, v.Text)
	case v.Boolean && t.old != nil && kind != manifest.Bool:
		return amend.Errorf(amend.Invalid, "edit", "%s takes a %s and not the boolean %s", t.field, kind, v.Text)
	case v.Number && json.Unmarshal([]byte(v.Text), &n) != nil:
		return amend.Errorf(amend.Invalid, "edit", "%s takes a number, and %q is none", t.field, v.Text)
	case v.IsText() && kind == manifest.Number && typeOf(t.field) == manifest.Number:
		return amend.Errorf(amend.Invalid, "edit", "%s takes a number and not the text %q", t.field, v.Text)
	}
	return nil
}

func (e effect) target() (amend.Target, error) {
	p, err := amend.ParseRepoPath(e.site.path)
	line, end := e.result.Line, e.result.EndLine
	if !e.site.add {
		line, end = changedLines(e.old, e.result.Data, line, end)
	}
	return amend.Target{Path: p, Line: line, EndLine: end, YAMLPath: e.site.yamlPath}, err
}

// changedLines narrows the lines of a text that was replaced as a whole to
// those that differ.
func changedLines(old, data []byte, line, end int) (int, int) {
	before, after := bytes.Split(old, []byte("\n")), bytes.Split(data, []byte("\n"))
	if len(before) != len(after) || end > len(after) {
		return line, end
	}
	for line < end && bytes.Equal(before[line-1], after[line-1]) {
		line++
	}
	for end > line && bytes.Equal(before[end-1], after[end-1]) {
		end--
	}
	return line, end
}

func (l *Locator) view(fsys fs.FS) (*view, error) {
	root, err := l.root(fsys)
	if err != nil {
		return nil, err
	}
	v := &view{loc: l, fsys: fsys, root: root, all: new(paths), budget: helm.NewBudget(maxChartSteps), done: map[string]*render{},
		programs: &programs{engine: l.jsonnet, left: jsonnet.MaxTime}}
	v.takeInventory()
	return v, nil
}

// target resolves a query to the one field of the one object.
func (l *Locator) target(fsys fs.FS, q Query) (*target, error) {
	if len(q.Field) == 0 {
		return nil, amend.Errorf(amend.Invalid, "locate", "no field is named")
	}
	v, err := l.view(fsys)
	if err != nil {
		return nil, err
	}
	o, err := v.owner(q)
	if err != nil {
		return nil, err
	}
	return v.target(q.Object, q.Field, scope{owner: o, dir: q.Root})
}

// target finds the one field of the one object.
func (v *view) target(ref amend.ObjectRef, field amend.FieldPath, in scope) (*target, error) {
	m, err := v.match(ref, in)
	if err != nil {
		return nil, err
	}
	t := &target{match: m, view: v, ref: ref, field: field, owner: in.owner, declared: v.root.declaredNames(ref)}
	if t.old, t.set = get(m.obj.body, field); t.set && !isScalar(t.old) {
		return nil, amend.Errorf(amend.Invalid, "locate", "%s is not a single value", field)
	}
	if !t.set {
		if _, ok := put(m.obj.body, field, "x"); !ok {
			return nil, amend.Refusef(amend.ReasonNotInRepo, "%s has no list item that %s names", ref, field)
		}
	}
	if scaler, ok := t.scaler(); ok {
		return nil, t.ownedBy(scaler)
	}
	if t.volatile() {
		return nil, amend.Refusef(amend.ReasonComputed, "%s depends on a random value or on the time", field)
	}
	return t, t.governed()
}

// choose tries the sites in their order and returns the first whose effect is
// the field alone. Otherwise it returns the one that moves least besides, if
// sharing is allowed, or says why there is no such site.
func (t *target) choose(v amend.Scalar, allowShared bool, count *int) (effect, error) {
	var found []effect // that move more than the field
	var failures []error
	lifted := false
	tries := map[bool]int{} // of values that are set, and of those that could be
	t.want = v
	for _, s := range t.root.source().sites(t) {
		if s.add && !lifted { // a value that is set comes before one that could be
			if e, ok, err := t.lift(v, allowShared, count); ok {
				return e, err
			}
			lifted = true
		}
		if len(found) > 0 && !s.add && !s.linked { // one line is in control, and it was found
			continue
		}
		if tries[s.add]++; tries[s.add] > maxProofs {
			continue
		}
		e, err := t.try(s, v, count)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		found = append(found, e)
		if len(e.also) == 0 {
			t.blast(&e, count, false)
		}
		if len(e.also) == 0 {
			return e, nil
		}
	}
	if !lifted && len(found) == 0 {
		if e, ok, err := t.lift(v, allowShared, count); ok {
			return e, err
		}
	}
	if len(found) == 0 {
		return effect{}, t.hopeless(failures)
	}
	if !allowShared {
		found = found[:1]
	}
	e := t.smallest(found, count)
	if !allowShared {
		return effect{}, amend.Refusef(amend.ReasonShared, "%s:%d also changes %s", e.site.path, e.result.Line, alsoText(e.also))
	}
	return e, nil
}

// smallest lists all that each of the first effects moves, and returns the one
// that moves least.
func (t *target) smallest(found []effect, count *int) effect {
	const most = 4 // every one is rendered with all that read its file
	found = found[:min(len(found), most)]
	for i := range found {
		t.blast(&found[i], count, true)
	}
	return slices.MinFunc(found, func(a, b effect) int { return cmp.Compare(len(a.also), len(b.also)) })
}

// hopeless sums up why no site works, by the failure that says most: a line
// that may hold the value and must not be changed, or cannot be.
func (t *target) hopeless(failures []error) error {
	for _, reason := range []amend.Reason{amend.ReasonProtected, amend.ReasonAmbiguous, amend.ReasonShared, amend.ReasonUnsupported, amend.ReasonComputed} {
		for _, err := range failures {
			if amend.ReasonOf(err) == reason {
				return err
			}
		}
	}
	if t.set {
		return amend.Refusef(amend.ReasonComputed, "no line was found that sets %s to %q", t.field, t.current())
	}
	return amend.Refusef(amend.ReasonUnproven, "no place was found where adding %s has that effect alone", t.field)
}

func alsoText(also []AlsoChange) string {
	var items []string
	for _, a := range also {
		items = append(items, strings.TrimSpace(a.Object+" "+a.Field+" ("+a.Application+")"))
	}
	return listed(items)
}
