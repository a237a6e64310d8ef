package jsonnet_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/jsonnet"
)

func outline(t testing.TB, code string) jsonnet.Outline {
	t.Helper()
	o, err := jsonnet.Parse("a.jsonnet", []byte(code))
	if err != nil {
		t.Fatalf("%s: %v", code, err)
	}
	return o
}

func TestParse(t *testing.T) {
	code := "// \u00e9 \u2028\nlocal port = 80;\r\nfunction(image='web:1', n=1) {\n  kind: \"A\", 'a b': [1.50, {x: true}],\n  ['c' + 1]: @'it''s',\n  local f = 2,\n  f(g='h'):: self.kind + super['z'] + (import 'i'),\n}\n"
	var got []string
	for _, l := range outline(t, code).Literals {
		got = append(got, fmt.Sprintf("%d %s %s=%s", l.Line, l.Kind, strings.Join(l.Path, "."), l.Value))
	}
	want := "2 number port=80|3 string image=web:1|3 number n=1|4 string kind=A|4 number a b.[0]=1.50|4 boolean a b.[1].x=true|" +
		"5 string =c|5 number =1|5 string =it's|6 number f=2|7 string f.g=h"
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
}

func TestSet(t *testing.T) {
	for name, c := range map[string]struct{ code, value, want string }{
		"double":               {`{a: "1.0" /* b */}`, "2.0", `{a: "2.0" /* b */}`},
		"single":               {`{a: '1.0'}`, "it's", `{a: 'it\'s'}`},
		"double in single":     {`{a: 'x'}`, `"`, `{a: '"'}`},
		"backslash":            {`{a: "x"}`, `\d`, `{a: "\\d"}`},
		"line break":           {`{a: "x"}`, "x\ny\tz\r\x01", `{a: "x\ny\tz\r\u0001"}`},
		"escapes stay":         {`{a: "\u0041\/\u00e9b"}`, "A/\u00e9c", `{a: "\u0041\/\u00e9c"}`},
		"pair of escapes":      {`{a: "\ud83d\ude00x"}`, "\U0001F600y", `{a: "\ud83d\ude00y"}`},
		"half of an escape":    {`{a: "\u00e9"}`, "\u00e8", `{a: "` + "\u00e8" + `"}`},
		"verbatim":             {`{a: @"x""y"}`, `z"y`, `{a: @"z""y"}`},
		"verbatim single":      {`{a: @'\d'}`, `\w'`, `{a: @'\w'''}`},
		"empty":                {`{a: ''}`, "x", `{a: 'x'}`},
		"to empty":             {`{a: 'x'}`, "", `{a: ''}`},
		"repeats":              {`{a: "aaa"}`, "aaaa", `{a: "aaaa"}`},
		"number":               {`{a: 1.50}`, "2", `{a: 2}`},
		"boolean":              {`{a: true}`, "false", `{a: false}`},
		"block":                {"{a: |||\n    x: 1\n\n      y\n  |||}", "x: 2\n\n  y\n", "{a: |||\n    x: 2\n\n      y\n  |||}"},
		"block grows":          {"{a: |||\n\tx\n|||}", "x\n\nz\n", "{a: |||\n\tx\n\n\tz\n|||}"},
		"block with CRLF":      {"{a: |||\r\n  x\r\n|||}", "y\r\n", "{a: |||\r\n  y\r\n|||}"},
		"beside other letters": {"{\u00e9: 0}", "0", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if c.want == "" {
				if _, err := jsonnet.Parse("a", []byte(c.code)); err == nil {
					t.Fatal("such names are no identifiers")
				}
				return
			}
			o := outline(t, c.code)
			l := o.Literals[0]
			got, at, err := l.Set([]byte(c.code), c.value)
			if err != nil || string(got) != c.want {
				t.Fatalf("got %s, %v; want %s", got, err, c.want)
			}
			checkSet(t, o, l, at, [2]string{c.code, string(got)}, c.value)
		})
	}
}

