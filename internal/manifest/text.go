package manifest

import (
	"bytes"
	"sort"
	"unicode/utf8"
)

const byteOrderMark = "\ufeff"

// text is the source with its line starts, to turn the marks of the YAML
// parser into byte offsets. The parser counts lines by every break that YAML
// 1.1 knows (LF, CRLF, CR, U+0085, U+2028, U+2029) and columns by runes.
type text struct {
	data   []byte
	starts []int
}

func newText(data []byte) text {
	t := text{data: data, starts: make([]int, 1, 1+bytes.Count(data, []byte{'\n'}))}
	if bytes.HasPrefix(data, []byte(byteOrderMark)) {
		t.starts[0] = len(byteOrderMark)
	}
	for i := t.starts[0]; i < len(data); {
		if n := breakAt(data, i); n > 0 {
			i += n
			t.starts = append(t.starts, i)
			continue
		}
		i++
	}
	return t
}

// breakAt returns the length of the line break at offset i, or 0.
func breakAt(data []byte, i int) int {
	switch data[i] {
	case '\n':
		return 1
	case '\r':
		if i+1 < len(data) && data[i+1] == '\n' {
			return 2
		}
		return 1
	case 0xc2:
		if bytes.HasPrefix(data[i:], []byte("\u0085")) {
			return 2
		}
	case 0xe2:
		if bytes.HasPrefix(data[i:], []byte("\u2028")) || bytes.HasPrefix(data[i:], []byte("\u2029")) {
			return 3
		}
	}
	return 0
}

// offset returns the byte at a mark; line and column are 1-based.
func (t text) offset(line, column int) (int, bool) {
	if line < 1 || line > len(t.starts) {
		return 0, false
	}
	i := t.starts[line-1]
	for ; column > 1; column-- {
		if i >= len(t.data) {
			return 0, false
		}
		_, n := utf8.DecodeRune(t.data[i:])
		i += n
	}
	return i, true
}

// line returns the 1-based line that holds the byte at off.
func (t text) line(off int) int {
	return max(1, sort.SearchInts(t.starts, off+1))
}

// lineEnd returns where the break of a line is, or the end of the file.
func (t text) lineEnd(line int) int {
	end := len(t.data)
	if line < len(t.starts) {
		end = t.starts[line]
	}
	for i := t.starts[line-1]; i < end; i++ {
		if breakAt(t.data, i) > 0 {
			return i
		}
	}
	return end
}

// eol returns the line end that the file uses: that of its first line.
func (t text) eol() string {
	if end := t.lineEnd(1); end < len(t.data) {
		return string(t.data[end : end+breakAt(t.data, end)])
	}
	return "\n"
}

// blank reports whether [from, to) holds white space only.
func (t text) blank(from, to int) bool { return skipWhite(t.data[:to], from) == to }

// skip moves over white space, line breaks and comments.
func (t text) skip(i int) int {
	for {
		i = skipWhite(t.data, i)
		if i >= len(t.data) || t.data[i] != '#' || i > 0 && !isBlank(t.data[i-1]) {
			return i
		}
		i = t.lineEnd(t.line(i))
	}
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }
