package manifest

import (
	"encoding/json"
	"strings"

	"github.com/amendhq/amend"
	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"
)

// A Kind is the type that sigs.k8s.io/yaml, the reader of Kubernetes, Helm and
// Argo CD, gives to a scalar.
type Kind string

// The kinds of scalars. A plain on or yes is a Bool here, unlike in YAML 1.2.
const (
	String Kind = "string"
	Number Kind = "number"
	Bool   Kind = "bool"
	Null   Kind = "null"
)

// kindOf returns the kind that a value is to be read as.
func kindOf(v amend.Scalar) Kind {
	switch {
	case v.Number:
		return Number
	case v.Boolean:
		return Bool
	}
	return String
}

// meaning returns the value and the type of a scalar node. Numbers come in the
// form that JSON gives them, so 0x10 is 16.
func meaning(n *yaml.Node) (string, Kind) {
	tagged := n.Style&yaml.TaggedStyle != 0
	switch {
	case tagged && n.ShortTag() == "!!str", !tagged && !isPlain(n):
		return n.Value, String
	case tagged && !isPlain(n):
		return readAs("k: "+n.Tag+" "+doubleQuoted(n.Value), n.Value)
	case tagged:
		return readAs("k: "+n.Tag+" "+n.Value, n.Value)
	}
	return plainMeaning(n.Value)
}

// plainMeaning reads plain text. It asks the reader only about text that can be
// something else than a string or a plain integer, for asking is slow.
func plainMeaning(s string) (string, Kind) {
	switch {
	case s == "":
		return "", Null
	case isDecimal(s):
		return s, Number
	case mayBeTyped(s):
		return readAs("k: "+s, s)
	}
	return s, String
}

// mayBeTyped is false for text that no rule of YAML 1.1 can take for a number,
// a boolean or a null.
func mayBeTyped(s string) bool {
	if strings.IndexByte("+-.0123456789", s[0]) >= 0 {
		return strings.Trim(s, "+-._0123456789abcdefoxinABCDEFOXIN") == ""
	}
	switch strings.ToLower(s) {
	case "~", "null", "y", "yes", "n", "no", "true", "false", "on", "off":
		return true
	}
	return false
}

// isDecimal reports whether s is an integer that every reader takes as it is.
func isDecimal(s string) bool {
	if len(s) > 15 || s[0] == '0' && len(s) > 1 {
		return false
	}
	return strings.Trim(s, "0123456789") == ""
}

// readAs reads the one-entry document and returns the value and type of its
// scalar; what the reader does not understand stays the given string.
func readAs(doc, fallback string) (string, Kind) {
	var m map[string]json.RawMessage
	if err := sigsyaml.Unmarshal([]byte(doc), &m); err != nil || len(m) != 1 {
		return fallback, String
	}
	for _, raw := range m {
		switch raw[0] {
		case '"':
			var s string
			if json.Unmarshal(raw, &s) == nil {
				return s, String
			}
		case 't', 'f':
			return string(raw), Bool
		case 'n':
			return "", Null
		case '{', '[':
		default:
			return string(raw), Number
		}
	}
	return fallback, String
}

// keyName returns a map key as the reader gives it: always a string.
func keyName(n *yaml.Node) string {
	n = deref(n)
	if _, kind := meaning(n); kind == String {
		return n.Value
	}
	var m map[string]json.RawMessage
	if err := sigsyaml.Unmarshal([]byte(n.Value+": 0"), &m); err == nil && len(m) == 1 {
		for k := range m {
			return k
		}
	}
	return n.Value
}
