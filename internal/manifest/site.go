package manifest

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxSites bounds how many places of one map are tried for an insert.
const maxSites = 6

// sites returns where an addition can go, the best place first. Which of them
// keeps the meaning of the file is for the proof to say.
func (f *File) sites(at spot, a addition) []splice {
	n := at.node
	if n != nil {
		n = deref(n)
	}
	s := f.style()
	p := pen{quote: s.quote, flow: at.flow, force: f.json, keys: f.json}
	w := writer{file: f, spot: at, add: a, style: s, pen: p}
	switch {
	case n == nil, isEmpty(n) && at.key == nil && at.trail == nil:
		return w.atDocumentEnd()
	case isEmpty(n), len(n.Content) == 0:
		return w.inPlaceOf(at.node)
	case n.Style&yaml.FlowStyle != 0:
		return w.inFlow(n)
	case n.Kind == yaml.SequenceNode:
		return w.afterItems(n)
	}
	return w.inMap(n)
}

// writer puts one addition at one spot.
type writer struct {
	file  *File
	spot  spot
	add   addition
	style style
	pen   pen
}

// lines writes the addition below each other from a column on.
func (w writer) lines(column int) string {
	return strings.Join(w.add.block(column, w.style, w.pen), w.file.text.eol())
}

// atDocumentEnd fills a document that has no content yet.
func (w writer) atDocumentEnd() []splice {
	t := w.file.text
	end := w.file.docs[w.file.objects[w.spot.doc].source].end
	text := w.lines(1)
	if at := t.starts[t.line(end)-1]; at < end {
		text = t.eol() + text // the last line has no end
	} else {
		text += t.eol()
	}
	return []splice{{span{end, end}, text}}
}

// inPlaceOf replaces a null, {} or [].
func (w writer) inPlaceOf(n *yaml.Node) []splice {
	t := w.file.text
	sp, ok := w.file.span(n)
	if !ok || n.Kind == yaml.AliasNode {
		return nil
	}
	flow := splice{sp, w.add.flowWhole(w.pen)}
	if sp.start == sp.end {
		flow.text = " " + flow.text
	}
	lineEnd := t.lineEnd(t.line(sp.end))
	switch {
	case w.pen.flow || w.pen.force:
		return []splice{flow}
	case w.spot.key == nil && w.spot.trail == nil:
		return []splice{{sp, w.lines(1)}, flow}
	case w.spot.key == nil:
		return []splice{flow}
	}
	text := t.eol() + w.below(w.spot.key.Column)
	if sp.start == sp.end {
		return []splice{{span{lineEnd, lineEnd}, text}, flow}
	}
	colon := len(strings.TrimRight(string(t.data[:sp.start]), " "))
	if t.data[colon-1] != ':' || !t.blank(sp.end, lineEnd) {
		return []splice{flow}
	}
	return []splice{{span{colon, lineEnd}, text}, flow}
}

// below writes the addition under a key at a column.
func (w writer) below(column int) string {
	if len(w.add.keys) > 0 {
		return w.lines(column + w.style.step)
	}
	return w.items(column+w.style.listStep, 2)
}

func (w writer) items(column, gap int) string {
	return strings.Join(w.add.itemLines(column, gap, w.pen), w.file.text.eol())
}

// inFlow adds to a map after its opening brace, and to a list after its last item.
func (w writer) inFlow(n *yaml.Node) []splice {
	t := w.file.text
	whole, ok := w.file.span(n)
	first, ok1 := t.offset(n.Content[0].Line, n.Content[0].Column)
	last, ok2 := w.file.span(n.Content[len(n.Content)-1])
	if !ok || !ok1 || !ok2 {
		return nil
	}
	gap := string(t.data[whole.start+1 : first])
	if !t.blank(whole.start+1, first) {
		gap = " "
	}
	w.pen.flow = true
	w.pen.force = w.pen.force || w.style.kyaml
	if n.Kind == yaml.SequenceNode {
		if gap == "" || !strings.ContainsAny(gap, "\r\n") {
			gap = " "
		}
		return []splice{{span{last.end, last.end}, "," + gap + w.add.flow(w.pen)}}
	}
	w.pen.keys = w.pen.keys || n.Content[0].Style&yaml.DoubleQuotedStyle != 0
	if gap == "" {
		gap = " "
	}
	return []splice{{span{first, first}, w.add.flow(w.pen) + "," + gap}}
}

// afterItems appends to a list with dashes, in the columns of its last item.
func (w writer) afterItems(n *yaml.Node) []splice {
	last := n.Content[len(n.Content)-1]
	column, ok := w.file.dashColumn(n)
	end, ok2 := w.lineAfter(last)
	if !ok || !ok2 {
		return nil
	}
	gap := 2
	if c := last.Column - column; last.Kind == yaml.MappingNode && last.Style&yaml.FlowStyle == 0 && c > 1 {
		gap = c
	}
	return []splice{{span{end, end}, w.file.text.eol() + w.items(column, gap)}}
}

// dashColumn finds the column of a list's dashes.
func (f *File) dashColumn(n *yaml.Node) (int, bool) {
	if n.Anchor == "" && n.Style&yaml.TaggedStyle == 0 {
		return n.Column, true
	}
	off, ok := f.text.offset(n.Content[0].Line, n.Content[0].Column)
	if !ok {
		return 0, false
	}
	start := f.text.starts[f.text.line(off)-1]
	before := strings.TrimRight(string(f.text.data[start:off]), " ")
	lead, isDash := strings.CutSuffix(before, "-")
	return len(before), isDash && strings.Trim(lead, " ") == ""
}

// lineAfter returns the end of the line on which a node ends, if nothing but a
// comment follows it there.
func (w writer) lineAfter(n *yaml.Node) (int, bool) {
	t := w.file.text
	sp, ok := w.file.span(n)
	if !ok {
		return 0, false
	}
	end := t.lineEnd(t.line(max(sp.start, sp.end-1)))
	if end < sp.end {
		end = sp.end
	}
	rest := strings.TrimSpace(string(t.data[sp.end:end]))
	return end, rest == "" || strings.HasPrefix(rest, "#")
}

// inMap adds to a map in block style. A scalar goes after the last one-line
// entry, which keeps it with its like, and a map or list after the last entry.
// The other one-line entries and the place before the first are second choices.
func (w writer) inMap(n *yaml.Node) []splice {
	t := w.file.text
	column := n.Content[0].Column
	text := w.lines(column)
	var oneLine, last []splice
	for i := len(n.Content) - 2; i >= 0; i -= 2 {
		k, v := n.Content[i], n.Content[i+1]
		end, ok := w.lineAfter(v)
		if !ok {
			continue
		}
		s := splice{span{end, end}, t.eol() + text}
		if i == len(n.Content)-2 {
			last = []splice{s}
		}
		if v.Kind != yaml.MappingNode && v.Kind != yaml.SequenceNode && t.line(end) == k.Line {
			oneLine = append(oneLine, s)
		}
	}
	sites := slices.Concat(last, oneLine)
	if len(w.add.keys) == 1 && w.add.item == nil && len(oneLine) > 0 {
		sites = slices.Concat(oneLine[:1], last, oneLine[1:])
	}
	sites = sites[:min(len(sites), maxSites)]
	if first, ok := t.offset(n.Content[0].Line, column); ok {
		sites = append(sites, splice{span{first, first}, strings.TrimLeft(text, " ") + t.eol() + indent(column)})
	}
	return sites
}
