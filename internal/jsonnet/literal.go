package jsonnet

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/amendhq/amend"
)

// Set returns the file with the literal's value replaced, in the quotes that it
// has. Of a text only the part is rewritten that differs. It refuses with
// ReasonUnsupported what the literal's form cannot hold, and does not say what
// the file means afterwards: Same does.
func (l Literal) Set(data []byte, value string) ([]byte, Splice, error) {
	raw := string(data[l.Begin:l.End])
	if !l.written(data[l.Begin:l.End]) {
		return nil, Splice{}, amend.Errorf(amend.Internal, "jsonnet", "line %d does not hold the literal", l.Line)
	}
	var now string
	switch l.Kind {
	case Number:
		// A dot behind it would belong to a number without one.
		if !number.MatchString(value) || l.End < len(data) && data[l.End] == '.' {
			return nil, Splice{}, unfit(l, value)
		}
		now = value
	case Boolean:
		if value != "true" && value != "false" {
			return nil, Splice{}, unfit(l, value)
		}
		now = value
	case String:
		var ok bool
		if now, ok = replaceText(raw, value); !ok {
			return nil, Splice{}, unfit(l, value)
		}
	}
	return slices.Concat(data[:l.Begin], []byte(now), data[l.End:]), Splice{Begin: l.Begin, End: l.End, Length: len(now)}, nil
}

func unfit(l Literal, value string) error {
	return amend.Refusef(amend.ReasonUnsupported, "the %s on line %d cannot be written as %q in its form", l.Kind, l.Line, value)
}

// number matches numbers as Jsonnet writes them. A sign is an operator there.
var number = regexp.MustCompile(`^(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// written reports whether the bytes are the literal.
func (l Literal) written(raw []byte) bool {
	if l.Kind != String {
		return string(raw) == l.Value
	}
	units, ok := decode(string(raw))
	return ok && text(units) == l.Value
}

// A unit is a piece of the text of a literal, with what it is written as.
type unit struct{ value, raw string }

func text(units []unit) string {
	var b strings.Builder
	for _, u := range units {
		b.WriteString(u.value)
	}
	return b.String()
}

// A style is a form of string literals.
type style struct {
	open, end string
	split     func(body string) ([]unit, bool)
	write     func(text string) (string, bool)
}

// styleOf recognises the form of a literal by how it begins.
func styleOf(raw string) (style, bool) {
	switch {
	case strings.HasPrefix(raw, `"`), strings.HasPrefix(raw, `'`):
		quote := raw[:1]
		return style{open: quote, end: quote, split: splitEscaped,
			write: func(s string) (string, bool) { return escape(s, quote), true }}, true
	case strings.HasPrefix(raw, `@"`), strings.HasPrefix(raw, `@'`):
		quote := raw[1:2]
		return style{open: raw[:2], end: quote,
			split: func(body string) ([]unit, bool) { return splitVerbatim(body, quote) },
			write: func(s string) (string, bool) { return strings.ReplaceAll(s, quote, quote+quote), true }}, true
	case strings.HasPrefix(raw, "|||"):
		return blockStyle(raw)
	}
	return style{}, false
}

func decode(raw string) ([]unit, bool) {
	s, ok := styleOf(raw)
	if !ok || len(raw) < len(s.open)+len(s.end) || !strings.HasSuffix(raw, s.end) || !utf8.ValidString(raw) {
		return nil, false
	}
	return s.split(raw[len(s.open) : len(raw)-len(s.end)])
}

// replaceText returns the literal with another value: what the old and the new
// value begin and end with stays as it is written.
func replaceText(raw, value string) (string, bool) {
	units, ok := decode(raw)
	if !ok || !utf8.ValidString(value) {
		return "", false
	}
	s, _ := styleOf(raw)
	var before, after strings.Builder
	for len(units) > 0 && strings.HasPrefix(value, units[0].value) {
		before.WriteString(units[0].raw)
		value = value[len(units[0].value):]
		units = units[1:]
	}
	keep := len(units)
	for keep > 0 && strings.HasSuffix(value, units[keep-1].value) {
		value = value[:len(value)-len(units[keep-1].value)]
		keep--
	}
	for _, u := range units[keep:] {
		after.WriteString(u.raw)
	}
	middle, ok := s.write(value)
	return s.open + before.String() + middle + after.String() + s.end, ok
}

// escape writes a text between such quotes.
func escape(s, quote string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case string(r) == quote || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < ' ' || r == 0x7f:
			b.WriteString(`\u00` + string("0123456789abcdef"[r>>4]) + string("0123456789abcdef"[r&15]))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

var escapes = strings.NewReplacer(`\"`, `"`, `\'`, `'`, `\\`, `\`, `\/`, `/`, `\b`, "\b", `\f`, "\f", `\n`, "\n", `\r`, "\r", `\t`, "\t")

// splitEscaped splits the inside of plain quotes.
func splitEscaped(body string) ([]unit, bool) {
	var units []unit
	for body != "" {
		u := unit{raw: body[:1], value: body[:1]}
		switch {
		case strings.HasPrefix(body, `\u`):
			var ok bool
			if u, ok = hexUnit(body); !ok {
				return nil, false
			}
		case body[0] == '\\':
			if len(body) < 2 {
				return nil, false
			}
			u.raw = body[:2]
			if u.value = escapes.Replace(u.raw); u.value == u.raw {
				return nil, false
			}
		case body[0] >= utf8.RuneSelf:
			_, n := utf8.DecodeRuneInString(body)
			u.raw, u.value = body[:n], body[:n]
		}
		units = append(units, u)
		body = body[len(u.raw):]
	}
	return units, true
}

// hexUnit reads \uXXXX, or two of them that are one character.
func hexUnit(body string) (unit, bool) {
	code := func(at int) (rune, bool) {
		if len(body) < at+6 || body[at:at+2] != `\u` {
			return 0, false
		}
		n, err := strconv.ParseUint(body[at+2:at+6], 16, 16)
		return rune(n), err == nil
	}
	r, ok := code(0)
	if !ok {
		return unit{}, false
	}
	if !utf16.IsSurrogate(r) {
		return unit{raw: body[:6], value: string(r)}, true
	}
	low, ok := code(6)
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return unit{}, false
	}
	return unit{raw: body[:12], value: string(r)}, true
}

// splitVerbatim splits the inside of @ quotes, where only the quote is doubled.
func splitVerbatim(body, quote string) ([]unit, bool) {
	var units []unit
	for body != "" {
		_, n := utf8.DecodeRuneInString(body)
		u := unit{raw: body[:n], value: body[:n]}
		if u.raw == quote {
			if !strings.HasPrefix(body[n:], quote) {
				return nil, false
			}
			u.raw += quote
		}
		units = append(units, u)
		body = body[len(u.raw):]
	}
	return units, true
}
