package locate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/manifest"
)

// An object is one rendered Kubernetes object.
type object struct {
	ref  amend.ObjectRef
	body map[string]any
	file string // that declares it; directory sources only
}

// decodeObjects turns JSON into objects; a List becomes its items. Numbers
// keep their text.
func decodeObjects(data []byte) ([]*object, error) {
	v, err := decodeTree(data)
	return flattenList(v), err
}

// decodeTree decodes JSON; numbers keep their text.
func decodeTree(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	return v, err
}

func flattenList(v any) []*object {
	body, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	kind, _ := body["kind"].(string)
	if items, ok := body["items"].([]any); ok && strings.HasSuffix(kind, "List") {
		var objects []*object
		for _, item := range items {
			objects = append(objects, flattenList(item)...)
		}
		return objects
	}
	meta, _ := body["metadata"].(map[string]any)
	name, _ := meta["name"].(string)
	if kind == "" || name == "" {
		return nil
	}
	ref := amend.ObjectRef{Kind: kind, Name: name}
	ref.Namespace, _ = meta["namespace"].(string)
	version, _ := body["apiVersion"].(string)
	if group, _, ok := strings.Cut(version, "/"); ok {
		ref.Group = group
	}
	return []*object{{ref: ref, body: body}}
}

// parseObjects reads the objects of a YAML or JSON file as Argo CD does for a
// directory source.
func parseObjects(data []byte) ([]*object, error) { return objectsBy(manifest.Read, data) }

// objectsBy is parseObjects with a Reader.
func objectsBy(read manifest.Reader, data []byte) ([]*object, error) {
	var objects []*object
	for _, doc := range splitDocuments(data) {
		v, err := read(doc)
		if err != nil {
			return nil, err
		}
		objects = append(objects, flattenList(v)...)
	}
	return objects, nil
}

// splitDocuments splits at the lines that start with ---, which cannot be
// content in YAML.
func splitDocuments(data []byte) [][]byte {
	var docs [][]byte
	start := 0
	for i := 0; i < len(data); {
		line := data[i:]
		next := bytes.IndexByte(line, '\n') + 1
		if next == 0 {
			next = len(line)
		}
		if i > 0 && bytes.HasPrefix(line, []byte("---")) && (len(line) == 3 || strings.IndexByte(" \t\r\n", line[3]) >= 0) {
			docs = append(docs, data[start:i])
			start = i
		}
		i += next
	}
	return append(docs, data[start:])
}

