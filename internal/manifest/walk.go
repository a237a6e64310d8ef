package manifest

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// trail is the way from the root of a YAML document to a node, as its reader
// sees it after aliases and merges; the nil trail is the root.
type trail struct {
	up    *trail
	key   string
	index int // of a list item; -1 for a map entry
}

func (t *trail) entry(key string) *trail { return &trail{up: t, key: key, index: -1} }
func (t *trail) item(i int) *trail       { return &trail{up: t, index: i} }

// steps returns the trail from the root down.
func (t *trail) steps() []*trail {
	var all []*trail
	for ; t != nil; t = t.up {
		all = append(all, t)
	}
	slices.Reverse(all)
	return all
}

// path writes the trail as a YAML path: spec.containers[0].image, data["a.b"].
func (t *trail) path() Path {
	var b strings.Builder
	for i, s := range t.steps() {
		switch {
		case s.index >= 0:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case s.key == "" || strings.ContainsAny(s.key, ".[]\"=/\\|! \t\n"):
			b.WriteString("[" + strconv.Quote(s.key) + "]")
		default:
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.key)
		}
	}
	return Path(b.String())
}

// place is a node and how it is reached. The node may be an alias.
type place struct {
	node   *yaml.Node
	trail  *trail
	shared bool // the node stands for more than one place of the document
	flow   bool // the node lies between { } or [ ]
}

// inside returns the collection that p holds, with what its children inherit.
func (f *File) inside(p place) (*yaml.Node, place) {
	n := deref(p.node)
	p.shared = p.shared || n != p.node || f.anchored[n]
	p.flow = p.flow || n.Style&yaml.FlowStyle != 0
	return n, p
}

// items returns the items of the list at p.
func (f *File) items(p place) []place {
	n, in := f.inside(p)
	if n.Kind != yaml.SequenceNode {
		return nil
	}
	out := make([]place, len(n.Content))
	for i, c := range n.Content {
		out[i] = place{node: c, trail: p.trail.item(i), shared: in.shared, flow: in.flow}
	}
	return out
}

// field is one effective entry of a map.
type field struct {
	name   string
	key    *yaml.Node
	merged bool // it comes from a merge key, not from the map itself
	place
}

// fields returns the entries of the map at p that a reader sees. Of duplicate
// keys and of merged and written entries the last one wins, as it does for
// sigs.k8s.io/yaml.
func (f *File) fields(p place) []field {
	n, in := f.inside(p)
	if n.Kind != yaml.MappingNode {
		return nil
	}
	set := fieldSet{list: make([]field, 0, len(n.Content)/2)}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if isMerge(k) {
			f.merge(&set, place{node: v, trail: p.trail, shared: true, flow: in.flow})
			continue
		}
		name := keyName(k)
		set.put(field{name: name, key: k,
			place: place{node: v, trail: p.trail.entry(name), shared: in.shared, flow: in.flow}})
	}
	return set.list
}

// merge puts the entries of a merge key's map, or of its list of maps in which
// the first one wins.
func (f *File) merge(set *fieldSet, p place) {
	n := deref(p.node)
	if n.Kind == yaml.SequenceNode {
		for _, c := range slices.Backward(n.Content) {
			p.node = c
			f.merge(set, p)
		}
		return
	}
	for _, e := range f.fields(p) {
		e.merged, e.shared = true, true
		set.put(e)
	}
}

func isMerge(k *yaml.Node) bool { return k.Kind == yaml.ScalarNode && k.ShortTag() == "!!merge" }

// fieldSet keeps the last field of each name, in the order of first mention.
type fieldSet struct {
	list  []field
	index map[string]int // built when the list gets long
}

func (s *fieldSet) put(e field) {
	if i := s.find(e.name); i >= 0 {
		s.list[i] = e
		return
	}
	s.list = append(s.list, e)
	if s.index != nil {
		s.index[e.name] = len(s.list) - 1
	}
}

func (s *fieldSet) find(name string) int {
	const long = 16
	if s.index == nil && len(s.list) < long {
		return slices.IndexFunc(s.list, func(e field) bool { return e.name == name })
	}
	if s.index == nil {
		s.index = make(map[string]int, 2*long)
		for i, e := range s.list {
			s.index[e.name] = i
		}
	}
	if i, ok := s.index[name]; ok {
		return i
	}
	return -1
}

// get returns the effective entry of the map at p with the given name.
func (f *File) get(p place, name string) (field, bool) {
	all := f.fields(p)
	if i := slices.IndexFunc(all, func(e field) bool { return e.name == name }); i >= 0 {
		return all[i], true
	}
	return field{}, false
}

// value returns the scalar in entry name of the map at p, and whether there is one.
func (f *File) value(p place, name string) (string, bool) {
	e, ok := f.get(p, name)
	if !ok || deref(e.node).Kind != yaml.ScalarNode {
		return "", false
	}
	s, _ := meaning(deref(e.node))
	return s, true
}
