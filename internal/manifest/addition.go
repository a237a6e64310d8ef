package manifest

import (
	"strings"

	"github.com/amendhq/amend"
)

// addition is what an insert adds: new keys, each below the one before, and
// under the last one a scalar or a list with one item. Without keys it is an
// item for a list that exists.
type addition struct {
	keys  []string
	value amend.Scalar
	item  []KeyValue
}

// change is the addition as a reader sees it; old is what was at its place.
func (a addition) change(old any) any {
	if a.item == nil {
		return wanted(a.value)
	}
	m := make(map[string]any, len(a.item))
	for _, kv := range a.item {
		m[kv.Key] = wanted(kv.Value)
	}
	list, _ := old.([]any)
	return append(list[:len(list):len(list)], m)
}

// nodes counts the nodes that the addition makes, ends of collections included.
func (a addition) nodes() int {
	if a.item == nil {
		return 3*len(a.keys) - 1 // a key, and a map's two ends or the scalar
	}
	return 3*len(a.keys) + 2 + 2*len(a.item)
}

// block writes the addition as lines that start at a column, 1-based.
func (a addition) block(column int, s style, p pen) []string {
	var lines []string
	for _, k := range a.keys {
		lines = append(lines, indent(column)+p.key(k)+":")
		column += s.step
	}
	if a.item == nil {
		lines[len(lines)-1] += " " + p.write(a.value)
		return lines
	}
	return append(lines, a.itemLines(column-s.step+s.listStep, 2, p)...)
}

// itemLines writes the item with its dash at a column and its keys gap columns
// further right.
func (a addition) itemLines(column, gap int, p pen) []string {
	lines := make([]string, 0, len(a.item))
	for i, kv := range a.item {
		lead := indent(column + gap)
		if i == 0 {
			lead = indent(column) + "-" + strings.Repeat(" ", gap-1)
		}
		lines = append(lines, lead+p.key(kv.Key)+": "+p.write(kv.Value))
	}
	return lines
}

// flow writes the addition as an entry of a map between braces, or as an item
// of a list between brackets.
func (a addition) flow(p pen) string {
	p.flow = true
	text := p.write(a.value)
	if a.item != nil {
		fields := make([]string, len(a.item))
		for i, kv := range a.item {
			fields[i] = p.key(kv.Key) + ": " + p.write(kv.Value)
		}
		text = "{" + strings.Join(fields, ", ") + "}"
		if len(a.keys) > 0 {
			text = "[" + text + "]"
		}
	}
	for i := len(a.keys) - 1; i >= 0; i-- {
		text = p.key(a.keys[i]) + ": " + text
		if i > 0 {
			text = "{" + text + "}"
		}
	}
	return text
}

// flowWhole writes the addition as a whole map or list.
func (a addition) flowWhole(p pen) string {
	if len(a.keys) > 0 {
		return "{" + a.flow(p) + "}"
	}
	return "[" + a.flow(p) + "]"
}

func indent(column int) string { return strings.Repeat(" ", column-1) }

// key writes a map key.
func (p pen) key(k string) string {
	p.force = p.keys
	return p.plainOrQuoted(k, nil)
}
