package manifest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/manifest"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"
	sigsyaml "sigs.k8s.io/yaml"
)

// texts are values that tempt a writer into the wrong type or syntax.
var texts = []string{
	"v2", "1.10", "on", "no", "null", "~", "", "512Mi", "7e10", "0123", "0x1f", "1_000", ".5", "-", "- a", "a: b", "a #b", "#x",
	"it's", `say "hi"`, `back\slash`, "x,y", "[x", "}", "two\nlines", "tab\t", " lead", "trail ", "*x", "&x", "!x", "%x", "@x",
	"`x`", "?", ":", "a:", ":a", "-,", "- ", "?x", "größe", "日本😀", "2026-01-01T00:00:00Z", "<<", "=", "|", ">", "---", "...", "{{ x }}", "12345678901234567890", "\u2028", "\x00",
}

// corpus is what the golden files edit, and what only YAML in the wild does.
func corpus(t testing.TB) [][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	var all [][]byte
	for _, name := range files {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		in := archived(ar, "in")
		all = append(all, in, bytes.ReplaceAll(in, []byte("\n"), []byte("\r\n")), bytes.TrimSuffix(in, []byte("\n")))
	}
	return all
}

// TestSetProperty: whatever is set wherever, either it is refused or exactly
// one leaf has the new value, and all lines but its own are the same bytes.
func TestSetProperty(t *testing.T) {
	files := corpus(t)
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SampledFrom(files).Draw(t, "file")
		f, err := manifest.Parse(data)
		if err != nil {
			t.Skip("not YAML")
		}
		leaves := slices.Collect(f.Leaves())
		if len(leaves) == 0 {
			t.Skip("no leaves")
		}
		l := rapid.SampledFrom(leaves).Draw(t, "leaf")
		v := amend.Scalar{Text: rapid.SampledFrom(texts).Draw(t, "text")}
		checkSet(t, f, l, v, false)
	})
}

// TestGeneratedSetProperty: in files as people write them nothing is refused.
func TestGeneratedSetProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, err := manifest.Parse(generated(t))
		if err != nil {
			t.Fatal(err)
		}
		l := rapid.SampledFrom(slices.Collect(f.Leaves())).Draw(t, "leaf")
		v := amend.Scalar{Text: rapid.SampledFrom(texts).Draw(t, "text")}
		switch rapid.SampledFrom([]string{"text", "number", "boolean"}).Draw(t, "type") {
		case "number":
			v = amend.Scalar{Text: rapid.SampledFrom([]string{"0", "5", "-1", "0.10", "1e3"}).Draw(t, "digits"), Number: true}
		case "boolean":
			v = amend.Scalar{Text: rapid.SampledFrom([]string{"true", "false"}).Draw(t, "word"), Boolean: true}
		}
		block := l.Line != l.EndLine                                                // takes text of its own shape only
		tagged := !v.IsText() && l.Kind == manifest.String && l.Value == taggedText // stays a string
		checkSet(t, f, l, v, !block && !tagged)
	})
}

// TestInsertProperty: an inserted field is read back, and nothing is removed.
func TestInsertProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, err := manifest.Parse(generated(t))
		if err != nil {
			t.Fatal(err)
		}
		path := amend.Field("new", "er").Then(rapid.SampledFrom([]string{"key", "on", "a.b/c", "1"}).Draw(t, "key"))
		if rapid.Bool().Draw(t, "nested") {
			path = append(amend.Field("m0"), path...)
		}
		v := amend.Scalar{Text: rapid.SampledFrom(texts).Draw(t, "text")}
		res, err := f.Insert(0, path, v)
		if err != nil {
			t.Fatalf("insert into\n%s\n%v", f.Bytes(), err)
		}
		checkInserted(t, f, 0, path, v, res)
		if _, err := parse2(t, res.Data).Insert(0, path, v); amend.KindOf(err) != amend.Conflict {
			t.Fatalf("a second insert gives %v", err)
		}
	})
}

// tester is what testing.T and rapid.T have in common.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

func parse2(t tester, data []byte) *manifest.File {
	t.Helper()
	f, err := manifest.Parse(data)
	if err != nil {
		t.Fatalf("parse %q: %v", data, err)
	}
	return f
}

// checkSet edits one leaf and compares what two independent readers make of it.
func checkSet(t tester, f *manifest.File, l manifest.Leaf, v amend.Scalar, must bool) {
	t.Helper()
	before := slices.Clone(f.Bytes())
	res, err := f.Set(l, v)
	if !bytes.Equal(before, f.Bytes()) {
		t.Fatalf("Set changed the file it was given")
	}
	if err != nil {
		if must {
			t.Fatalf("set %s of\n%s\nto %q: %v", l.Path, before, v.Text, err)
		}
		return
	}
	next := parse2(t, res.Data)
	checkOneLeaf(t, f, next, l, v)
	checkOtherLines(t, f.Bytes(), res, l)
	old, new := decodeAll(f.Bytes()), decodeAll(res.Data)
	if n := countDifferences(old, new); n > 1 {
		t.Fatalf("set %s to %q changes %d values:\n%s", l.Path, v.Text, n, manifest.Diff("f", before, res.Data))
	}
}

