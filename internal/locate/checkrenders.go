package locate

import (
	"slices"

	"github.com/amendhq/amend"
)

// CheckRenders compares two renders of one Application that Argo CD made, before and
// after an edit and each object as JSON, with what the edit was proved to change
// in it here. It refuses with ReasonUnproven and names the fields when a wanted
// change is not there, or is another one, or when there is any other. Names with
// a hash that follow the content, and annotations with a checksum, may differ.
// What Secrets hold is masked by Argo CD and cannot be compared.
func CheckRenders(before, after []string, want []amend.FieldChange) error {
	was, err := decodeRender(before)
	if err != nil {
		return err
	}
	is, err := decodeRender(after)
	if err != nil {
		return err
	}
	d := newDelta(was, is)
	intended := map[*object]any{}
	var wrong []string
	for _, c := range want {
		if c.Object.Kind != "Secret" && !d.fulfils(c, intended) {
			wrong = append(wrong, c.Field+" of "+c.Object.String()+" does not become "+c.New)
		}
	}
	for _, c := range d.changes(func(o *object) any {
		if body, ok := intended[o]; ok {
			return body
		}
		return o.body
	}) {
		expected := c.Field == "*" && slices.ContainsFunc(want, func(w amend.FieldChange) bool { return w.Field == "*" && sameObject(w.Object, c.Object) })
		if !c.ripple && !expected {
			wrong = append(wrong, c.Field+" of "+c.Object.String()+" changes too")
		}
	}
	if len(wrong) > 0 {
		return amend.Refusef(amend.ReasonUnproven, "Argo CD renders the change otherwise than it was proved: %s", listed(wrong))
	}
	return nil
}

func decodeRender(manifests []string) (*render, error) {
	r := &render{}
	for _, m := range manifests {
		objects, err := decodeObjects([]byte(m))
		if err != nil {
			return nil, amend.Errorf(amend.Transient, "read Argo CD's render", "%w", err)
		}
		r.objects = append(r.objects, objects...)
	}
	return r, nil
}

// fulfils reports whether the renders differ as wanted, and notes in intended
// what the object before becomes by it.
func (d *delta) fulfils(want amend.FieldChange, intended map[*object]any) bool {
	if want.Field == "*" {
		return slices.ContainsFunc(d.changes(func(o *object) any { return o.body }), func(c deltaChange) bool {
			return c.Field == "*" && sameObject(want.Object, c.Object) && (c.New == "") == (want.New == "")
		})
	}
	field, err := amend.ParseFieldPath(want.Field)
	if err != nil {
		return false
	}
	for _, o := range d.before.objects {
		p := d.partner[o]
		if p == nil || !sameObject(want.Object, o.ref) {
			continue
		}
		body, seen := intended[o]
		if !seen {
			body = o.body
		}
		now, ok := get(p.body, field)
		old, _ := get(body, field)
		if !ok || !isScalar(now) {
			return false
		}
		c := d.describe(o, change{field: field, old: old, new: now, added: old == nil})
		if body, ok = put(body, field, now); !ok || !c.ripple && (c.Old != want.Old || c.New != want.New) {
			return false
		}
		intended[o] = body
		return true
	}
	return false
}

// sameObject reports whether a reference of ours is to an object that Argo CD
// rendered. Either may leave out the namespace, and ours the group; the name may
// end in another hash.
func sameObject(ours, theirs amend.ObjectRef) bool {
	return ours.Kind == theirs.Kind && stableName(ours.Kind, ours.Name) == stableName(theirs.Kind, theirs.Name) &&
		(ours.Namespace == theirs.Namespace || ours.Namespace == "" || theirs.Namespace == "") &&
		(ours.Group == theirs.Group || ours.Group == "")
}
