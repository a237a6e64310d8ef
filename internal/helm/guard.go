package helm

import (
	"reflect"
	"regexp"
	"strings"
)

// light names the functions that only pass their arguments on or look one
// level deep, so that the whole context can be given to them at little cost.
var light = map[string]bool{
	"include": true, "tpl": true, "required": true, "fail": true, "default": true, "coalesce": true, "ternary": true, "empty": true,
	"dict": true, "list": true, "tuple": true, "set": true, "unset": true, "get": true, "hasKey": true, "pluck": true, "dig": true,
	"first": true, "last": true, "rest": true, "initial": true, "append": true, "push": true, "prepend": true, "concat": true,
	"keys": true, "values": true, "pick": true, "omit": true, "kindIs": true, "kindOf": true, "typeOf": true, "typeIs": true,
	"typeIsLike": true, "all": true, "any": true, "lookup": true, "slice": true,
}

// guard makes a function pay for its arguments and its result, and stops one
// that would make far more out of its arguments than they are.
func (m *meter) guard(name string, function any) any {
	f := reflect.ValueOf(function)
	return reflect.MakeFunc(f.Type(), func(args []reflect.Value) []reflect.Value {
		m.before(name, f.Type(), args)
		var out []reflect.Value
		if f.Type().IsVariadic() {
			out = f.CallSlice(args)
		} else {
			out = f.Call(args)
		}
		m.produced(shallow(out[0]))
		return out
	}).Interface()
}

func (m *meter) before(name string, t reflect.Type, args []reflect.Value) {
	flat := args
	if t.IsVariadic() {
		flat = args[: len(args)-1 : len(args)-1]
		for i := range args[len(args)-1].Len() {
			flat = append(flat, args[len(args)-1].Index(i))
		}
	}
	bytes := 0
	for _, a := range flat {
		if light[name] {
			bytes += shallow(a)
		} else {
			bytes += m.size(a, 0)
		}
	}
	m.charge(bytes)
	if growth := growths[name]; growth != nil {
		m.charge(growth(operands(flat)))
	}
}

// operands gives the sizes of arguments to a growth.
type operands []reflect.Value

func (o operands) value(i int) reflect.Value {
	if i >= len(o) {
		return reflect.Value{}
	}
	v := o[i]
	for v.Kind() == reflect.Interface && !v.IsNil() {
		v = v.Elem()
	}
	return v
}

// text returns an argument that is a string.
func (o operands) text(i int) string {
	if v := o.value(i); v.Kind() == reflect.String {
		return v.String()
	}
	return ""
}

// whole returns an argument as a number, and a number that is too large for
// what is none.
func (o operands) whole(i int) int {
	v := o.value(i)
	switch {
	case !v.IsValid():
		return 0
	case v.CanInt():
		return int(min(max(v.Int(), -tooMuch), tooMuch))
	case v.CanUint():
		return int(min(v.Uint(), tooMuch))
	case v.CanFloat():
		return int(min(max(v.Float(), -tooMuch), tooMuch))
	case v.Kind() == reflect.String, v.Kind() == reflect.Bool:
		return tooMuch // read as a number by the function; nobody writes a large one so
	}
	return 0
}

// tooMuch is more than any value may have.
const tooMuch = maxValue + 1

func times(a, b int) int { return int(min(int64(a)*int64(b), tooMuch)) }

func span(from, to int) int { return 8 * max(from-to, to-from) }

// growths bounds the bytes that a function makes of small arguments.
var growths = map[string]func(operands) int{
	"repeat":    func(o operands) int { return times(max(o.whole(0), 0), len(o.text(1))) },
	"until":     func(o operands) int { return span(0, o.whole(0)) },
	"untilStep": func(o operands) int { return span(o.whole(0), o.whole(1)) },
	"seq": func(o operands) int {
		far := 0
		for i := range o {
			far = max(far, o.whole(i), -o.whole(i))
		}
		return times(far, 16)
	},
	"indent":                     indented,
	"nindent":                    indented,
	"replace":                    replaced,
	"regexReplaceAll":            matched,
	"mustRegexReplaceAll":        matched,
	"regexReplaceAllLiteral":     matched,
	"mustRegexReplaceAllLiteral": matched,
	"join":                       func(o operands) int { return times(shallow(o.value(1)), len(o.text(0))) },
	"wrapWith":                   func(o operands) int { return times(len(o.text(2)), len(o.text(1))) },
	"printf":                     printed,
	"randAlphaNum":               func(o operands) int { return o.whole(0) }, "randAlpha": func(o operands) int { return o.whole(0) },
	"randAscii": func(o operands) int { return o.whole(0) }, "randNumeric": func(o operands) int { return o.whole(0) },
	"randBytes": func(o operands) int { return 2 * o.whole(0) },
}

func indented(o operands) int {
	return times(max(o.whole(0), 0), 1+strings.Count(o.text(1), "\n"))
}

func replaced(o operands) int {
	return times(1+strings.Count(o.text(2), o.text(0)), len(o.text(1)))
}

// matched: every character may be a match, and each $ may stand for all of
// them. Where that is too much, the matches are counted.
func matched(o operands) int {
	text, by := o.text(1), o.text(2)
	dollars := times(strings.Count(by, "$"), len(text))
	if most := times(1+len(text), 1+len(by)); most+dollars <= maxValue {
		return most + dollars
	}
	re, err := regexp.Compile(o.text(0))
	if err != nil {
		return 0 // the function says so itself
	}
	enough := maxValue/(1+len(by)) + 1
	return len(text) + times(len(re.FindAllStringIndex(text, enough)), 1+len(by)) + dollars
}

// printed: each verb may print all arguments, and pad to the width it names.
func printed(o operands) int {
	format, bytes := o.text(0), 0
	for i := 1; i < len(o); i++ {
		bytes += shallow(o.value(i))
	}
	total, width, verb := 0, 0, false
	for _, r := range format {
		switch {
		case !verb:
			verb = r == '%'
		case r >= '0' && r <= '9':
			width = min(10*width+int(r-'0'), tooMuch)
		case r == '*':
			return tooMuch // a width from an argument
		default:
			total, width = total+width, 0
			verb = strings.ContainsRune("+-# .[]", r)
		}
	}
	return min(total+times(strings.Count(format, "%"), bytes), tooMuch)
}
