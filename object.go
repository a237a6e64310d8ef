package amend

import (
	"fmt"
	"strings"
)

// An ObjectRef names one Kubernetes object. Namespace may be empty for an
// object whose manifest names none; Group is empty for the core group or when
// it does not matter.
type ObjectRef struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// ParseObjectRef reads [GROUP/]KIND/NAMESPACE/NAME; the namespace may be empty
// ("Deployment//web").
func ParseObjectRef(s string) (ObjectRef, error) {
	parts := strings.Split(s, "/")
	if len(parts) == 3 {
		parts = append([]string{""}, parts...)
	}
	if len(parts) != 4 || parts[1] == "" || parts[3] == "" {
		return ObjectRef{}, Errorf(Invalid, "parse object", "%q is not [GROUP/]KIND/NAMESPACE/NAME, e.g. Deployment/shop/web", s)
	}
	return ObjectRef{Group: parts[0], Kind: parts[1], Namespace: parts[2], Name: parts[3]}, nil
}

// String is the inverse of ParseObjectRef.
func (r ObjectRef) String() string {
	s := r.Kind + "/" + r.Namespace + "/" + r.Name
	if r.Group != "" {
		s = r.Group + "/" + s
	}
	return s
}

// A Workload is the object that an alert is about, and the container in it
// when the alert names one.
type Workload struct {
	ObjectRef
	Container string `json:"container,omitempty"`
}

// A FieldPath names a field of a live object, e.g. spec.replicas,
// spec.template.spec.containers[name=app].image or data["a.b/c"].
// List items are named by an identity key, never by index, because indexes
// change when a list grows.
type FieldPath []FieldStep

// A FieldStep is one step of a FieldPath: into a map by Key, or, when Select is
// set, to the list item whose field Select has the value Key.
type FieldStep struct {
	Select string
	Key    string
}

// Field builds a path from plain map keys.
func Field(keys ...string) FieldPath {
	p := make(FieldPath, 0, len(keys))
	for _, k := range keys {
		p = append(p, FieldStep{Key: k})
	}
	return p
}

// Item extends p by the list item whose field key has the given value.
func (p FieldPath) Item(key, value string) FieldPath {
	return append(p[:len(p):len(p)], FieldStep{Select: key, Key: value})
}

// Then extends p by plain map keys.
func (p FieldPath) Then(keys ...string) FieldPath {
	return append(p[:len(p):len(p)], Field(keys...)...)
}

// String writes the path so that ParseFieldPath reads it back.
func (p FieldPath) String() string {
	var b strings.Builder
	for i, s := range p {
		switch {
		case s.Select != "":
			fmt.Fprintf(&b, "[%s=%s]", s.Select, s.Key)
		case plainKey(s.Key):
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.Key)
		default:
			fmt.Fprintf(&b, "[%q]", s.Key)
		}
	}
	return b.String()
}

func plainKey(k string) bool {
	return k != "" && !strings.ContainsAny(k, ".[]\"=/\\ \t\n")
}
