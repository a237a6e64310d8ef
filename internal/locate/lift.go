package locate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/manifest"
)

// A Hop says that control over a field lies in another object: the Application
// or ApplicationSet that sets it, which is itself declared in the repo.
type Hop struct {
	Controls string `json:"controls"` // the object whose field is controlled
	Object   string `json:"object"`
	Field    string `json:"field"`  // of Object
	Source   string `json:"source"` // the file or folder that declares Object
}

// A lever is a value in the source of an Application that could control a
// field of what the Application deploys.
type lever struct {
	field amend.FieldPath // from the source
	old   string
	value amend.Scalar // what it must become
}

// lift looks for control in the Application or ApplicationSet that yields the
// target's root, and goes on with that, which is itself an object of the repo.
// It reports false if there is no control there.
func (t *target) lift(v amend.Scalar, allowShared bool, count *int) (effect, bool, error) {
	h, ok := t.holder()
	if !ok {
		return effect{}, false, nil
	}
	for n, l := range t.levers(h.tree, v) {
		if n == maxProofs {
			break
		}
		r, ok := t.pulled(h, l)
		if !ok {
			continue
		}
		*count++
		after := r.source().render(t.view, r)
		e := effect{}
		if after.err != nil || !e.compare(t, after, v) {
			continue
		}
		l.field = append(h.at[:len(h.at):len(h.at)], l.field...)
		if len(e.also) > 0 && !allowShared {
			return effect{}, true, amend.Refusef(amend.ReasonShared, "%s of %s also changes %s", l.field, h.object, alsoText(e.also))
		}
		e, err := t.follow(e, h, l, allowShared, count)
		return e, true, err
	}
	return effect{}, false, nil
}

// A holder is what yields a root: an Application, whose source has settings, or
// an ApplicationSet.
type holder struct {
	object amend.ObjectRef
	at     amend.FieldPath // where tree is in object
	tree   any             // decoded JSON
	app    *application
}

// holder returns what the target's root is rendered for, if that is one thing.
func (t *target) holder() (holder, bool) {
	if s := t.root.set; s != nil {
		return holder{object: s.ref, at: amend.Field("spec"), tree: s.spec}, true
	}
	i := t.ours()
	if i < 0 {
		return holder{}, false
	}
	a := t.root.apps[i]
	tree, err := decodeTree([]byte(a.settings))
	return holder{object: a.object, at: a.at, tree: tree, app: &a}, err == nil
}

// pulled returns the target's root as it would be with the lever's new value.
func (t *target) pulled(h holder, l lever) (root, bool) {
	tree, ok := put(h.tree, l.field, decoded(l.value))
	if !ok {
		return root{}, false
	}
	r := t.root
	if h.app == nil {
		var err error
		r.set, err = newAppSet(h.object, tree)
		return r, err == nil
	}
	plain, err := json.Marshal(tree)
	if err != nil {
		return r, false
	}
	a := *h.app
	var s appSource
	if json.Unmarshal(plain, &s) != nil {
		return r, false
	}
	s.RepoURL, s.Path, s.TargetRevision = a.source.RepoURL, a.source.Path, a.source.TargetRevision
	a.source, a.settings = s, s.settings()
	a.key += "\x00" + a.settings
	r.apps = []application{a}
	return r, true
}

// levers proposes every scalar in the source that holds the field's value, or a
// part of it.
func (t *target) levers(body any, want amend.Scalar) []lever {
	var found []lever
	if !t.set {
		return nil
	}
	eachScalar(nil, body, func(at amend.FieldPath, v any) {
		text := scalarText(v)
		kind := kindOf(v)
		if t.proposes(manifest.Leaf{Value: text, Kind: manifest.String}) {
			if now, ok := rewrite(text, t, want.Text); ok {
				found = append(found, lever{field: at, old: text, value: typed(now, kind)})
			}
		}
		if kind == manifest.String {
			for _, now := range t.inside(text, want) {
				found = append(found, lever{field: at, old: text, value: amend.Scalar{Text: now}})
			}
		}
	})
	return found
}

// inside proposes changes of a text that is YAML itself, such as a patch or
// values.
func (t *target) inside(text string, want amend.Scalar) []string {
	inner, err := manifest.Parse([]byte(text))
	if err != nil {
		return nil
	}
	var found []string
	for leaf := range inner.Leaves() {
		if !t.proposes(leaf) {
			continue
		}
		now, ok := rewrite(leaf.Value, t, want.Text)
		if !ok {
			continue
		}
		if res, err := inner.Set(leaf, typed(now, leaf.Kind)); err == nil {
			found = append(found, string(res.Data))
		}
	}
	return found
}

// eachScalar visits the scalars of decoded JSON, list items by index.
func eachScalar(at amend.FieldPath, v any, visit func(amend.FieldPath, any)) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range sortedKeys(v) {
			eachScalar(at.Then(key), v[key], visit)
		}
	case []any:
		for i, item := range v {
			eachScalar(at.Item("index", strconv.Itoa(i)), item, visit)
		}
	case string, json.Number, bool:
		visit(at, v)
	}
}

// follow locates the lever in the manifest of the object that holds it, and
// joins the two proofs: the manifest's line changes the lever alone, and the
// lever changes the field alone.
func (t *target) follow(e effect, h holder, l lever, allowShared bool, count *int) (effect, error) {
	next, err := t.declaration(h, l)
	if err != nil {
		return effect{}, fmt.Errorf("following %s of %s: %w", l.field, h.object, err)
	}
	up, err := next.choose(l.value, allowShared, count)
	if err != nil {
		return effect{}, fmt.Errorf("following %s of %s: %w", l.field, h.object, err)
	}
	hop := Hop{Controls: t.landed().String(), Object: h.object.String(), Field: l.field.String(), Source: next.declaredAt()}
	e.site, e.old, e.result = up.site, up.old, up.result
	e.changes, e.also = append(e.changes, up.changes...), append(e.also, up.also...)
	e.hops = append([]Hop{hop}, up.hops...)
	return e, nil
}

// declaredAt names the file or the folder, or else the ApplicationSet, that the
// target's object comes from.
func (t *target) declaredAt() string {
	switch {
	case t.root.set != nil:
		return t.root.set.ref.String()
	case t.obj.file != "":
		return t.obj.file
	}
	return t.root.dir
}

// maxHops bounds a chain of Applications.
const maxHops = 8

// declaration finds the lever in the object as the repo declares it.
func (t *target) declaration(h holder, l lever) (*target, error) {
	up, err := t.owner.parent(t.view)
	if err != nil {
		return nil, err
	}
	if t.hops == maxHops {
		return nil, amend.Refusef(amend.ReasonUnproven, "more than %d Applications set each other's fields", maxHops)
	}
	next, err := t.view.target(h.object, l.field, scope{owner: up})
	if err != nil {
		return nil, err
	}
	if next.current() != l.old {
		return nil, amend.Refusef(amend.ReasonNotInRepo, "the value is set in the live %s only, not in its manifest", h.object)
	}
	if h.app != nil && !slices.ContainsFunc(next.obj.applications(), func(a application) bool { return a.same(*h.app) && a.path == h.app.path }) {
		return nil, amend.Refusef(amend.ReasonNotInRepo, "the env repo declares another %s than the live one", h.object)
	}
	next.hops = t.hops + 1
	return next, nil
}
