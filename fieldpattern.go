package amend

import (
	"regexp"
	"strings"
)

// A FieldPattern selects fields of an object: a field path in which [*] stands
// for any item of a list or any quoted key, and ** at the end for all that is
// below, as in spec.template.spec.containers[*].image and metadata.**. The
// pattern ** selects every field.
type FieldPattern string

// Matches reports whether the pattern selects a field, written as FieldPath.String
// writes it or with the numbers of items.
func (p FieldPattern) Matches(field string) bool {
	if !strings.Contains(string(p), "*") {
		return string(p) == field
	}
	text, below := strings.CutSuffix(string(p), "**")
	form := strings.ReplaceAll(regexp.QuoteMeta(text), `\[\*\]`, `\[(?:"(?:[^"\\]|\\.)*"|[^"\]]*)\]`)
	if below {
		form += ".*"
	}
	ok, err := regexp.MatchString("^(?s:"+form+")$", field)
	return err == nil && ok
}
