package locate

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/manifest"
)

// maxProofs bounds how many sites of a kind are tried for one object, and
// maxBlast how many other roots are rendered to see what else a site moves.
const (
	maxProofs = 24
	maxBlast  = 32
)

// An AlsoChange is a field besides the intended one that the same line moves.
// Application is the Argo CD Application, or the folder of the source when the
// repo names none.
type AlsoChange struct {
	Application string `json:"application"`
	Object      string `json:"object"`
	Field       string `json:"field"`
}

// An effect is what a written site does to the renders.
type effect struct {
	site    site
	old     []byte // of the file at site
	result  manifest.Result
	changes []amend.FieldChange
	also    []AlsoChange
	hops    []Hop
}

// try writes the value at the site and renders the target's root. It is an
// error when the value cannot be written or does not arrive in the field.
func (t *target) try(s site, v amend.Scalar, count *int) (effect, error) {
	if s.add && byIndex(t.field) {
		return effect{}, amend.Refusef(amend.ReasonComputed, "%s: nothing can be added for %s, which goes through a list item without a name", s.path, t.field)
	}
	res, err := s.write(v)
	if err != nil {
		return effect{}, fmt.Errorf("%s: %w", s.path, err)
	}
	*count++
	after := t.view.with(s.path, res.Data).render(t.root)
	if after.err != nil {
		return effect{}, after.err
	}
	old, err := t.view.read(s.path)
	if err != nil {
		return effect{}, err
	}
	e := effect{site: s, old: old, result: res}
	if !e.compare(t, after, v) {
		return effect{}, amend.Refusef(amend.ReasonUnproven, "%s:%d does not control %s", s.path, res.Line, t.field)
	}
	if p, err := amend.ParseRepoPath(s.path); err != nil || p.Protected() {
		return effect{}, amend.Refusef(amend.ReasonProtected, "%s must not be edited by a fix", s.path)
	}
	if manifest.Generated(old) {
		return effect{}, amend.Refusef(amend.ReasonProtected, "%s says that a program generates it: change its source instead", s.path)
	}
	return e, nil
}

// compare fills in what differs between the target's render and after, and
// reports whether the field became v.
func (e *effect) compare(t *target, after *render, v amend.Scalar) bool {
	d := newDelta(t.match.render, after)
	obj := d.partner[t.obj]
	if obj == nil {
		return false
	}
	now, ok := get(obj.body, t.fieldWith(v))
	if !ok || !holds(now, v) {
		return false
	}
	intended, ok := put(t.obj.body, t.field, now)
	if !ok {
		return false
	}
	e.changes = append(e.changes, amend.FieldChange{Object: t.landed(), Field: t.field.String(), Old: t.current(), New: v.Text})
	intended = e.accompany(t, obj, intended)
	e.note(d, t.root, func(o *object) any {
		if o == t.obj {
			return intended
		}
		return o.body
	})
	return true
}

// accompany adds to what is intended the fields that were to get the value that
// they have got.
func (e *effect) accompany(t *target, after *object, intended any) any {
	for _, s := range t.along {
		now, ok := get(after.body, s.Field)
		old, _ := get(intended, s.Field)
		if !ok || !holds(now, s.Value) || !isScalar(old) || holds(old, s.Value) {
			continue
		}
		if with, ok := put(intended, s.Field, now); ok {
			intended = with
			c := amend.FieldChange{Object: t.landed(), Field: s.Field.String(), New: s.Value.Text}
			if old != nil {
				c.Old = scalarText(old)
			}
			e.changes = append(e.changes, c)
		}
	}
	return intended
}

// note adds the differences of d to the effect. Renamed generator output is
// shown but is no surprise.
func (e *effect) note(d *delta, r root, before func(*object) any) {
	where := r.dir
	switch {
	case r.set != nil:
		where = r.set.ref.String()
	case len(r.apps) > 0:
		where = r.apps[0].name
	}
	for _, c := range d.changes(before) {
		e.changes = append(e.changes, c.FieldChange)
		if !c.ripple {
			e.also = append(e.also, AlsoChange{Application: where, Object: c.Object.String(), Field: c.Field})
		}
	}
}

// holds reports whether a rendered value is v in text and in type.
func holds(now any, v amend.Scalar) bool {
	switch now := now.(type) {
	case json.Number:
		return v.Number && now.String() == v.Text
	case bool:
		return v.Boolean && strconv.FormatBool(now) == v.Text
	case string:
		return v.IsText() && now == v.Text
	}
	return false
}

