package mask

import (
	"reflect"

	"github.com/amendhq/amend"
)

// Deep returns a copy of v in which every text is masked, wherever in it that
// stands: in fields, lists, maps and what is pointed to. A text of a map is
// masked by its key too, so that the label "password" shows nothing. What a
// package keeps in unexported fields is left as it is.
//
// It goes by reflection, so that a field that somebody adds to a type later is
// masked without anybody having to think of it.
func Deep[T any](m Masker, v T) T {
	out := reflect.ValueOf(&v).Elem()
	out.Set(m.deep(out))
	return v
}

func (m Masker) deep(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.String:
		return text(v.Type(), m.Text(v.String()))
	case reflect.Struct:
		return m.record(v)
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type().Elem())
		out.Elem().Set(m.deep(v.Elem()))
		return out
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		return m.deep(v.Elem())
	case reflect.Slice, reflect.Array:
		return m.list(v)
	case reflect.Map:
		return m.table(v)
	}
	return v
}

func (m Masker) record(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	// The field of an object says what its values are, as a key does.
	switch p := out.Addr().Interface().(type) {
	case *amend.FieldChange:
		p.Old, p.New = m.Value(p.Field, p.Old), m.Value(p.Field, p.New)
	case *amend.Edit:
		p.Old, p.New = m.Value(p.Field, p.Old), m.Value(p.Field, p.New)
	}
	for i := range v.NumField() {
		if f := out.Field(i); f.CanSet() {
			f.Set(m.deep(f))
		}
	}
	return out
}

func (m Masker) list(v reflect.Value) reflect.Value {
	if v.Kind() == reflect.Slice && (v.IsNil() || v.Type().Elem().Kind() == reflect.Uint8) {
		if v.Len() == 0 {
			return v
		}
		return reflect.ValueOf([]byte(m.Text(string(v.Bytes())))).Convert(v.Type())
	}
	out := reflect.New(v.Type()).Elem()
	if v.Kind() == reflect.Slice {
		out = reflect.MakeSlice(v.Type(), v.Len(), v.Len())
	}
	for i := range v.Len() {
		out.Index(i).Set(m.deep(v.Index(i)))
	}
	return out
}

func (m Masker) table(v reflect.Value) reflect.Value {
	if v.IsNil() {
		return v
	}
	out := reflect.MakeMapWithSize(v.Type(), v.Len())
	for key, value := range v.Seq2() {
		if inner := held(value); key.Kind() == reflect.String && inner.Kind() == reflect.String {
			value = text(inner.Type(), m.Value(key.String(), inner.String()))
		} else {
			value = m.deep(value)
		}
		out.SetMapIndex(m.deep(key), value)
	}
	return out
}

// held returns what an interface holds, and any other value itself.
func held(v reflect.Value) reflect.Value {
	if v.Kind() == reflect.Interface {
		return v.Elem()
	}
	return v
}

func text(t reflect.Type, s string) reflect.Value { return reflect.ValueOf(s).Convert(t) }
