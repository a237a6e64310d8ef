package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/spelling"
)

// A Problem is one mistake in a policy file. Line and Column are 1-based.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

// String writes the problem as compilers do, so that editors and CI find the
// place. It is always one line, whatever the file holds.
func (p Problem) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
}

// Problems is every mistake of a file, in the order of the file. As an error it
// is an amend.Error of kind Invalid with amend.ReasonInvalidPolicy.
type Problems []Problem

// Error writes one problem a line.
func (p Problems) Error() string {
	lines := make([]string, 0, len(p))
	for _, each := range p {
		lines = append(lines, each.String())
	}
	return strings.Join(lines, "\n")
}

// As lets errors.As, and so amend.KindOf and amend.ReasonOf, classify the list
// without a prefix that would spoil its first line.
func (p Problems) As(target any) bool {
	e, ok := target.(**amend.Error)
	if ok {
		*e = &amend.Error{Op: "read policy", Kind: amend.Invalid, Reason: amend.ReasonInvalidPolicy}
	}
	return ok
}

func (p Problems) sort() {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Message, b.Message))
	})
}

// printable escapes what a terminal or a log would act upon.
func printable(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

// expectedOneOf ends a message about a word that is none of the options: with
// the one that was probably meant, or else with all of them.
func expectedOneOf(got string, options []string) string {
	if near := spelling.Nearest(got, options); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return "; expected " + list(options)
}

// list writes options as people do: "a, b or c".
func list(options []string) string {
	if len(options) < 2 {
		return strings.Join(options, "")
	}
	last := len(options) - 1
	return strings.Join(options[:last], ", ") + " or " + options[last]
}
