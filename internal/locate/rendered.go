package locate

import (
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/amendhq/amend"
)

// An Object is one rendered object, for reading.
type Object struct{ obj *object }

// Deployed finds the one rendered object of a query, as the Application that the
// query names deploys it: with the settings that are live, if it holds them. The
// field of the query does not matter. It refuses with ReasonNotInRepo,
// ReasonAmbiguous, ReasonUnsupported, ReasonRemote, ReasonProtected, or
// ReasonUnproven when a source does not render.
func (l *Locator) Deployed(tree fs.FS, q Query) (*Object, error) {
	_, m, err := l.deployed(tree, q)
	if err != nil {
		return nil, err
	}
	return &Object{m.obj}, nil
}

// deployed finds the object and the view of the tree in which it was found.
func (l *Locator) deployed(tree fs.FS, q Query) (*view, match, error) {
	v, err := l.view(tree)
	if err != nil {
		return nil, match{}, err
	}
	o, err := v.owner(q)
	if err != nil {
		return nil, match{}, fmt.Errorf("locating %s: %w", q.Object, err)
	}
	m, err := v.match(q.Object, scope{owner: o, dir: q.Root})
	if err != nil {
		return nil, match{}, fmt.Errorf("locating %s: %w", q.Object, err)
	}
	return v, m, nil
}

// Ref returns the object's identity as it is rendered.
func (o *Object) Ref() amend.ObjectRef { return o.obj.ref }

// Value returns the rendered value of a scalar field. A null is none.
func (o *Object) Value(field amend.FieldPath) (amend.Scalar, bool) {
	v, ok := get(o.obj.body, field)
	s := scalarOf(v)
	if !ok || s == nil {
		return amend.Scalar{}, false
	}
	return *s, true
}

// Names returns the names of the items of a list, such as the containers, or
// the keys of a map, sorted.
func (o *Object) Names(field amend.FieldPath) []string {
	v, _ := get(o.obj.body, field)
	if m, ok := v.(map[string]any); ok {
		return sortedKeys(m)
	}
	items, _ := v.([]any)
	var names []string
	for _, item := range items {
		m, _ := item.(map[string]any)
		if name, ok := m["name"].(string); ok {
			names = append(names, name)
		}
	}
	return names
}

// A Difference is one field that differs between two renders of an object.
// Before and After are nil where the field is not set, or holds a list or a map.
type Difference struct {
	Field         amend.FieldPath
	Before, After *amend.Scalar
}

// Since lists the fields in which the object differs from an earlier render of
// it. A map or a list that one of them lacks is one field.
func (o *Object) Since(before *Object) []Difference {
	var list []Difference
	for _, c := range differences(nil, before.obj.body, any(o.obj.body)) {
		list = append(list, Difference{c.field, scalarOf(c.old), scalarOf(c.new)})
	}
	return list
}

// scalarOf returns a decoded JSON value as a scalar, nil if it is none.
func scalarOf(v any) *amend.Scalar {
	switch v := v.(type) {
	case string:
		return &amend.Scalar{Text: v}
	case json.Number:
		return &amend.Scalar{Text: v.String(), Number: true}
	case bool:
		return &amend.Scalar{Text: scalarText(v), Boolean: true}
	}
	return nil
}
