package amend

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

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

// ParseFieldPath reads the syntax that FieldPath describes.
func ParseFieldPath(s string) (FieldPath, error) {
	var p FieldPath
	for rest := s; rest != ""; {
		var step FieldStep
		var ok bool
		switch {
		case strings.HasPrefix(rest, `["`):
			step, rest, ok = quotedStep(rest)
		case rest[0] == '[':
			step, rest, ok = selectStep(rest)
		default:
			if len(p) > 0 {
				if rest[0] != '.' {
					return nil, badField(s)
				}
				rest = rest[1:]
			}
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			step, rest = FieldStep{Key: rest[:end]}, rest[end:]
			ok = plainKey(step.Key)
		}
		if !ok {
			return nil, badField(s)
		}
		p = append(p, step)
	}
	if len(p) == 0 {
		return nil, badField(s)
	}
	return p, nil
}

func quotedStep(s string) (FieldStep, string, bool) {
	quoted, err := strconv.QuotedPrefix(s[1:])
	if err != nil {
		return FieldStep{}, "", false
	}
	key, err := strconv.Unquote(quoted)
	rest, closed := strings.CutPrefix(s[1+len(quoted):], "]")
	return FieldStep{Key: key}, rest, err == nil && closed
}

func selectStep(s string) (FieldStep, string, bool) {
	inner, rest, closed := strings.Cut(s[1:], "]")
	sel, val, ok := strings.Cut(inner, "=")
	return FieldStep{Select: sel, Key: val}, rest, closed && ok && plainKey(sel) && val != ""
}

func badField(s string) error {
	return Errorf(Invalid, "parse field", `%q is not a field path, e.g. spec.replicas, spec.template.spec.containers[name=app].image or data["key"]`, s)
}

// privileged are the keys of fields by which a workload becomes another one,
// runs other commands, or gets rights, secrets and files that it did not have.
var privileged = [...]string{
	"apiVersion", "kind", "ownerReferences", "finalizers", "selector",
	"securityContext", "podSecurityContext", "serviceAccount", "serviceAccountName", "automountServiceAccountToken",
	"hostNetwork", "hostPID", "hostIPC", "hostPath", "volumes", "volumeMounts", "volumeDevices", "command", "args", "lifecycle",
	"imagePullSecrets", "secretKeyRef", "secretRef", "repoURL", "project", "destination", "roleRef", "rules", "subjects",
}

// PrivilegedKey reports whether no change may set a field with such a key, or
// one below it.
func PrivilegedKey(key string) bool { return slices.Contains(privileged[:], key) }

func plainKey(k string) bool {
	return k != "" && !strings.ContainsAny(k, ".[]\"=/\\ \t\n")
}
