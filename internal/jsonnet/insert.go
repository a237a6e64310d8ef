package jsonnet

import (
	"regexp"
	"slices"
	"strings"

	"github.com/amendhq/amend"
)

// A Key is one name of a chain of fields to be added. Mix adds to the value that
// the object inherits, instead of replacing it.
type Key struct {
	Name string
	Mix  bool
}

// Insert returns the file with one field more in the object: the value at the
// end of the chain of keys, written in the style of the fields that are there.
// Where comments or the layout leave open what a person would write, it refuses
// with ReasonUnsupported.
func (o Object) Insert(data []byte, chain []Key, v amend.Scalar) ([]byte, Splice, error) {
	added := o.field(data, chain, v)
	if len(o.Fields) == 0 {
		inside := string(data[o.Begin+1 : o.End-1])
		if strings.Trim(inside, " ") != "" {
			return nil, Splice{}, noPlace(o)
		}
		return insert(data, o.Begin+1, strings.TrimSuffix(" "+added+" ", inside))
	}
	last := o.Fields[len(o.Fields)-1]
	rest := string(data[last.End : o.End-1])
	line, below, several := strings.Cut(rest, "\n")
	begin := last.End
	comma := strings.HasPrefix(strings.TrimLeft(rest, " \t\r\n"), ",")
	switch {
	case !several && strings.TrimSpace(line) == ",":
		begin, added = last.End+strings.Index(line, ",")+1, " "+added+","
	case !several && strings.TrimSpace(line) == "":
		added = ", " + added
	case several && strings.TrimSpace(line) == ",":
		begin, added = last.End+len(line), o.eol(data)+o.indent(data)+added+","
	case several && comma && strings.HasPrefix(line, ",") && comment.MatchString(line[1:]):
		begin, added = last.End+len(line), o.eol(data)+o.indent(data)+added+","
	case several && strings.TrimSpace(line) == "" && strings.TrimSpace(below) == "":
		added = "," + o.eol(data) + o.indent(data) + added
	default:
		return nil, Splice{}, noPlace(o)
	}
	if strings.HasSuffix(string(data[:begin]), "\r") { // before the line break, not in it
		begin--
	}
	return insert(data, begin, added)
}

// comment matches what may stand after the comma on the line of a field.
var comment = regexp.MustCompile(`^\s*(//|#)`)

func insert(data []byte, at int, text string) ([]byte, Splice, error) {
	out := slices.Concat(data[:at], []byte(text), data[at:])
	return out, Splice{Begin: at, End: at, Length: len(text)}, nil
}

func noPlace(o Object) error {
	return amend.Refusef(amend.ReasonUnsupported, "the object %s is written so that no place for a field is clear", strings.Join(o.Path, "."))
}

// eol returns the line break of the file.
func (o Object) eol(data []byte) string {
	if strings.Contains(string(data), "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// indent returns what stands before the last field on its line.
func (o Object) indent(data []byte) string {
	head := string(data[:o.Fields[len(o.Fields)-1].Begin])
	head = head[strings.LastIndexByte(head, '\n')+1:]
	return head[:len(head)-len(strings.TrimLeft(head, " \t"))]
}

// field writes the chain of keys with the value.
func (o Object) field(data []byte, chain []Key, v amend.Scalar) string {
	quote := o.quote(data)
	value := v.Text
	if v.IsText() {
		value = quote + escape(v.Text, quote) + quote
	}
	for i := len(chain) - 1; i >= 0; i-- {
		name, colon := chain[i].Name, ": "
		if chain[i].Mix {
			colon = "+: "
		}
		if o.quotesNames(data) || !identifier.MatchString(name) || keyword.MatchString(name) {
			name = quote + escape(name, quote) + quote
		}
		value = name + colon + value
		if i > 0 {
			value = "{ " + value + " }"
		}
	}
	return value
}

// keyword matches the names that must be in quotes.
var keyword = regexp.MustCompile(`^(assert|else|error|false|for|function|if|import|importstr|importbin|in|local|null|self|super|tailstrict|then|true)$`)

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// quote returns the quotes that the file uses more.
func (o Object) quote(data []byte) string {
	if strings.Count(string(data), `"`) > strings.Count(string(data), `'`) {
		return `"`
	}
	return `'`
}

// quotesNames reports whether all fields of the object have their names in
// quotes.
func (o Object) quotesNames(data []byte) bool {
	for _, f := range o.Fields {
		if c := data[f.Begin]; c != '"' && c != '\'' {
			return false
		}
	}
	return len(o.Fields) > 0
}