// checkSet fails unless the edit changed this literal and nothing else.
func checkSet(t *testing.T, o jsonnet.Outline, l jsonnet.Literal, at jsonnet.Splice, code [2]string, value string) {
	t.Helper()
	before, after := code[0], code[1]
	if at.Begin != l.Begin || at.End != l.End || after[:at.Begin] != before[:at.Begin] || after[at.Begin+at.Length:] != before[at.End:] {
		t.Errorf("bytes outside of the literal differ: %q to %q", before, after)
	}
	l.Value = value
	if !jsonnet.Same(o, outline(t, after), at, []jsonnet.Literal{l}) {
		t.Errorf("%q to %q changes something else", before, after)
	}
}

func TestSetRefuses(t *testing.T) {
	for code, value := range map[string]string{
		`{a: 1}`: "-1", `{a: 2}`: "1x", `{a: 3}`: "07", `{a: 4}`: "", `{a: true}`: "yes", "{a: |||\n  x\n|||}": "no line break", `{a: 'x'}`: "\xff",
	} {
		if got, _, err := outline(t, code).Literals[0].Set([]byte(code), value); amend.ReasonOf(err) != amend.ReasonUnsupported {
			t.Errorf("%s to %s: %s, %v", code, value, got, err)
		}
	}
	l := outline(t, `{a: 'x'}`).Literals[0]
	if _, _, err := l.Set([]byte(`{b: "x"}`), "y"); err != nil {
		t.Errorf("another form of the same value: %v", err)
	}
	if got, _, err := l.Set([]byte(`{a: 'y'}`), "z"); err == nil {
		t.Errorf("a file with another value was changed to %s", got)
	}
}

func TestInsert(t *testing.T) {
	chain := []jsonnet.Key{{Name: "new"}}
	for name, c := range map[string]struct {
		code  string
		chain []jsonnet.Key
		v     amend.Scalar
		want  string
	}{
		"own lines":        {"{\n  a: 'x',\n  b: 'y',\n}\n", chain, amend.Scalar{Text: "v"}, "{\n  a: 'x',\n  b: 'y',\n  new: 'v',\n}\n"},
		"no last comma":    {"{\n  a: 1,\n  b: 2\n}\n", chain, amend.Scalar{Text: "3", Number: true}, "{\n  a: 1,\n  b: 2,\n  new: 3\n}\n"},
		"comment":          {"{\n  a: 1, // why\n}\n", chain, amend.Scalar{Text: "true", Boolean: true}, "{\n  a: 1, // why\n  new: true,\n}\n"},
		"one line":         {`{ a: 1, b: 2 }`, chain, amend.Scalar{Text: "v"}, `{ a: 1, b: 2, new: 'v' }`},
		"one line, comma":  {`{ a: 1, }`, chain, amend.Scalar{Text: "v"}, `{ a: 1, new: 'v', }`},
		"quoted names":     {`{"a": "b"}`, chain, amend.Scalar{Text: "v"}, `{"a": "b", "new": "v"}`},
		"empty":            {`{}`, chain, amend.Scalar{Text: "v"}, `{ new: 'v' }`},
		"empty with space": {`{ }`, chain, amend.Scalar{Text: "v"}, `{ new: 'v' }`},
		"keyword":          {`{a: 1}`, []jsonnet.Key{{Name: "local"}}, amend.Scalar{Text: "v"}, `{a: 1, 'local': 'v'}`},
		"chain":            {`{a: 1}`, []jsonnet.Key{{Name: "x.y", Mix: true}, {Name: "z"}}, amend.Scalar{Text: "v"}, `{a: 1, 'x.y'+: { z: 'v' }}`},
		"CRLF":             {"{\r\n  a: 1,\r\n}\r\n", chain, amend.Scalar{Text: "v"}, "{\r\n  a: 1,\r\n  new: 'v',\r\n}\r\n"},
		"CRLF, no comma":   {"{\r\n  a: 1\r\n}\r\n", chain, amend.Scalar{Text: "v"}, "{\r\n  a: 1,\r\n  new: 'v'\r\n}\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			o := outline(t, c.code)
			got, at, err := o.Objects[0].Insert([]byte(c.code), c.chain, c.v)
			if err != nil || string(got) != c.want {
				t.Fatalf("got %q, %v\nwant %q", got, err, c.want)
			}
			if string(got[:at.Begin])+string(got[at.Begin+at.Length:]) != c.code {
				t.Errorf("%+v is not what was added", at)
			}
			l := outline(t, string(got)).Literals
			if !jsonnet.Same(o, outline(t, string(got)), at, l[len(l)-1:]) {
				t.Error("the rest does not say the same")
			}
		})
	}
}

