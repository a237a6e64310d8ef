package audit

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/amendhq/amend"
)

var (
	// action matches a template action.
	action = regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	// named matches a call of a template action whose text is a name and no value.
	named = regexp.MustCompile(`\b(include|template|define|block|lookup|tpl|Get|Glob|Lines|AsConfig|AsSecrets)\s+"[^"]*"`)
	// constant matches a value that is written out, in a template or a program.
	constant = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\b(?:true|false)\b|\b[0-9][0-9A-Za-z.]*\b`)
	// word matches a word of a program.
	word = regexp.MustCompile(`[A-Za-z_$][A-Za-z_0-9]*`)
)

// judgeTemplate looks at a file of a chart, which is no YAML before it is
// rendered: what the template does may not change, but for values in it.
func (f file) judgeTemplate() string {
	logic := func(text []byte) string {
		var b strings.Builder
		for _, a := range action.FindAllString(string(text), -1) {
			b.WriteString(strings.Join(named.FindAllString(a, -1), " ") + constant.ReplaceAllString(a, "_") + "\n")
		}
		return b.String()
	}
	out, in := f.changed()
	switch {
	case logic(f.before.data) != logic(f.after.data):
		return fmt.Sprintf("it changes the logic of the template %q", f.path)
	case slices.ContainsFunc(without(words(in), words(out)), amend.PrivilegedKey):
		return fmt.Sprintf("it adds a field that no change may set to the template %q", f.path)
	}
	return ""
}

// The bound on the size of a change to a program: an addition that its author
// could have written on one line.
const maxProgramOut, maxProgramIn = 2, 12

// judgeProgram looks at Jsonnet, which nobody runs here: a change replaces values
// on a line, or adds fields, and takes nothing that is no value away.
func (f file) judgeProgram() string {
	out, in := f.changed()
	before, after := words(out), words(in)
	fresh := without(after, before)
	replaced := len(out) == 1 && len(in) == 1 && len(before) == len(after) // as in a block of text
	switch {
	case len(out) > maxProgramOut || len(in) > maxProgramIn:
		return fmt.Sprintf("it changes more of the program %q than a value or a field", f.path)
	case !replaced && len(fresh) != len(after)-len(before):
		return fmt.Sprintf("it takes away what is no value from the program %q", f.path)
	case slices.ContainsFunc(fresh, func(w string) bool { return slices.Contains(logicWords[:], w) || amend.PrivilegedKey(w) }):
		return fmt.Sprintf("it adds logic, or a field that no change may set, to the program %q", f.path)
	}
	return ""
}

// logicWords are those of Jsonnet by which an addition would be more than data.
var logicWords = [...]string{
	"import", "importstr", "importbin", "std", "function", "local", "error", "assert", "if", "then", "else", "for", "in", "self", "super", "$", "tailstrict",
}

// words returns the words of lines that are no values.
func words(lines []string) []string {
	return word.FindAllString(constant.ReplaceAllString(strings.Join(lines, "\n"), " "), -1)
}

// without returns a list with each item of another taken out once.
func without(list, other []string) []string {
	left := slices.Clone(list)
	for _, w := range other {
		if i := slices.Index(left, w); i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
	}
	return left
}

// judgeText looks at a file that becomes a value as a whole or line by line, such
// as an env file: it is the one that the trailers name, and text.
func (f file) judgeText() string {
	switch {
	case f.path != f.change.trailers.Path.String():
		return fmt.Sprintf("it touches %q, which is no manifest and not what it is about", f.path)
	case !utf8.Valid(f.after.data) || bytes.IndexByte(f.after.data, 0) >= 0:
		return fmt.Sprintf("it makes of %q what is no text", f.path)
	}
	return ""
}

// changed returns the lines that the file lost and those that it got.
func (f file) changed() (out, in []string) {
	s := f.span()
	take := func(text []byte, n int) []string { return strings.SplitAfter(string(text), "\n")[s.first-1:][:n] }
	return take(f.before.data, s.out), take(f.after.data, s.in)
}
