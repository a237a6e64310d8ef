package manifest

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/amendhq/amend"
	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"
)

// pen writes new values the way their surroundings are written.
type pen struct {
	quote byte // for text that cannot stay plain
	flow  bool // between { } or [ ], where commas and brackets end plain text
	force bool // all strings are quoted, as in JSON
	keys  bool // and all keys
}

// checkScalar refuses a number or a boolean that is none for the readers of
// manifests. Of the words for booleans only those are written that mean the
// same to all readers.
func checkScalar(v amend.Scalar) error {
	switch {
	case !utf8.ValidString(v.Text):
		return amend.Errorf(amend.Invalid, "edit", "the value is not UTF-8")
	case v.IsText():
		return nil
	case v.Boolean && (v.Number || v.Text != "true" && v.Text != "false"):
		return amend.Errorf(amend.Invalid, "edit", "%q is neither true nor false", v.Text)
	case v.Boolean:
		return nil
	}
	if _, kind := plainMeaning(v.Text); kind != Number || strings.Trim(v.Text, "+-._0123456789abcdefoxABCDEFX") != "" {
		return amend.Errorf(amend.Invalid, "edit", "%q is not a number", v.Text)
	}
	return nil
}

// replace writes v where old was, in old's style: quotes stay what they are, and
// plain text stays plain as long as that does not change its type.
func (p pen) replace(old *yaml.Node, v amend.Scalar) string {
	switch {
	case !v.IsText():
		return v.Text
	case old.Style&yaml.DoubleQuotedStyle != 0:
		return doubleQuoted(v.Text)
	case old.Style&yaml.SingleQuotedStyle != 0:
		return singleQuoted(v.Text)
	}
	return p.plainOrQuoted(v.Text, old)
}

// write writes v where nothing was.
func (p pen) write(v amend.Scalar) string {
	if !v.IsText() {
		return v.Text
	}
	return p.plainOrQuoted(v.Text, nil)
}

func (p pen) plainOrQuoted(s string, old *yaml.Node) string {
	switch {
	case !p.force && p.staysString(s, old):
		return s
	case p.quote == '\'' && !p.force:
		return singleQuoted(s)
	}
	return doubleQuoted(s)
}

// staysString reports whether s without quotes is the string s for every
// reader. sigs.k8s.io/yaml decides for Kubernetes, Helm and Argo CD, and yaml/v3
// for Kustomize; where only v3 sees another type, as in a date, s may stay
// plain when the old text had that type too.
func (p pen) staysString(s string, old *yaml.Node) bool {
	pair := "k: " + s
	if old != nil && old.Style&yaml.TaggedStyle != 0 {
		pair = "k: " + old.ShortTag() + " " + s
	}
	if !p.flow {
		return readsAs(pair, s, old)
	}
	// A dash is text before } and a list before a blank: what follows is not known here.
	return readsAs("{"+pair+"}", s, old) && readsAs("{"+pair+" }", s, old) && readsAs("{"+pair+",}", s, old)
}

// readsAs reports whether the only value of the document is the string s.
func readsAs(doc, s string, old *yaml.Node) bool {
	var m map[string]any
	if err := sigsyaml.Unmarshal([]byte(doc), &m); err != nil || m["k"] != s || len(m) != 1 {
		return false
	}
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(doc), &n); err != nil || len(n.Content) != 1 || len(n.Content[0].Content) != 2 {
		return false
	}
	tag := n.Content[0].Content[1].ShortTag()
	return tag == "!!str" || old != nil && isPlain(old) && tag == old.ShortTag()
}

// singleQuoted writes s in single quotes, or in double quotes when it holds
// what single quotes cannot.
func singleQuoted(s string) string {
	if strings.IndexFunc(s, needsEscape) >= 0 {
		return doubleQuoted(s)
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// doubleQuoted writes s with the escapes that JSON and YAML have in common.
func doubleQuoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case needsEscape(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// needsEscape reports whether r would end a line, vanish or be refused by a
// YAML reader when it stood in quotes as it is.
func needsEscape(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == 0xfffe || r == 0xffff
}