func TestInsertRefuses(t *testing.T) {
	for _, code := range []string{"{\n  a: 1 // why\n}", "{ /* nothing */ }", "{ // nothing\n}", "{\n  a: 1 /* b */,\n}", "{\n  a: 1\n  , b:: 2\n  // c\n}"} {
		o := outline(t, code)
		if got, _, err := o.Objects[0].Insert([]byte(code), []jsonnet.Key{{Name: "n"}}, amend.Scalar{Text: "v"}); amend.ReasonOf(err) != amend.ReasonUnsupported {
			t.Errorf("%q became %q, %v", code, got, err)
		}
	}
}

// FuzzSet gives every literal of a file another value: it is refused, or changes
// no byte outside of its span and no meaning but its own.
func FuzzSet(f *testing.F) {
	for _, code := range []string{
		`{a: "x", b: 'y\'', c: @"z""", d: 1.5e3, e: true}`, "{a: |||\n  x\n\n   y\n|||, b: \"\\u00e9\\ud83d\\ude00\"}",
		"local f(a=1) = 'web:' + a; [f(), f(2)] // end", "{\r\n  'k': \"v\",\r\n}", `std.format("%s:1", ["a"])`,
	} {
		for _, value := range []string{"y", "2", "", "false", "it's \"q\"\\\n", "x\n y\n", "\u00e9\U0001F600"} {
			f.Add(code, value)
		}
	}
	f.Fuzz(func(t *testing.T, code, value string) {
		if len(code) > 1<<12 {
			return
		}
		o, err := jsonnet.Parse("a.jsonnet", []byte(code))
		if err != nil {
			return
		}
		for _, l := range o.Literals {
			got, at, err := l.Set([]byte(code), value)
			if err != nil {
				continue
			}
			after, err := jsonnet.Parse("a.jsonnet", got)
			want := l
			want.Value = value
			if err != nil || !jsonnet.Same(o, after, at, []jsonnet.Literal{want}) {
				if strings.HasPrefix(code[l.Begin:], "|||") {
					continue // Same is what refuses it
				}
				t.Fatalf("%q at line %d to %q gives %q, %v", code, l.Line, value, got, err)
			}
			checkSet(t, o, l, at, [2]string{code, string(got)}, value)
		}
	})
}

// FuzzInsert adds a field to every object of a file in the same way.
func FuzzInsert(f *testing.F) {
	for _, code := range []string{"{}", "{a: 1}", "{\n  a: 'x', // b\n}", "{\n  a: {b: 2}\n}", "{'a': [{}],}", "{\r\n\ta: 1,\r\n}", "local a = 1; {a:: a, local b = 2, assert true}"} {
		f.Add(code, "v", "k")
	}
	f.Fuzz(func(t *testing.T, code, value, key string) {
		if len(code) > 1<<12 {
			return
		}
		o, err := jsonnet.Parse("a.jsonnet", []byte(code))
		if err != nil {
			return
		}
		for _, object := range o.Objects {
			got, at, err := object.Insert([]byte(code), []jsonnet.Key{{Name: key}}, amend.Scalar{Text: value})
			if err == nil && string(got[:at.Begin])+string(got[at.Begin+at.Length:]) != code {
				t.Fatalf("%q became %q", code, got)
			}
		}
	})
}
