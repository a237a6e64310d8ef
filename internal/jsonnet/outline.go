package jsonnet

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	gojsonnet "github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
	"github.com/google/go-jsonnet/toolutils"
)

// An Outline is what of a file can be edited, in the order of the text.
type Outline struct {
	Literals []Literal
	Objects  []Object
}

// A Kind is the type of a literal.
type Kind string

// The kinds of literals.
const (
	String  Kind = "string"
	Number  Kind = "number"
	Boolean Kind = "boolean"
)

// A Literal is a constant in the source. Field names, names after a dot, and the
// paths of imports are no literals.
type Literal struct {
	Kind       Kind
	Value      string // of a number, as it is written
	Begin, End int    // bytes of the file
	Line       int
	EndLine    int
	// Path are the names of the fields, variables and parameters around it, the
	// outermost first; an item of an array counts as [index].
	Path []string
}

// An Object is an object as it is written between braces; comprehensions and
// what is computed are none.
type Object struct {
	Begin, End int
	Path       []string
	Fields     []Field
}

// A Field is one field of an Object with a fixed name.
type Field struct {
	Name       string
	Begin, End int // from the name to the end of the value
	Hidden     bool
	// Text is the value, if it is a string.
	Text string
}

// Parse returns the outline of a file. It recurses as deep as the file nests, so
// a file that nobody vouches for belongs to an Engine.
func Parse(name string, data []byte) (Outline, error) {
	node, err := gojsonnet.SnippetToAST(name, string(data))
	if err != nil {
		return Outline{}, err
	}
	w := walker{data: data, seen: map[int]bool{}}
	w.lines = append(w.lines, 0)
	for i, b := range data {
		if b == '\n' {
			w.lines = append(w.lines, i+1)
		}
	}
	w.walk(node, nil)
	slices.SortFunc(w.outline.Literals, func(a, b Literal) int { return cmp.Compare(a.Begin, b.Begin) })
	slices.SortFunc(w.outline.Objects, func(a, b Object) int { return cmp.Compare(a.Begin, b.Begin) })
	return w.outline, nil
}

type walker struct {
	data    []byte
	lines   []int // where each begins
	seen    map[int]bool
	outline Outline
}

func (w *walker) walk(n ast.Node, at []string) {
	switch n := n.(type) {
	case nil:
	case *ast.DesugaredObject:
		w.object(n, at)
	case *ast.Local:
		w.binds(n.Binds, at)
		w.walk(n.Body, at)
	case *ast.Function:
		for _, p := range n.Parameters {
			w.walk(p.DefaultArg, then(at, string(p.Name)))
		}
		w.walk(n.Body, at)
	case *ast.Array:
		for i, e := range n.Elements {
			w.walk(e.Expr, then(at, "["+strconv.Itoa(i)+"]"))
		}
	case *ast.Apply:
		w.walk(n.Target, at)
		for _, arg := range n.Arguments.Positional {
			w.walk(arg.Expr, at)
		}
		for _, arg := range n.Arguments.Named {
			w.walk(arg.Arg, then(at, string(arg.Name)))
		}
	case *ast.Index:
		w.walk(n.Target, at)
		w.walkComputed(n.Index, at)
	case *ast.SuperIndex:
		w.walkComputed(n.Index, at)
	case *ast.LiteralString:
		w.literal(n, Literal{Kind: String, Value: n.Value, Path: at})
	case *ast.LiteralNumber:
		w.literal(n, Literal{Kind: Number, Value: n.OriginalString, Path: at})
	case *ast.LiteralBoolean:
		w.literal(n, Literal{Kind: Boolean, Value: strconv.FormatBool(n.Value), Path: at})
	case *ast.Import, *ast.ImportStr, *ast.ImportBin:
	default:
		for _, child := range toolutils.Children(n) {
			w.walk(child, at)
		}
	}
}

// walkComputed walks a name unless it is a constant.
func (w *walker) walkComputed(n ast.Node, at []string) {
	if _, constant := n.(*ast.LiteralString); !constant {
		w.walk(n, at)
	}
}

func (w *walker) binds(binds ast.LocalBinds, at []string) {
	for _, b := range binds {
		w.walk(b.Body, then(at, string(b.Variable)))
	}
}

func (w *walker) object(n *ast.DesugaredObject, at []string) {
	o := Object{Path: at}
	var written bool
	o.Begin, o.End, written = w.span(n.Loc())
	for _, f := range n.Fields {
		name, fixed := f.Name.(*ast.LiteralString)
		inner := at
		if fixed {
			inner = then(at, name.Value)
			field := Field{Name: name.Value, Hidden: f.Hide == ast.ObjectFieldHidden}
			if text, ok := f.Body.(*ast.LiteralString); ok {
				field.Text = text.Value
			}
			if field.Begin, field.End, fixed = w.span(&f.LocRange); fixed {
				o.Fields = append(o.Fields, field)
			}
		} else {
			w.walk(f.Name, at)
		}
		written = written && fixed
		w.walk(f.Body, inner)
	}
	for _, a := range n.Asserts {
		w.walk(a, at)
	}
	w.binds(n.Locals, at)
	if written && !w.seen[o.Begin] && w.data[o.Begin] == '{' && w.data[o.End-1] == '}' {
		w.seen[o.Begin] = true
		w.outline.Objects = append(w.outline.Objects, o)
	}
}

// literal notes a literal if the file has it where the parser says. The parser
// puts copies of some nodes into the tree, and constants of its own.
func (w *walker) literal(n ast.Node, l Literal) {
	var ok bool
	if l.Begin, l.End, ok = w.span(n.Loc()); !ok || w.seen[l.Begin] {
		return
	}
	if !l.written(w.data[l.Begin:l.End]) {
		return
	}
	w.seen[l.Begin] = true
	l.Line, l.EndLine = n.Loc().Begin.Line, n.Loc().End.Line
	w.outline.Literals = append(w.outline.Literals, l)
}

// span turns a range of the parser, whose columns count bytes, into bytes of the
// file.
func (w *walker) span(r *ast.LocationRange) (begin, end int, ok bool) {
	if r.Begin.Line < 1 || r.End.Line < 1 || r.Begin.Line > len(w.lines) || r.End.Line > len(w.lines) {
		return 0, 0, false
	}
	begin, end = w.lines[r.Begin.Line-1]+r.Begin.Column-1, w.lines[r.End.Line-1]+r.End.Column-1
	return begin, end, 0 <= begin && begin < end && end <= len(w.data)
}

// then returns the path with a name more, sharing nothing.
func then(at []string, name string) []string {
	if strings.HasPrefix(name, "$") { // the parser's own
		return at
	}
	return append(at[:len(at):len(at)], name)
}
