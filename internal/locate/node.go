package locate

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
)

// A node is the index of one folder. Nodes are immutable and reused as long as
// the folder is the same. Where the tree knows content hashes, a query after a
// change so costs the changed folders and not the repository. There is one for
// each folder of the repo for as long as amend runs, so it is kept small: what
// few folders have is apart.
type node struct {
	dir      string
	files    []entry     // by name
	children []*node     // by name
	hash     contentHash // of names and contents, equal for equal folders

	// What follows sums up the folder and all below it.
	count  int32   // of the names in names
	names  *filter // nil where there is none
	shape  shape
	opaque bool
	*special
}

// An entry is a file of a folder.
type entry struct {
	name string
	*facts
}

// A special is what the index remembers of kustomizations, charts and
// Applications: of a folder and, but for the kustomization, of all below it.
type special struct {
	kustFile string               // name of the kustomization file, if any
	kust     *types.Kustomization // nil if there is none or it does not parse
	kustErr  error
	refs     []string // what the kustomization names, as written

	argo     []string // files in which Applications may be written
	projects []string // files in which AppProjects with sync windows are written
	inflates []string // kustomizations with charts
	prefixes []string
	suffixes []string
	// transforms says that there is a kustomization with transformers: what they
	// read only a render tells.
	transforms bool
	foreign    []string // files of source types that are not searched
	unparsed   []string // kustomizations that do not parse, each with the problem
	huge       []string
	leaving    []reference            // to paths outside the folder
	meeting    map[string][]reference // by target, where this is the innermost common folder
}

// nothing is the special of all folders that have none. It is never written to.
var nothing = &special{}

// A reference says that the kustomization in from names the path to.
type reference struct{ from, to string }

// base is the name of the folder in the one above it.
func (n *node) base() string { return path.Base(n.dir) }

// own returns the facts of a file of this folder, or nil.
func (n *node) own(name string) *facts {
	i, ok := slices.BinarySearchFunc(n.files, name, func(e entry, name string) int { return strings.Compare(e.name, name) })
	if !ok {
		return nil
	}
	return n.files[i].facts
}

// child returns the node of a folder in this one, or nil.
func (n *node) child(name string) *node {
	above := 0 // what all of their paths begin with
	if n.dir != "." {
		above = len(n.dir) + 1
	}
	i, ok := slices.BinarySearchFunc(n.children, name, func(c *node, name string) int { return strings.Compare(c.dir[above:], name) })
	if !ok {
		return nil
	}
	return n.children[i]
}

// sum derives the fields that cover the whole subtree; s is what is known of the
// folder's own kustomization.
func (n *node) sum(s special) {
	var refs []reference
	for _, r := range s.refs {
		if to := path.Join(n.dir, r); fs.ValidPath(to) {
			refs = append(refs, reference{from: n.dir, to: to})
		}
	}
	if s.kustErr != nil {
		s.unparsed = []string{fmt.Sprintf("%s (%s)", path.Join(n.dir, s.kustFile), s.kustErr)}
	}
	if s.kust != nil {
		s.prefixes = []string{s.kust.NamePrefix}
		s.suffixes = []string{s.kust.NameSuffix}
		s.transforms = len(s.kust.Transformers) > 0
		if len(chartReferences(s.kust)) > 0 {
			s.inflates = []string{path.Join(n.dir, s.kustFile)}
		}
		n.opaque = renames(s.kust)
	}
	for _, f := range n.files {
		s.sumFile(path.Join(n.dir, f.name), f.facts)
		n.opaque = n.opaque || f.opaque
		n.count += f.kindsAt
	}
	for _, c := range n.children {
		if c.special != nothing {
			s.sumChild(c.special)
			refs = append(refs, c.leaving...)
		}
		n.opaque = n.opaque || c.opaque
		n.count += c.count
	}
	s.meet(n.dir, refs)
	s.sort()
	n.special = nothing
	if !reflect.ValueOf(s).IsZero() {
		n.special = &s
	}
	n.names, n.shape = n.filter(), n.shapeOf()
}

// meet notes the references that end in the folder, and those that leave it.
func (s *special) meet(dir string, refs []reference) {
	for _, r := range refs {
		if _, inside := below(dir, r.to); !inside && r.to != dir {
			s.leaving = append(s.leaving, r)
			continue
		}
		if s.meeting == nil {
			s.meeting = map[string][]reference{}
		}
		s.meeting[r.to] = append(s.meeting[r.to], r)
	}
}

