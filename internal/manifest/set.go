package manifest

import (
	"fmt"

	"github.com/amendhq/amend"
	"go.yaml.in/yaml/v3"
)

// A Result is an edited file and the lines, 1-based and inclusive, that the new
// text takes in it.
type Result struct {
	Data          []byte
	Line, EndLine int
}

// splice replaces a span of bytes.
type splice struct {
	span
	text string
}

func (s splice) apply(data []byte) []byte {
	out := make([]byte, 0, len(data)+len(s.text)-(s.end-s.start))
	out = append(out, data[:s.start]...)
	out = append(out, s.text...)
	return append(out, data[s.end:]...)
}

// Set replaces the value of a leaf of this file and keeps all else: the style
// of its quotes, its anchor and tag, comments, line ends. Quotes are added only
// to text whose type would change without them, and dropped only when a number
// or a boolean takes the place of a string. A value that is an alias is replaced
// where it stands; the anchor keeps its value.
//
// Before it returns, Set proves that no other value changed. It refuses with
// ReasonShared when others would change too, ReasonProtected in a generated
// file, ReasonComputed for text with a template in it, ReasonUnsupported for
// folded text of several lines, and ReasonUnproven for all else that does not
// come out as meant. Setting the value that is there changes nothing.
func (f *File) Set(l Leaf, v amend.Scalar) (Result, error) {
	if l.holds(v) {
		return Result{Data: f.text.data, Line: l.Line, EndLine: l.EndLine}, nil
	}
	s, data, err := f.set(l, v)
	if err != nil {
		return Result{}, err
	}
	return result(data, s), nil
}

// holds reports whether the leaf has the value and its type already.
func (l Leaf) holds(v amend.Scalar) bool {
	return l.Value == v.Text && l.Kind == kindOf(v)
}

// result finds the lines of the spliced text, without the line break it may start with.
func result(data []byte, s splice) Result {
	t := newText(data)
	start := skipWhite(data[:s.start+len(s.text)], s.start)
	if start == s.start+len(s.text) {
		start = s.start
	}
	end := s.start + len(s.text)
	for end > start && isBlank(data[end-1]) {
		end--
	}
	return Result{Data: data, Line: t.line(start), EndLine: t.line(max(start, end-1))}
}

// set plans the splice, applies and proves it.
func (f *File) set(l Leaf, v amend.Scalar) (splice, []byte, error) {
	if l.node == nil || l.Doc >= len(f.objects) {
		return splice{}, nil, amend.Errorf(amend.Invalid, "set", "the leaf is not of this file")
	}
	if err := f.mayEdit(l, v); err != nil {
		return splice{}, nil, err
	}
	var s splice
	var want any
	var err error
	switch n := l.node; {
	case l.inner != nil:
		s, want, err = f.setNested(l, v)
	case n.Kind == yaml.ScalarNode && !isPlain(n) && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		s, err = f.setBlock(n, v)
		want = v.Text
	default:
		s, err = f.setInline(l, v)
		want = wanted(v)
	}
	if err != nil {
		return splice{}, nil, err
	}
	data := s.apply(f.text.data)
	return s, data, f.proveSet(l, data, want)
}

// mayEdit refuses what must not be edited whatever the position.
func (f *File) mayEdit(l Leaf, v amend.Scalar) error {
	if err := checkScalar(v); err != nil {
		return err
	}
	if f.generated {
		return errGenerated()
	}
	if l.inner == nil && templated(deref(l.node)) {
		return amend.Refusef(amend.ReasonComputed, "line %d: %s is filled in by a template", l.Line, l.Path)
	}
	return nil
}

func errGenerated() error {
	return amend.Refusef(amend.ReasonProtected, "the file says that a program generates it: change its source instead")
}

// setInline replaces an alias, or plain or quoted text.
func (f *File) setInline(l Leaf, v amend.Scalar) (splice, error) {
	n := l.node
	sp, ok := f.span(n)
	if !ok || !f.reads(sp, n) {
		return splice{}, amend.Refusef(amend.ReasonUnproven, "line %d: the text of %s was not found where the parser saw it", l.Line, l.Path)
	}
	p := pen{quote: f.style().quote, flow: l.flow, force: f.json}
	if n.Kind == yaml.AliasNode {
		return splice{sp, p.write(v)}, nil
	}
	text := p.replace(n, v)
	if sp.start == sp.end && sp.start > 0 && !isBlank(f.text.data[sp.start-1]) {
		text = " " + text
	}
	return splice{sp, text}, nil
}

// reads reports whether the bytes of the span decode to the node's value.
func (f *File) reads(sp span, n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode || isPlain(n) {
		return true // the span was found by comparing the text
	}
	var doc yaml.Node
	err := yaml.Unmarshal(f.text.data[sp.start:sp.end], &doc)
	return err == nil && len(doc.Content) == 1 && doc.Content[0].Value == n.Value
}

// setBlock replaces the part of a block scalar that differs from the new text.
func (f *File) setBlock(n *yaml.Node, v amend.Scalar) (splice, error) {
	if !v.IsText() {
		return splice{}, amend.Refusef(amend.ReasonUnsupported, "line %d: a block of text cannot become a %s", n.Line, kindOf(v))
	}
	old, text := n.Value, v.Text
	tail := 0
	for tail < min(len(old), len(text)) && old[len(old)-1-tail] == text[len(text)-1-tail] {
		tail++
	}
	head := 0
	for head < min(len(old), len(text))-tail && old[head] == text[head] {
		head++
	}
	return f.spliceBlock(n, splice{span{head, len(old) - tail}, text[head : len(text)-tail]})
}

// setNested edits the document inside a block scalar; its text is the proof
// that the outer document has to show.
func (f *File) setNested(l Leaf, v amend.Scalar) (splice, any, error) {
	in, data, err := l.inner.file.set(l.inner.leaf, v)
	if err != nil {
		return splice{}, nil, fmt.Errorf("inside the block at line %d: %w", l.node.Line, err)
	}
	s, err := f.spliceBlock(l.node, in)
	return s, string(data), err
}

// spliceBlock turns a splice of a block scalar's text into one of the file.
func (f *File) spliceBlock(n *yaml.Node, in splice) (splice, error) {
	b, ok := f.block(n)
	if !ok {
		return splice{}, amend.Refusef(amend.ReasonUnsupported, "line %d: folded text cannot be mapped to its lines", n.Line)
	}
	start, ok1 := b.source(f.text, in.start)
	end, ok2 := b.source(f.text, in.end)
	if !ok1 || !ok2 {
		return splice{}, amend.Refusef(amend.ReasonUnproven, "line %d: the new text does not fit the lines of the block", n.Line)
	}
	return splice{span{start, end}, b.indented(in.text, f.text.eol())}, nil
}
