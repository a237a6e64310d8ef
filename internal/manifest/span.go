package manifest

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// span is the source of a node from start up to end, without its anchor and
// its tag. The span of a value that is not written at all is empty.
type span struct{ start, end int }

// span finds the source of a node. It reports false when the bytes there are
// not what the parser read, which can only be a mistake in a position.
func (f *File) span(n *yaml.Node) (span, bool) {
	mark, ok := f.text.offset(n.Line, n.Column)
	if !ok {
		return span{}, false
	}
	if n.Kind == yaml.AliasNode {
		return f.word(mark, "*"+n.Value)
	}
	after, start := f.properties(mark)
	if n.Kind != yaml.ScalarNode {
		end, ok := f.collectionEnd(n, start)
		return span{start, end}, ok
	}
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		return f.quoted(start, '"')
	case n.Style&yaml.SingleQuotedStyle != 0:
		return f.quoted(start, '\'')
	case !isPlain(n):
		return f.blockSpan(n, start)
	case n.Value == "":
		return span{after, after}, true
	}
	return f.plain(start, n.Value)
}

// properties skips &anchor and !tag at off. It returns where the last of them
// ends and where the content after them starts.
func (f *File) properties(off int) (after, content int) {
	data := f.text.data
	after, content = off, off
	for content < len(data) && (data[content] == '&' || data[content] == '!') {
		after = content
		for after < len(data) && !isBlank(data[after]) && breakAt(data, after) == 0 && !strings.ContainsRune(",[]{}", rune(data[after])) {
			after++
		}
		content = f.text.skip(after)
	}
	return after, content
}

// word is the span of the literal text at off.
func (f *File) word(off int, s string) (span, bool) {
	return span{off, off + len(s)}, bytes.HasPrefix(f.text.data[off:], []byte(s))
}

// plain finds plain text. Over several lines the parser has folded its white
// space, so there only the other characters have to agree.
func (f *File) plain(off int, value string) (span, bool) {
	if sp, ok := f.word(off, value); ok {
		return sp, true
	}
	i, v := off, []byte(value)
	for j := 0; j < len(v); {
		if next := skipWhite(v, j); next > j {
			i, j = skipWhite(f.text.data, i), next
			continue
		}
		if i >= len(f.text.data) || f.text.data[i] != v[j] {
			return span{}, false
		}
		i, j = i+1, j+1
	}
	return span{off, i}, true
}

// skipWhite moves over white space and line breaks.
func skipWhite(data []byte, i int) int {
	for i < len(data) {
		switch n := breakAt(data, i); {
		case n > 0:
			i += n
		case data[i] == ' ' || data[i] == '\t':
			i++
		default:
			return i
		}
	}
	return i
}

// quoted finds the text from one quote to the next that is not escaped.
func (f *File) quoted(off int, quote byte) (span, bool) {
	data := f.text.data
	if off >= len(data) || data[off] != quote {
		return span{}, false
	}
	for i := off + 1; i < len(data); i++ {
		switch {
		case data[i] == '\\' && quote == '"':
			i++
		case data[i] == quote && quote == '\'' && i+1 < len(data) && data[i+1] == quote:
			i++
		case data[i] == quote:
			return span{off, i + 1}, true
		}
	}
	return span{}, false
}

// collectionEnd finds the end of the last child, and of the bracket after it.
func (f *File) collectionEnd(n *yaml.Node, start int) (int, bool) {
	data, end := f.text.data, start
	flow := n.Style&yaml.FlowStyle != 0
	if flow {
		end++ // the opening bracket
	}
	for _, c := range slices.Backward(n.Content) {
		sp, ok := f.span(c)
		if !ok {
			return 0, false
		}
		end = sp.end
		break
	}
	if !flow {
		return end, true
	}
	for end = f.text.skip(end); end < len(data) && (data[end] == ',' || data[end] == ':'); {
		end = f.text.skip(end + 1)
	}
	if end >= len(data) || data[end] != '}' && data[end] != ']' {
		return 0, false
	}
	return end + 1, true
}