func (s *special) sort() {
	for _, list := range [][]string{s.argo, s.projects, s.inflates, s.foreign, s.huge, s.unparsed} {
		slices.Sort(list)
	}
	s.prefixes, s.suffixes = distinct(s.prefixes), distinct(s.suffixes)
}

func (s *special) sumFile(name string, f *facts) {
	if f.argo != nil && f.argo.deploys {
		s.argo = append(s.argo, name)
	}
	if f.argo != nil && f.argo.projects != nil {
		s.projects = append(s.projects, name)
	}
	switch {
	case f.huge && scanned(name):
		s.huge = append(s.huge, name)
	case strings.HasSuffix(name, "Chart.yaml"), strings.HasSuffix(name, ".jsonnet"):
		s.foreign = append(s.foreign, name)
	}
}

func (s *special) sumChild(c *special) {
	s.argo = append(s.argo, c.argo...)
	s.projects = append(s.projects, c.projects...)
	s.inflates = append(s.inflates, c.inflates...)
	s.foreign = append(s.foreign, c.foreign...)
	s.huge = append(s.huge, c.huge...)
	s.unparsed = append(s.unparsed, c.unparsed...)
	s.prefixes = append(s.prefixes, c.prefixes...)
	s.suffixes = append(s.suffixes, c.suffixes...)
	s.transforms = s.transforms || c.transforms
}

// distinct sorts the texts and drops repeats and the empty one.
func distinct(list []string) []string {
	slices.Sort(list)
	return slices.Clip(slices.DeleteFunc(slices.Compact(list), func(s string) bool { return s == "" }))
}

// find returns the node of a folder, or nil.
func (n *node) find(dir string) *node {
	if dir == "." {
		return n
	}
	for part := range strings.SplitSeq(dir, "/") {
		if n = n.child(part); n == nil {
			return nil
		}
	}
	return n
}

// file returns the facts of a file, or nil.
func (n *node) file(name string) *facts {
	dir := n.find(path.Dir(name))
	if dir == nil {
		return nil
	}
	return dir.own(path.Base(name))
}

// declaring yields the files that may declare the object, in order.
func (n *node) declaring(w wanted, yield func(string)) {
	if !n.opaque && !n.names.hasAny(w.names) {
		return
	}
	renaming := n.kust != nil && renames(n.kust)
	for _, f := range n.files {
		if f.mayDeclare(w) || (renaming && f.name == n.kustFile) {
			yield(path.Join(n.dir, f.name))
		}
	}
	for _, c := range n.children {
		c.declaring(w, yield)
	}
}

// holds reports whether one of the names is written in the folder or below it.
func (n *node) holds(names []uint32) bool {
	return n.names.hasAny(names) && (slices.ContainsFunc(n.files, func(f entry) bool { return f.holds(names) }) ||
		slices.ContainsFunc(n.children, func(c *node) bool { return c.holds(names) }))
}

// referrers returns the folders of the kustomizations that name p.
func (n *node) referrers(p string) []string {
	var from []string
	for at := n; at != nil; {
		for _, r := range at.meeting[p] {
			if !slices.Contains(from, r.from) {
				from = append(from, r.from)
			}
		}
		rel, ok := below(at.dir, p)
		if !ok {
			break
		}
		next, _, _ := strings.Cut(rel, "/")
		at = at.child(next)
	}
	slices.Sort(from)
	return from
}

// inflaters returns the folders of the kustomizations that render the chart
// which the file belongs to.
func (n *node) inflaters(file string) []string {
	var from []string
	for dir := range parents(file) {
		if n.file(path.Join(dir, "Chart.yaml")) != nil {
			from = append(from, n.referrers(dir)...)
		}
	}
	return slices.DeleteFunc(from, func(dir string) bool {
		k := n.find(dir).kust
		return k != nil && len(chartReferences(k)) == 0
	})
}

// transforming returns the folders of the kustomizations at or above the file
// that have transformers. Their configuration may name the file, which only a
// render tells.
func (n *node) transforming(file string) []string {
	var from []string
	for dir := range parents(file) {
		if folder := n.find(dir); folder != nil && folder.kust != nil && len(folder.kust.Transformers) > 0 {
			from = append(from, dir)
		}
	}
	return from
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
