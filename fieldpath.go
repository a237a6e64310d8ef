package amend

import (
	"strconv"
	"strings"
)

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
