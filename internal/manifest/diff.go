package manifest

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	contextLines = 3
	// maxTable bounds the work of finding the smallest diff. Between two lines
	// that differ further apart everything is shown as replaced.
	maxTable = 1 << 20
)

// Diff returns the unified diff of a file as Git writes it, so that git apply
// accepts it. A nil old is a new file and a nil new a removed one; equal
// contents have the empty diff.
//
// A diff is shown to more people than the file is. Of three lines of context
// only those are in it that belong to the document of the change and hold no
// value of a Secret. Where that leaves no line after the change, git apply
// wants --unidiff-zero. A changed line that holds such a value itself is
// replaced by a note, and then the diff is for people only.
func Diff(path string, old, new []byte) string {
	if string(old) == string(new) && (old == nil) == (new == nil) {
		return ""
	}
	var b strings.Builder
	from, to := gitName("a/"+path), gitName("b/"+path)
	fmt.Fprintf(&b, "diff --git %s %s\n", from, to)
	if old == nil {
		b.WriteString("new file mode 100644\n")
		from = "/dev/null"
	}
	if new == nil {
		b.WriteString("deleted file mode 100644\n")
		to = "/dev/null"
	}
	lines := compareLines(splitLines(old), splitLines(new))
	assignParts(lines, partsOf(splitLines(old)), partsOf(splitLines(new)))
	if hunks := hunks(lines); len(hunks) > 0 {
		fmt.Fprintf(&b, "--- %s\n+++ %s\n", from, to)
		for _, h := range hunks {
			h.write(&b)
		}
	}
	return b.String()
}

// gitName quotes a name as Git does when it holds what could end it.
func gitName(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == 0x7f }) {
		return strconv.Quote(name)
	}
	return name
}

// splitLines cuts at line feeds and keeps them.
func splitLines(data []byte) []string {
	lines := strings.SplitAfter(string(data), "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	}
	return lines
}

// diffLine is a line of a diff: op is ' ', '-' or '+'.
type diffLine struct {
	op       byte
	text     string
	old, new part // of the file, where the line is in it
}

// assignParts says for each line which part of the files it belongs to.
func assignParts(lines []diffLine, old, new []part) {
	oldLine, newLine := 0, 0
	for i := range lines {
		if lines[i].op != '+' {
			lines[i].old = old[oldLine]
			oldLine++
		}
		if lines[i].op != '-' {
			lines[i].new = new[newLine]
			newLine++
		}
	}
}

// context counts the lines that may be shown from the changed line i in a
// direction, 1 or -1.
func context(lines []diffLine, i, direction int) int {
	for n := 1; n <= contextLines; n++ {
		at := i + n*direction
		if at < 0 || at >= len(lines) || lines[at].op != ' ' {
			return n - 1
		}
		own, changed := lines[at].new, lines[i].new
		if lines[i].op == '-' {
			own, changed = lines[at].old, lines[i].old
		}
		switch {
		case own == separator:
			return n
		case own != changed || own < separator:
			return n - 1
		}
	}
	return contextLines
}

// compareLines lists the lines of both versions, those in common once.
func compareLines(old, new []string) []diffLine {
	head := 0
	for head < min(len(old), len(new)) && old[head] == new[head] {
		head++
	}
	tail := 0
	for tail < min(len(old), len(new))-head && old[len(old)-1-tail] == new[len(new)-1-tail] {
		tail++
	}
	out := mark(nil, ' ', old[:head])
	out = append(out, middle(old[head:len(old)-tail], new[head:len(new)-tail])...)
	return mark(out, ' ', old[len(old)-tail:])
}

func mark(out []diffLine, op byte, lines []string) []diffLine {
	for _, l := range lines {
		out = append(out, diffLine{op: op, text: l})
	}
	return out
}

// middle compares by the longest common subsequence.
func middle(old, new []string) []diffLine {
	if len(old)*len(new) > maxTable {
		return mark(mark(nil, '-', old), '+', new)
	}
	width := len(new) + 1
	common := make([]int32, (len(old)+1)*width) // of old[i:] and new[j:]
	for i := len(old) - 1; i >= 0; i-- {
		for j := len(new) - 1; j >= 0; j-- {
			if old[i] == new[j] {
				common[i*width+j] = common[(i+1)*width+j+1] + 1
			} else {
				common[i*width+j] = max(common[(i+1)*width+j], common[i*width+j+1])
			}
		}
	}
	var out []diffLine
	i, j := 0, 0
	for i < len(old) && j < len(new) {
		switch {
		case old[i] == new[j]:
			out = append(out, diffLine{op: ' ', text: old[i]})
			i, j = i+1, j+1
		case common[(i+1)*width+j] >= common[i*width+j+1]:
			out = append(out, diffLine{op: '-', text: old[i]})
			i++
		default:
			out = append(out, diffLine{op: '+', text: new[j]})
			j++
		}
	}
	return mark(mark(out, '-', old[i:]), '+', new[j:])
}

// hunk is a run of lines around changes; the starts are 0-based.
type hunk struct {
	oldStart, newStart int
	lines              []diffLine
}

// hunks cuts out the changes with their context; neighbours whose contexts
// meet are one hunk.
func hunks(lines []diffLine) []hunk {
	var out []hunk
	oldLine, newLine, until := 0, 0, 0 // until: lines up to here are in the last hunk
	for i, l := range lines {
		if l.op != ' ' {
			from := i - context(lines, i, -1)
			if len(out) == 0 || from > until {
				back := i - from
				out = append(out, hunk{oldStart: oldLine - back, newStart: newLine - back})
				until = from
			}
			end := i + 1 + context(lines, i, 1)
			h := &out[len(out)-1]
			h.lines = append(h.lines, lines[until:end]...)
			until = end
		}
		if l.op != '+' {
			oldLine++
		}
		if l.op != '-' {
			newLine++
		}
	}
	return out
}

func (h hunk) write(b *strings.Builder) {
	oldCount, newCount := 0, 0
	for _, l := range h.lines {
		if l.op != '+' {
			oldCount++
		}
		if l.op != '-' {
			newCount++
		}
	}
	fmt.Fprintf(b, "@@ -%s +%s @@\n", lineRange(h.oldStart, oldCount), lineRange(h.newStart, newCount))
	for _, l := range h.lines {
		b.WriteByte(l.op)
		if l.op != ' ' && min(l.old, l.new) < separator {
			b.WriteString(redacted)
			continue
		}
		b.WriteString(l.text)
		if !strings.HasSuffix(l.text, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// lineRange writes a range; an empty one names the line before it.
func lineRange(start, count int) string {
	switch count {
	case 0:
		return fmt.Sprintf("%d,0", start)
	case 1:
		return strconv.Itoa(start + 1)
	}
	return fmt.Sprintf("%d,%d", start+1, count)
}