// checkOneLeaf compares the leaves of both versions; a block scalar's leaf
// brings the leaves inside it along.
func checkOneLeaf(t tester, f, next *manifest.File, l manifest.Leaf, v amend.Scalar) {
	t.Helper()
	seen := false
	old := map[string]string{}
	for o := range f.Leaves() {
		old[fmt.Sprint(o.Doc, o.Path)] = o.Value
	}
	for n := range next.Leaves() {
		key := fmt.Sprint(n.Doc, n.Path)
		switch {
		case n.Doc == l.Doc && n.Path == l.Path:
			seen = true
			want := manifest.String
			switch {
			case v.Number:
				want = manifest.Number
			case v.Boolean:
				want = manifest.Bool
			}
			if n.Kind != want || !v.Number && n.Value != v.Text {
				t.Fatalf("%s is %q (%s), want %q", n.Path, n.Value, n.Kind, v.Text)
			}
		case n.Doc == l.Doc && (strings.HasPrefix(string(n.Path), string(l.Path)+"|") || strings.HasPrefix(string(l.Path), string(n.Path)+"|")):
		case old[key] != n.Value:
			t.Fatalf("%s changed from %q to %q as well", n.Path, old[key], n.Value)
		}
	}
	if !seen {
		t.Fatalf("%s is gone", l.Path)
	}
}

// checkOtherLines requires the lines around the leaf's to be the same bytes.
func checkOtherLines(t tester, before []byte, res manifest.Result, l manifest.Leaf) {
	t.Helper()
	old, new := lines(before), lines(res.Data)
	head := min(l.Line, res.Line) - 1
	tail := len(old) - l.EndLine
	if head > len(old) || tail > len(new) || !slices.Equal(old[:head], new[:head]) || !slices.Equal(old[len(old)-tail:], new[len(new)-tail:]) {
		t.Fatalf("set %s (lines %d-%d) changes other lines:\n%s", l.Path, l.Line, l.EndLine, manifest.Diff("f", before, res.Data))
	}
}

// lines cuts at the line breaks of YAML.
func lines(data []byte) []string {
	s := strings.NewReplacer("\r\n", "\r\n\x00", "\n", "\n\x00", "\r", "\r\x00", "\u0085", "\u0085\x00",
		"\u2028", "\u2028\x00", "\u2029", "\u2029\x00").Replace(string(data))
	return strings.Split(s, "\x00")
}

func checkInserted(t tester, f *manifest.File, doc int, path amend.FieldPath, v amend.Scalar, res manifest.Result) {
	t.Helper()
	next := parse2(t, res.Data)
	l, ok := next.Leaf(doc, path)
	if !ok || l.Value != v.Text || l.Kind != manifest.String {
		t.Fatalf("inserted %s is %q (%s), want %q", path, l.Value, l.Kind, v.Text)
	}
	if res.Line > l.Line || res.EndLine < l.EndLine {
		t.Fatalf("the result says lines %d-%d, the value is at %d", res.Line, res.EndLine, l.Line)
	}
	if n := countDifferences(decodeAll(f.Bytes()), decodeAll(res.Data)); n != 1 {
		t.Fatalf("insert of %s changes %d values:\n%s", path, n, manifest.Diff("f", f.Bytes(), res.Data))
	}
}

// separator is where kubectl and Argo CD cut a file into documents.
var separator = regexp.MustCompile(`(?m)^---`)

// decodeAll reads all documents as kubectl does, without the package's parser.
func decodeAll(data []byte) map[string]string {
	flat := map[string]string{}
	for i, doc := range separator.Split(strings.TrimPrefix(string(data), "\ufeff"), -1) {
		var v any
		if err := sigsyaml.Unmarshal([]byte(doc), &v); err == nil {
			flatten(flat, fmt.Sprint(i), v)
		}
	}
	return flat
}

func flatten(flat map[string]string, path string, v any) {
	switch c := v.(type) {
	case map[string]any:
		for k, e := range c {
			flatten(flat, path+"\x00"+k, e)
		}
	case []any:
		for i, e := range c {
			flatten(flat, fmt.Sprint(path, "\x00", i), e)
		}
	default:
		j, _ := json.Marshal(v) // what was read from JSON can be written
		flat[path] = string(j)
	}
}

func countDifferences(old, new map[string]string) int {
	n := 0
	for k, v := range old {
		if w, ok := new[k]; ok && v != w {
			n++
		} else if !ok && v != "null" { // a null gives way to a map
			n += 2
		}
	}
	for k := range new {
		if _, ok := old[k]; !ok {
			n++
		}
	}
	return n
}

const taggedText = "17"

// generated draws a file in one of the many styles that people write.
func generated(t *rapid.T) []byte {
	g := generator{t: t, step: rapid.SampledFrom([]int{2, 4, 3}).Draw(t, "step"), compact: rapid.Bool().Draw(t, "compact")}
	g.b.WriteString(rapid.SampledFrom([]string{"", "---\n", "# head\n\n", "\ufeff", "%YAML 1.1\n---\n"}).Draw(t, "head"))
	g.mapping(0, 3)
	if rapid.Bool().Draw(t, "second") {
		g.b.WriteString("---\nother: 1\n")
	}
	out := g.b.String()
	if rapid.Bool().Draw(t, "crlf") {
		out = strings.ReplaceAll(out, "\n", "\r\n")
	}
	return []byte(out)
}

