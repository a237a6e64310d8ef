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

// lift looks for control in the Application that deploys the target's root,
// and goes on with that Application, which is itself an object of the repo. It
// reports false if there is no control there.
func (t *target) lift(v amend.Scalar, allowShared bool, count *int) (effect, bool, error) {
	a, ok := t.application()
	if !ok {
		return effect{}, false, nil
	}
	body, err := a.tree()
	if err != nil {
		return effect{}, false, nil
	}
	for _, l := range t.levers(body, v) {
		if *count >= maxProofs {
			break
		}
		changed, ok := a.with(body, l)
		if !ok {
			continue
		}
		*count++
		r := t.root
		r.apps = []application{changed}
		after := r.source().render(t.view, r)
		e := effect{}
		if after.err != nil || !e.compare(t, after, v) {
			continue
		}
		where := a.at[:len(a.at):len(a.at)]
		where = append(where, l.field...)
		if len(e.also) > 0 && !allowShared {
			return effect{}, true, amend.Refusef(amend.ReasonShared, "%s of %s also changes %s", where, a.object, alsoText(e.also))
		}
		e, err = t.follow(e, a, lever{field: where, old: l.old, value: l.value}, allowShared, count)
		return e, true, err
	}
	return effect{}, false, nil
}

// application returns the one Application that the target's root is rendered
// for.
func (t *target) application() (application, bool) {
	apps := t.root.apps
	if t.root.owner != "" {
		apps = slices.DeleteFunc(slices.Clone(apps), func(a application) bool { return a.name != t.root.owner })
	}
	if len(apps) != 1 {
		return application{}, false
	}
	return apps[0], true
}

// tree returns the settings of the source as decoded JSON.
func (a application) tree() (any, error) { return decodeTree([]byte(a.settings)) }

// with returns the application with one value of its source changed.
func (a application) with(body any, l lever) (application, bool) {
	var value any = l.value.Text
	if l.value.Number {
		value = json.Number(l.value.Text)
	}
	changed, ok := put(body, l.field, value)
	if !ok {
		return a, false
	}
	plain, err := json.Marshal(changed)
	if err != nil {
		return a, false
	}
	var s appSource
	if json.Unmarshal(plain, &s) != nil {
		return a, false
	}
	s.RepoURL, s.Path, s.TargetRevision = a.source.RepoURL, a.source.Path, a.source.TargetRevision
	a.source, a.settings = s, s.settings()
	a.key += "\x00" + a.settings
	return a, true
}

// levers proposes every text and number in the source that holds the field's
// value, or a part of it.
func (t *target) levers(body any, want amend.Scalar) []lever {
	var found []lever
	if !t.set {
		return nil
	}
	eachScalar(nil, body, func(at amend.FieldPath, v any) {
		text := scalarText(v)
		_, number := v.(json.Number)
		if t.proposes(manifest.Leaf{Value: text, Kind: manifest.String}) {
			if now, ok := rewrite(text, t, want.Text); ok {
				found = append(found, lever{field: at, old: text, value: amend.Scalar{Text: now, Number: number}})
			}
		}
		if !number {
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
		if res, err := inner.Set(leaf, amend.Scalar{Text: now, Number: leaf.Kind == manifest.Number}); err == nil {
			found = append(found, string(res.Data))
		}
	}
	return found
}

// eachScalar visits the texts and numbers of decoded JSON, list items by index.
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

// follow locates the lever in the manifest of its Application, and joins the
// two proofs: the manifest's line changes the lever alone, and the lever
// changes the field alone.
func (t *target) follow(e effect, a application, l lever, allowShared bool, count *int) (effect, error) {
	next, err := t.declaration(a, l)
	if err != nil {
		return effect{}, fmt.Errorf("following %s of %s: %w", l.field, a.object, err)
	}
	up, err := next.choose(l.value, allowShared, count)
	if err != nil {
		return effect{}, fmt.Errorf("following %s of %s: %w", l.field, a.object, err)
	}
	source := next.obj.file
	if source == "" {
		source = next.root.dir
	}
	hop := Hop{Controls: t.landed().String(), Object: a.object.String(), Field: l.field.String(), Source: source}
	e.site, e.old, e.result = up.site, up.old, up.result
	e.changes, e.also = append(e.changes, up.changes...), append(e.also, up.also...)
	e.hops = append([]Hop{hop}, up.hops...)
	return e, nil
}

// maxHops bounds a chain of Applications.
const maxHops = 8

// declaration finds the lever in the Application as the repo declares it.
func (t *target) declaration(a application, l lever) (*target, error) {
	in := scope{}
	if t.owner != nil {
		var err error
		if in.owner, err = t.view.liveOwner(t.owner.parents); err != nil {
			return nil, err
		}
	}
	if t.hops == maxHops {
		return nil, amend.Refusef(amend.ReasonUnproven, "more than %d Applications set each other's fields", maxHops)
	}
	next, err := t.view.target(a.object, l.field, in)
	if err != nil {
		return nil, err
	}
	if next.current() != l.old {
		return nil, amend.Refusef(amend.ReasonNotInRepo, "the value is set in the live %s only, not in its manifest", a.object)
	}
	next.hops = t.hops + 1
	return next, nil
}