// blast renders the other roots that read the site's file and adds what moves
// there: in all of them, or in the first where something does. A root that
// cannot be rendered could move in any way.
func (t *target) blast(e *effect, count *int, all bool) {
	for _, a := range append(t.siblings(), t.unlisted(e.site.path)...) {
		e.also = append(e.also, AlsoChange{Application: a, Object: t.obj.ref.String(), Field: t.field.String()})
	}
	for i, r := range t.otherReaders(e.site.path) {
		if !all && len(e.also) > 0 {
			return
		}
		if i >= maxBlast && len(r.programs()) == 0 { // programs have a bound of their own
			e.also = append(e.also, AlsoChange{Application: r.dir, Object: "not rendered", Field: "*"})
			continue
		}
		before := t.view.render(r)
		if before.absent() {
			continue
		}
		*count++
		after := t.view.with(e.site.path, e.result.Data).render(r)
		if before.err != nil || after.err != nil {
			e.also = append(e.also, AlsoChange{Application: r.dir, Object: "not rendered", Field: "*"})
			continue
		}
		e.note(newDelta(before, after), r, func(o *object) any { return o.body })
	}
}

// siblings names the other Applications that deploy the target's root too.
func (t *target) siblings() []string {
	var names []string
	for i, a := range t.root.apps {
		if i != t.ours() {
			names = append(names, a.name)
		}
	}
	return names
}

// ours returns the index of the Application among those of the target's root
// that deploys the object asked for, -1 if that is not known.
func (t *target) ours() int {
	if t.root.owner != "" {
		return 0
	}
	ours := -1
	for i, a := range t.root.apps {
		switch {
		case len(t.root.apps) > 1 && (t.obj.ref.Namespace != "" || a.namespace != t.ref.Namespace):
		case ours >= 0:
			return -1
		default:
			ours = i
		}
	}
	return ours
}

// delta pairs the objects of two renders of one root.
type delta struct {
	before, after *render
	partner       map[*object]*object
	renamed       [][2]string // generated names, before and after
}

func newDelta(before, after *render) *delta {
	d := &delta{before: before, after: after, partner: map[*object]*object{}}
	byKey := map[string][]*object{}
	for _, o := range after.objects {
		byKey[pairKey(o)] = append(byKey[pairKey(o)], o)
	}
	for _, o := range before.objects {
		key := pairKey(o)
		if len(byKey[key]) == 0 {
			continue
		}
		p := byKey[key][0]
		byKey[key] = byKey[key][1:]
		d.partner[o] = p
		if p.ref.Name != o.ref.Name {
			d.renamed = append(d.renamed, [2]string{o.ref.Name, p.ref.Name})
		}
	}
	return d
}

// pairKey identifies an object across a change of its generator hash.
func pairKey(o *object) string {
	ref := o.ref
	ref.Name = stableName(ref.Kind, ref.Name)
	return ref.String() + "\x00" + o.file
}

type deltaChange struct {
	amend.FieldChange
	ripple bool
}

// changes lists the fields that differ, with before giving the body that an
// object is compared from.
func (d *delta) changes(before func(*object) any) []deltaChange {
	var list []deltaChange
	paired := map[*object]bool{}
	for _, o := range d.before.objects {
		p := d.partner[o]
		if p == nil {
			list = append(list, deltaChange{FieldChange: amend.FieldChange{Object: o.ref, Field: "*", Old: "exists"}})
			continue
		}
		paired[p] = true
		for _, c := range differences(nil, before(o), any(p.body)) {
			list = append(list, d.describe(o, c))
		}
	}
	for _, p := range d.after.objects {
		if !paired[p] {
			list = append(list, deltaChange{FieldChange: amend.FieldChange{Object: p.ref, Field: "*", New: "exists"}})
		}
	}
	return list
}

func (d *delta) describe(o *object, c change) deltaChange {
	out := deltaChange{FieldChange: amend.FieldChange{Object: o.ref, Field: c.field.String()}}
	if !c.added {
		out.Old = scalarText(c.old)
	}
	if !c.removed {
		out.New = scalarText(c.new)
	}
	for _, r := range d.renamed {
		out.ripple = out.ripple || (!c.added && !c.removed && strings.ReplaceAll(out.Old, r[0], r[1]) == out.New)
	}
	out.ripple = out.ripple || isChecksum(c)
	if o.ref.Kind == "Secret" { // what is in it is shown to nobody
		out.Old, out.New = hidden(out.Old), hidden(out.New)
	}
	return out
}

// digest matches what templates print of a hash function.
var digest = regexp.MustCompile(`^[0-9a-f]{32,128}$`)

// isChecksum reports whether an annotation changes that holds the hash of
// another object, so that pods are replaced when that changes.
func isChecksum(c change) bool {
	before, ok := c.old.(string)
	after, ok2 := c.new.(string)
	n := len(c.field)
	return ok && ok2 && n > 1 && c.field[n-2].Key == "annotations" && strings.Contains(c.field[n-1].Key, "checksum") &&
		digest.MatchString(before) && digest.MatchString(after)
}

// hidden stands for a value that must not be printed.
func hidden(value string) string {
	if value == "" {
		return ""
	}
	return "(hidden)"
}