type generator struct {
	t       *rapid.T
	b       strings.Builder
	step    int
	compact bool
}

func (g *generator) pick(label string, of ...string) string {
	return rapid.SampledFrom(of).Draw(g.t, label)
}

// mapping writes entries m0, m1, …; m0 of the document is always a map.
func (g *generator) mapping(column, depth int) {
	n := rapid.IntRange(1, 4).Draw(g.t, "entries")
	for i := range n {
		if i > 0 || column == 0 {
			g.b.WriteString(strings.Repeat(" ", column))
		}
		fmt.Fprintf(&g.b, "m%d:", i)
		kind := g.pick("kind", "scalar", "scalar", "map", "list", "flow", "literal")
		if i == 0 && column == 0 && depth == 3 {
			kind = "map"
		}
		g.value(kind, column, depth)
		if g.pick("after", "", "", "", "comment") != "" {
			g.b.WriteString(strings.Repeat(" ", column) + "# a: comment\n\n")
		}
	}
}

func (g *generator) value(kind string, column, depth int) {
	if depth == 0 {
		kind = "scalar"
	}
	switch kind {
	case "map":
		g.b.WriteString(g.pick("comment", "\n", " # c\n", " &anchor\n"))
		g.b.WriteString(strings.Repeat(" ", column+g.step))
		g.mapping(column+g.step, depth-1)
	case "list":
		dash := column + g.step
		if g.compact {
			dash = column
		}
		g.b.WriteString("\n")
		for range rapid.IntRange(1, 3).Draw(g.t, "items") {
			g.b.WriteString(strings.Repeat(" ", dash) + "- ")
			g.mapping(dash+2, depth-1)
		}
	case "flow":
		g.b.WriteString(g.pick("flow", " {a: 1, b: {c: x}}\n", " [1, two, \"three\"]\n", " { a: 'x', \"b\": y } # c\n",
			" [ x, {k: v },y , {a: , b: ''} ]\n", " {\n    a: b,\n    c: [\n      d ,\n      e # c\n    ]\n  }\n"))
	case "literal":
		pad := strings.Repeat(" ", column+g.step)
		g.b.WriteString(" " + g.pick("header", "|", "|-", "| # c") + "\n" + pad + "inner: 1\n\n" + pad + "list: [a]\n")
	default:
		g.b.WriteString(g.pick("scalar", " text\n", " 5\n", " 'it''s'\n", " \"q\\\"\" # c\n", "\n", " ~\n", " on\n", " &s x:1\n",
			" !!str "+taggedText+"\n", "   spaced   \n", " \"\"\n", " größe # ü\n", " 0.5\n", " 2026-01-01\n", " a:b,c\n"))
	}
}

// TestKindProperty: the type of plain text is the one that the reader gives it.
func TestKindProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.StringMatching(`[-+.]?[0-9a-fxob_.][-+.0-9a-fxobeEinfNtzTZ_:mMi]{0,9}`),
			rapid.SampledFrom([]string{"y", "Y", "yes", "Yes", "yEs", "n", "on", "ON", "off", "true", "True", "FALSE", "null", "Null", "nULL", "~",
				".inf", "-.Inf", "+.inf", ".nan", ".NaN", "1_000", "0b11", "-0b1", "0x_1", "0o7", "1e3", "1.e+3", "2026-01-01", "190:20:30", "=", "<<"}),
		).Draw(t, "text")
		var m map[string]any
		if err := sigsyaml.Unmarshal([]byte("k: "+text), &m); err != nil {
			t.Skip("no plain value")
		}
		l, ok := parse2(t, []byte("k: "+text)).Leaf(0, amend.Field("k"))
		if !ok {
			t.Skip("no scalar")
		}
		want := map[string]manifest.Kind{"string": manifest.String, "float64": manifest.Number, "bool": manifest.Bool, "<nil>": manifest.Null}[fmt.Sprintf("%T", m["k"])]
		if l.Kind != want || want == manifest.String && l.Value != m["k"] {
			t.Fatalf("%q is %s %q, the reader gives %T %v", text, l.Kind, l.Value, m["k"], m["k"])
		}
	})
}

func TestScalarsReadBack(t *testing.T) {
	f := parse(t, "a: b\nc: {d: e}\n")
	for _, text := range texts {
		for _, name := range []string{"a", "c.d"} {
			l, _ := f.Leaf(0, field(name))
			res, err := f.Set(l, amend.Scalar{Text: text})
			if err != nil {
				t.Errorf("set %s to %q: %v", name, text, err)
				continue
			}
			back, _ := parse(t, string(res.Data)).Leaf(0, field(name))
			if d := cmp.Diff(text, back.Value); d != "" || back.Kind != manifest.String {
				t.Errorf("%s as %s (-want +got):\n%s", name, back.Kind, d)
			}
		}
	}
}
