package manifest

import "go.yaml.in/yaml/v3"

// style is how a file is written, as most of its lines show it.
type style struct {
	step     int  // columns from a map's key to the keys below it
	listStep int  // columns from a key to the dashes of the list below it
	quote    byte // the quote of strings that need one
	kyaml    bool // in flow style all strings that are values have double quotes
}

// votes counts what the nodes of a file show.
type votes struct {
	steps          map[int]int
	compact, wide  int
	single, double int
	flow, kyaml    int // strings in flow style, and those of them in double quotes
}

// style counts over the whole file. Where nothing shows it, maps and lists are
// indented by two and quotes are double.
func (f *File) style() style {
	v := votes{steps: map[int]int{}}
	for _, doc := range f.docs {
		if doc.root != nil {
			v.count(doc.root)
		}
	}
	s := style{step: 2, quote: '"'}
	for step := range v.steps {
		if n, most := v.steps[step], v.steps[s.step]; n > most || n == most && step < s.step {
			s.step = step
		}
	}
	if v.compact <= v.wide {
		s.listStep = s.step
	}
	if v.single > v.double {
		s.quote = '\''
	}
	s.kyaml = v.flow > 0 && v.flow == v.kyaml
	return s
}

func (v *votes) count(n *yaml.Node) {
	switch {
	case n.Style&yaml.SingleQuotedStyle != 0:
		v.single++
	case n.Style&yaml.DoubleQuotedStyle != 0:
		v.double++
	}
	if n.Style&yaml.FlowStyle != 0 && n.Kind != yaml.ScalarNode {
		for i, c := range n.Content {
			v.count(c)
			if c.Kind == yaml.ScalarNode && c.ShortTag() == "!!str" && (n.Kind == yaml.SequenceNode || i%2 == 1) {
				v.flow++
				v.kyaml += int(c.Style&yaml.DoubleQuotedStyle) / int(yaml.DoubleQuotedStyle)
			}
		}
		return
	}
	for i, c := range n.Content {
		v.count(c)
		if n.Kind == yaml.MappingNode && i%2 == 1 && c.Style&yaml.FlowStyle == 0 && len(c.Content) > 0 {
			v.child(n.Content[i-1], c)
		}
	}
}

// child counts the columns between a key and the block below it.
func (v *votes) child(key, value *yaml.Node) {
	columns := value.Content[0].Column - key.Column
	switch {
	case value.Kind == yaml.MappingNode && columns > 0:
		v.steps[columns]++
	case value.Kind == yaml.SequenceNode && value.Anchor != "", value.Style&yaml.TaggedStyle != 0:
		// its mark is not that of the first dash
	case value.Kind == yaml.SequenceNode && value.Column == key.Column:
		v.compact++
	case value.Kind == yaml.SequenceNode:
		v.wide++
	}
}
