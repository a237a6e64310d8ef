package policy

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxSize bounds a policy file in bytes, and what its aliases expand to. It is
// room for a thousand playbooks.
const maxSize = 256 << 10

// A reader turns YAML nodes into the types of this package. It is strict, goes
// on after a mistake, and remembers where every value came from.
type reader struct {
	file     string
	problems Problems
	// at holds the node of every value that was read, by the value's address
	// or, for an item of a map, by its entry.
	at map[any]*yaml.Node
	// size counts the text visited so far, repeated for every alias to it.
	size int
}

// An entry is one item of the map at the address in.
type entry struct{ in, key any }

func (r *reader) problem(n *yaml.Node, format string, args ...any) {
	r.problems = append(r.problems, Problem{File: r.file, Line: n.Line, Column: n.Column, Message: printable(fmt.Sprintf(format, args...))})
}

// read decodes n into v, which is addressable.
func (r *reader) read(n *yaml.Node, v reflect.Value) {
	content := resolve(n)
	if r.size += len(content.Value) + 1; r.size > maxSize {
		return
	}
	text, isText := v.Addr().Interface().(encoding.TextUnmarshaler)
	switch {
	case isText && content.ShortTag() == "!!str":
		if err := text.UnmarshalText([]byte(content.Value)); err != nil {
			r.problem(n, "%v", err)
			return
		}
	case v.Kind() == reflect.String && content.ShortTag() == "!!str":
		v.SetString(content.Value)
	case v.Kind() == reflect.Int && content.ShortTag() == "!!int":
		number, err := strconv.Atoi(content.Value)
		if err != nil || number < 1 {
			r.problem(n, "expected a whole number of at least 1, found %.60s", content.Value)
			return
		}
		v.SetInt(int64(number))
	case v.Kind() == reflect.Bool && content.ShortTag() == "!!bool":
		v.SetBool(strings.EqualFold(content.Value, "true"))
	case v.Kind() == reflect.Slice && content.Kind == yaml.SequenceNode:
		r.readList(content, v)
	case v.Kind() == reflect.Map && content.Kind == yaml.MappingNode:
		r.readMap(content, v)
	case v.Kind() == reflect.Struct && len(fieldsOf(v.Type())) > 0 && content.Kind == yaml.MappingNode:
		r.readStruct(content, v)
	default:
		hint := ""
		if v.Kind() == reflect.String && content.Kind == yaml.ScalarNode && content.ShortTag() != "!!null" {
			hint = "; put it in quotes if it is meant as text"
		}
		r.problem(n, "expected %s, found %s%s", expected(v), found(content), hint)
		return
	}
	r.at[v.Addr().Interface()] = n
}

// readList gives the slice its final length first, so that the addresses of
// its items last.
func (r *reader) readList(n *yaml.Node, v reflect.Value) {
	if r.size+len(n.Content) > maxSize {
		r.size = maxSize + 1
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		r.read(item, v.Index(i))
	}
}

// readMap takes every scalar as text; whether it should have been a number
// depends on another field, see checkWith.
func (r *reader) readMap(n *yaml.Node, v reflect.Value) {
	v.Set(reflect.MakeMap(v.Type()))
	r.eachKey(n, func(key, value *yaml.Node) {
		content := resolve(value)
		r.size += len(content.Value) + 1
		if content.Kind != yaml.ScalarNode || content.ShortTag() == "!!null" {
			r.problem(value, "expected text or a number for %.60q, found %s", key.Value, found(content))
			return
		}
		v.SetMapIndex(reflect.ValueOf(key.Value), reflect.ValueOf(content.Value))
		r.at[entry{v.Addr().Interface(), key.Value}] = value
	})
}

func (r *reader) readStruct(n *yaml.Node, v reflect.Value) {
	fields := fieldsOf(v.Type())
	names := make([]string, 0, len(fields))
	for _, f := range fields {
		names = append(names, f.name)
	}
	seen := r.eachKey(n, func(key, value *yaml.Node) {
		for _, f := range fields {
			if f.name == key.Value {
				r.read(value, v.Field(f.index))
				return
			}
		}
		r.problem(key, "unknown field %.60q%s", key.Value, expectedOneOf(key.Value, names))
	})
	for _, f := range fields {
		if f.required && !seen[f.name] && !seen["<<"] {
			r.problem(n, "missing field %q; expected %s. %s", f.name, expected(v.Field(f.index)), f.help)
		}
	}
}

// eachKey calls visit for every key of a mapping that is text and not a
// repetition, reports the others, and returns the keys it saw.
func (r *reader) eachKey(n *yaml.Node, visit func(key, value *yaml.Node)) map[string]bool {
	lines := map[string]int{}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content) && r.size <= maxSize; i += 2 {
		key := n.Content[i]
		r.size += len(resolve(key).Value) + 1
		switch name := resolve(key); {
		case name.ShortTag() == "!!merge":
			seen["<<"] = true
			r.problem(key, "merge keys (<<) are not read here; write the fields out, or use defaults")
		case name.ShortTag() != "!!str":
			r.problem(key, "expected the name of a field, found %s", found(name))
		case seen[name.Value]:
			r.problem(key, "field %.60q is set twice, first in line %d", name.Value, lines[name.Value])
		default:
			seen[name.Value], lines[name.Value] = true, key.Line
			visit(&yaml.Node{Kind: yaml.ScalarNode, Value: name.Value, Line: key.Line, Column: key.Column}, n.Content[i+1])
		}
	}
	return seen
}

type field struct {
	name     string
	index    int
	required bool
	help     string
}

// fieldsOf reads the tags of a type, which the schema follows too.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		name, options, _ := strings.Cut(tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields = append(fields, field{name, i, options == "", tag.Get("jsonschema_description")})
		}
	}
	return fields
}

func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// expected names, for people, what a value of the type of v is written as.
func expected(v reflect.Value) string {
	switch v.Addr().Interface().(type) {
	case *Duration:
		return "a duration such as 30m or 1h"
	case *Matcher:
		return `a matcher such as alertname="HighLatency"`
	case *KindSource:
		return "a kind such as Deployment, or a mapping with label and allowed"
	case *Condition:
		return `a condition such as labels.severity == "critical"`
	case *Schedule:
		return `a schedule such as "0 18 * * 5"`
	case *Share:
		return "a share such as 20%"
	case *TimeZone:
		return "a time zone such as Europe/Berlin"
	case *Source:
		return "a mapping with either label or value"
	case *Probe:
		return "a PromQL expression"
	}
	switch v.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number of at least 1"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "a mapping"
	default:
		return "text"
	}
}

// found names, for people, what a node holds.
func found(n *yaml.Node) string {
	switch n.ShortTag() {
	case "!!map":
		return "a mapping"
	case "!!seq":
		return "a list"
	case "!!str":
		return "text"
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return fmt.Sprintf("the number %.60s", n.Value)
	case "!!bool":
		return fmt.Sprintf("the truth value %.60s", n.Value)
	case "!!timestamp":
		return fmt.Sprintf("the date %.60s", n.Value)
	}
	return fmt.Sprintf("a value tagged %.60s", n.Tag)
}