// get returns the value of a field; a list item must be named by one item only,
// or by its index.
func get(v any, field amend.FieldPath) (any, bool) {
	for _, step := range field {
		if step.Select != "" {
			list, _ := v.([]any)
			i := itemIndex(list, step)
			if i < 0 {
				return nil, false
			}
			v = list[i]
			continue
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[step.Key]; !ok {
			return nil, false
		}
	}
	return v, true
}

func itemIndex(list []any, step amend.FieldStep) int {
	found := -1
	if step.Select == "index" {
		if i, err := strconv.Atoi(step.Key); err == nil && i >= 0 && i < len(list) {
			return i
		}
	}
	for i, item := range list {
		m, _ := item.(map[string]any)
		if id, ok := m[step.Select]; ok && scalarText(id) == step.Key {
			if found >= 0 {
				return -1
			}
			found = i
		}
	}
	return found
}

// put returns v with the field set, sharing what does not change. It fails
// where a list item that the field names is missing.
func put(v any, field amend.FieldPath, value any) (any, bool) {
	if len(field) == 0 {
		return value, true
	}
	step := field[0]
	if step.Select != "" {
		list, _ := v.([]any)
		i := itemIndex(list, step)
		if i < 0 {
			return nil, false
		}
		item, ok := put(list[i], field[1:], value)
		list = slices.Clone(list)
		list[i] = item
		return list, ok
	}
	m, ok := v.(map[string]any)
	if !ok && v != nil {
		return nil, false
	}
	child, ok := put(m[step.Key], field[1:], value)
	copied := map[string]any{}
	maps.Copy(copied, m)
	copied[step.Key] = child
	return copied, ok
}

// isScalar reports whether v is neither a map nor a list.
func isScalar(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

// scalarText writes a decoded JSON value as text.
func scalarText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case nil:
		return "null"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// kindOf returns the type of a decoded JSON value that is a scalar.
func kindOf(v any) manifest.Kind {
	switch v.(type) {
	case json.Number:
		return manifest.Number
	case bool:
		return manifest.Bool
	case nil:
		return manifest.Null
	}
	return manifest.String
}

// decoded is a value as decodeTree returns it.
func decoded(v amend.Scalar) any {
	switch {
	case v.Number:
		return json.Number(v.Text)
	case v.Boolean:
		return v.Text == "true"
	}
	return v.Text
}

// A change is one field that differs between two renders.
type change struct {
	field    amend.FieldPath
	old, new any
	added    bool
	removed  bool
}

// differences lists the fields in which a and b differ. Items of a list are
// compared by name where every item has its own.
func differences(at amend.FieldPath, a, b any) []change {
	if reflect.DeepEqual(a, b) {
		return nil
	}
	switch a := a.(type) {
	case map[string]any:
		if b, ok := b.(map[string]any); ok {
			return mapDifferences(at, a, b)
		}
	case []any:
		if b, ok := b.([]any); ok {
			am, aok := byName(a)
			bm, bok := byName(b)
			if aok && bok {
				return append(itemDifferences(at, am, bm), orderDifference(at, a, b)...)
			}
			if len(a) == len(b) {
				var list []change
				for i := range a {
					list = append(list, differences(at.Item("index", strconv.Itoa(i)), a[i], b[i])...)
				}
				return list
			}
		}
	}
	return []change{{field: at, old: a, new: b}}
}

func mapDifferences(at amend.FieldPath, a, b map[string]any) []change {
	var list []change
	for _, k := range sortedKeys(a) {
		if bv, ok := b[k]; ok {
			list = append(list, differences(at.Then(k), a[k], bv)...)
		} else {
			list = append(list, change{field: at.Then(k), old: a[k], removed: true})
		}
	}
	for _, k := range sortedKeys(b) {
		if _, ok := a[k]; !ok {
			list = append(list, change{field: at.Then(k), new: b[k], added: true})
		}
	}
	return list
}

func itemDifferences(at amend.FieldPath, a, b map[string]any) []change {
	list := mapDifferences(nil, a, b)
	for i, c := range list {
		list[i].field = append(at.Item("name", c.field[0].Key), c.field[1:]...)
	}
	return list
}

// orderDifference returns a change of the order in which two lists hold the
// items that both have. It matters: containers start in it, and variables are
// made of those before them.
func orderDifference(at amend.FieldPath, a, b []any) []change {
	before, after := namesIn(a, b), namesIn(b, a)
	if slices.Equal(before, after) {
		return nil
	}
	return []change{{field: at, old: before, new: after}}
}

// namesIn returns the names of the items of a list that another list has too.
func namesIn(list, other []any) []string {
	known, _ := byName(other)
	var names []string
	for _, item := range list {
		m, _ := item.(map[string]any)
		if name, _ := m["name"].(string); known[name] != nil {
			names = append(names, name)
		}
	}
	return names
}

// byName indexes a list by its items' names, if each item has its own.
func byName(list []any) (map[string]any, bool) {
	m := make(map[string]any, len(list))
	for _, item := range list {
		fields, _ := item.(map[string]any)
		name, ok := fields["name"].(string)
		if _, twice := m[name]; !ok || twice {
			return nil, false
		}
		m[name] = item
	}
	return m, true
}

// hashSuffix is what kustomize appends to the names of generated objects: ten
// characters of an alphabet without vowels and look-alikes.
var hashSuffix = regexp.MustCompile(`-[2456789bcdfghkmt]{10}$`)

// stableName returns the name without a generator's hash.
func stableName(kind, name string) string {
	if kind == "ConfigMap" || kind == "Secret" {
		return hashSuffix.ReplaceAllString(name, "")
	}
	return name
}
