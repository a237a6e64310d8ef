package manifest

import (
	"slices"

	"github.com/amendhq/amend"
	"go.yaml.in/yaml/v3"
)

// Insert adds a field to a document, and the maps above it that are missing, in
// the file's own style. An entry that only comes from a merge key is no
// hindrance: the inserted field overrides it in this one place. It is a
// Conflict error when the field is there already, and NotFound when the
// document or the list item that the field runs through is not. Like Set it
// proves the result and refuses otherwise.
func (f *File) Insert(doc int, field amend.FieldPath, v amend.Scalar) (Result, error) {
	if err := checkScalar(v); err != nil {
		return Result{}, err
	}
	at, err := f.descend(doc, field)
	if err != nil {
		return Result{}, err
	}
	if len(at.keys) == 0 {
		return Result{}, amend.Errorf(amend.Conflict, "insert", "%s exists already", field)
	}
	return f.insert(at, addition{keys: at.keys, value: v})
}

// KeyValue is one field of a list item.
type KeyValue struct {
	Key   string
	Value amend.Scalar
}

// InsertItem appends an item to the list at field, and makes the list and the
// maps above it where they are missing. The first key is the item's identity:
// it is a Conflict error when the list has an item with the same value there.
// Otherwise it behaves like Insert.
func (f *File) InsertItem(doc int, field amend.FieldPath, item []KeyValue) (Result, error) {
	if len(item) == 0 {
		return Result{}, amend.Errorf(amend.Invalid, "insert", "an item without keys")
	}
	for _, kv := range item {
		if err := checkScalar(kv.Value); err != nil {
			return Result{}, err
		}
	}
	at, err := f.descend(doc, field)
	if err != nil {
		return Result{}, err
	}
	if len(at.keys) == 0 && !isEmpty(at.node) && deref(at.node).Kind != yaml.SequenceNode {
		return Result{}, amend.Refusef(amend.ReasonUnsupported, "%s is no list", field)
	}
	if slices.Contains(f.Keys(doc, field, item[0].Key), item[0].Value.Text) {
		return Result{}, amend.Errorf(amend.Conflict, "insert", "%s has an item with %s %q", field, item[0].Key, item[0].Value.Text)
	}
	return f.insert(at, addition{keys: at.keys, item: item})
}

// spot is the deepest node of a field that exists, and the keys below it that
// do not.
type spot struct {
	place
	doc  int
	key  *yaml.Node // under which the node stands; nil at a root and in a list
	keys []string
}

// descend follows a field as far as the file goes, without entries that come
// from merge keys: what is inserted belongs to this place alone.
func (f *File) descend(doc int, field amend.FieldPath) (spot, error) {
	if doc < 0 || doc >= len(f.objects) || len(field) == 0 {
		return spot{}, amend.Errorf(amend.NotFound, "insert", "no field %q in document %d", field, doc)
	}
	at := spot{place: f.objects[doc].root, doc: doc}
	for i, s := range field {
		if s.Select != "" && !isEmpty(at.node) {
			item, ok := f.step(at.place, s)
			if !ok {
				return spot{}, amend.Errorf(amend.NotFound, "insert", "no single item %s", field[:i+1])
			}
			at.place, at.key = item, nil
			continue
		}
		if isEmpty(at.node) {
			return at.missing(field[i:])
		}
		if deref(at.node).Kind != yaml.MappingNode {
			return spot{}, amend.Refusef(amend.ReasonUnsupported, "%q is no map", field[:i])
		}
		e, ok := f.get(at.place, s.Key)
		if e.merged && writes(deref(at.node), s.Key) {
			return spot{}, amend.Refusef(amend.ReasonAmbiguous, "%s is written and then overridden by a merge key, which readers disagree about", field[:i+1])
		}
		if !ok || e.merged {
			return at.missing(field[i:])
		}
		at.place, at.key = e.place, e.key
	}
	return at, nil
}

// writes reports whether the map itself has a key.
func writes(n *yaml.Node, key string) bool {
	for i := 0; i < len(n.Content); i += 2 {
		if !isMerge(n.Content[i]) && keyName(n.Content[i]) == key {
			return true
		}
	}
	return false
}

// missing notes the keys that have to be made; a list item cannot be.
func (s spot) missing(field amend.FieldPath) (spot, error) {
	for _, step := range field {
		if step.Select != "" {
			return spot{}, amend.Errorf(amend.NotFound, "insert", "no list for item [%s=%s]", step.Select, step.Key)
		}
		s.keys = append(s.keys, step.Key)
	}
	return s, nil
}

// isEmpty reports whether n is missing or a null.
func isEmpty(n *yaml.Node) bool {
	if n == nil {
		return true
	}
	n = deref(n)
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// insert tries the possible sites, the best one first, until one is proved.
func (f *File) insert(at spot, a addition) (Result, error) {
	if f.generated {
		return Result{}, errGenerated()
	}
	var first error
	for _, s := range f.sites(at, a) {
		data := s.apply(f.text.data)
		err := f.proveInsert(at, a, data)
		if err == nil {
			return result(data, s), nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = amend.Refusef(amend.ReasonUnsupported, "no place was found to add to")
	}
	return Result{}, first
}

// proveInsert proves that data differs from f in the added nodes only.
func (f *File) proveInsert(at spot, a addition, data []byte) error {
	next, err := f.reparse(data)
	if err != nil {
		return err
	}
	source := f.objects[at.doc].source
	d, err := f.compare(next, source)
	if err != nil {
		return err
	}
	gone, added := 0, a.nodes()
	if isEmpty(at.node) {
		if at.node != nil {
			gone = 1
		}
		added += 2 // the map or list that takes its place
	}
	if len(d.old) != gone || len(d.new) != added {
		return unproven("the insert changes %d nodes into %d, not %d into %d", len(d.old), len(d.new), gone, added)
	}
	t := at.trail
	for _, k := range a.keys {
		t = t.entry(k)
	}
	return f.proveMeaning(next, source, t, a.change)
}
