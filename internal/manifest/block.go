package manifest

import (
	"bytes"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// block maps the text of a block scalar to its source: content line i is
// source line first+i without indent bytes in front.
type block struct {
	first  int   // 1-based source line of the first content line
	indent int   // bytes in front of each content line
	starts []int // where each content line starts in the text
}

// block maps a block scalar. It reports false unless every line of the text is
// found in the source as it is, which excludes folded text of several lines.
func (f *File) block(n *yaml.Node) (block, bool) {
	mark, ok := f.text.offset(n.Line, n.Column)
	if !ok || n.Value == "" {
		return block{}, false
	}
	_, start := f.properties(mark)
	value := newText([]byte(n.Value))
	first := f.text.line(start) + 1
	indent, ok := f.blockIndent(n, first)
	if !ok {
		return block{}, false
	}
	b := block{first: first, indent: indent, starts: value.starts}
	if last := len(b.starts) - 1; b.starts[last] == len(n.Value) {
		b.starts = b.starts[:last] // a final line break starts no line
	}
	for i, at := range b.starts {
		line := first + i
		if line > len(f.text.starts) {
			return block{}, false
		}
		want := n.Value[at:value.lineEnd(i+1)]
		have := f.text.data[f.text.starts[line-1]:f.text.lineEnd(line)]
		short := want == "" && len(bytes.TrimLeft(have, " ")) == 0 && len(have) <= indent
		if !short && (len(have) < indent || string(have[indent:]) != want || strings.Trim(string(have[:indent]), " ") != "") {
			return block{}, false
		}
	}
	return b, true
}

// source returns the source offset of a text offset, and false when it lies in
// a line that is written without its indent.
func (b block) source(t text, off int) (int, bool) {
	i := max(0, sort.SearchInts(b.starts, off+1)-1)
	line := b.first + i
	at := t.starts[line-1] + b.indent + off - b.starts[i]
	return at, at <= t.lineEnd(line)
}

// blockIndent is the indent of a block scalar's text: that of its first line
// that is not blank, less the spaces that belong to the text.
func (f *File) blockIndent(n *yaml.Node, first int) (int, bool) {
	text := strings.TrimLeft(n.Value, "\n")
	own := len(text) - len(strings.TrimLeft(text, " "))
	for line := first; line <= len(f.text.starts); line++ {
		if lead, blank := f.lead(line); !blank {
			return lead - own, lead >= own
		}
	}
	return 0, false
}

// lead counts the spaces in front of a line and reports whether that is all.
func (f *File) lead(line int) (int, bool) {
	have := f.text.data[f.text.starts[line-1]:f.text.lineEnd(line)]
	rest := bytes.TrimLeft(have, " ")
	return len(have) - len(rest), len(rest) == 0
}

// blockSpan runs from the header at off to the end of the last line of text.
func (f *File) blockSpan(n *yaml.Node, off int) (span, bool) {
	header := f.text.line(off)
	sp := span{off, f.text.lineEnd(header)}
	if off >= len(f.text.data) || f.text.data[off] != '|' && f.text.data[off] != '>' {
		return sp, false
	}
	indent, ok := f.blockIndent(n, header+1)
	if !ok || strings.TrimSpace(n.Value) == "" {
		return sp, true
	}
	for line := header + 1; line <= len(f.text.starts); line++ {
		lead, blank := f.lead(line)
		if blank {
			continue
		}
		if lead < indent || indent == 0 && f.isDocumentMark(line) {
			break
		}
		sp.end = f.text.lineEnd(line)
	}
	return sp, true
}

// isDocumentMark reports whether a line separates documents.
func (f *File) isDocumentMark(line int) bool {
	have := f.text.data[f.text.starts[line-1]:]
	return bytes.HasPrefix(have, []byte("---")) || bytes.HasPrefix(have, []byte("..."))
}

// indented writes text so that it can stand inside the block.
func (b block) indented(text, eol string) string {
	return strings.ReplaceAll(text, "\n", eol+strings.Repeat(" ", b.indent))
}
