package locate

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/kustomize/api/types"
)

// A node is the index of one folder. Nodes are immutable and reused as long as
// the folder is the same. Where the tree knows content hashes, a query after a
// change so costs the changed folders and not the repository.
type node struct {
	dir      string
	hash     string // of names and contents, equal for equal folders
	files    map[string]*facts
	children map[string]*node

	kustFile string               // name of the kustomization file, if any
	kust     *types.Kustomization // nil if there is none or it does not parse
	kustErr  error
	refs     []string // what the kustomization names, as written

	// The names of the files and of the children, sorted once.
	fileNames, childNames []string

	// What follows sums up the folder and all below it.
	names    filter
	opaque   bool
	argo     []string // files in which Applications may be written
	projects []string // files in which AppProjects with sync windows are written
	inflates []string // kustomizations with charts
	prefixes []string
	suffixes []string
	foreign  []string // files of source types that are not searched
	unparsed []string // kustomizations that do not parse, each with the problem
	huge     []string
	leaving  []reference            // to paths outside the folder
	meeting  map[string][]reference // by target, where this is the innermost common folder

	listed               sync.Once // fills in the paths of all below, in order
	allFolders, allFiles []string
}

// A reference says that the kustomization in from names the path to.
type reference struct{ from, to string }

// filter is a Bloom filter over name hashes: it may say yes wrongly, never no.
type filter [16]uint64

func (f *filter) add(h uint64) {
	f[h>>6&15] |= 1 << (h & 63)
	f[h>>16&15] |= 1 << (h >> 10 & 63)
}

func (f *filter) has(h uint64) bool {
	return f[h>>6&15]&(1<<(h&63)) != 0 && f[h>>16&15]&(1<<(h>>10&63)) != 0
}

// sum derives the fields that cover the whole subtree.
func (n *node) sum() {
	n.fileNames, n.childNames = sortedKeys(n.files), sortedKeys(n.children)
	var refs []reference
	for _, r := range n.refs {
		if to := path.Join(n.dir, r); fs.ValidPath(to) {
			refs = append(refs, reference{from: n.dir, to: to})
		}
	}
	if n.kustErr != nil {
		n.unparsed = []string{fmt.Sprintf("%s (%s)", path.Join(n.dir, n.kustFile), n.kustErr)}
	}
	if n.kust != nil {
		n.prefixes = []string{n.kust.NamePrefix}
		n.suffixes = []string{n.kust.NameSuffix}
		if len(chartReferences(n.kust)) > 0 {
			n.inflates = []string{path.Join(n.dir, n.kustFile)}
		}
		n.opaque = renames(n.kust)
	}
	for name, f := range n.files {
		n.sumFile(name, f)
	}
	for _, c := range n.children {
		n.sumChild(c)
		refs = append(refs, c.leaving...)
	}
	n.meeting = map[string][]reference{}
	for _, r := range refs {
		if _, inside := below(n.dir, r.to); inside || r.to == n.dir {
			n.meeting[r.to] = append(n.meeting[r.to], r)
		} else {
			n.leaving = append(n.leaving, r)
		}
	}
	slices.Sort(n.argo)
	slices.Sort(n.projects)
	slices.Sort(n.inflates)
	slices.Sort(n.foreign)
	slices.Sort(n.huge)
	slices.Sort(n.unparsed)
	n.prefixes, n.suffixes = distinct(n.prefixes), distinct(n.suffixes)
}

func (n *node) sumFile(name string, f *facts) {
	full := path.Join(n.dir, name)
	n.opaque = n.opaque || f.opaque
	for _, h := range f.names {
		n.names.add(h)
	}
	if f.argo {
		n.argo = append(n.argo, full)
	}
	if f.projects != nil {
		n.projects = append(n.projects, full)
	}
	switch {
	case f.huge && scanned(name):
		n.huge = append(n.huge, full)
	case strings.HasSuffix(name, "Chart.yaml"), strings.HasSuffix(name, ".jsonnet"):
		n.foreign = append(n.foreign, full)
	}
}

func (n *node) sumChild(c *node) {
	for i, w := range c.names {
		n.names[i] |= w
	}
	n.opaque = n.opaque || c.opaque
	n.argo = append(n.argo, c.argo...)
	n.projects = append(n.projects, c.projects...)
	n.inflates = append(n.inflates, c.inflates...)
	n.foreign = append(n.foreign, c.foreign...)
	n.huge = append(n.huge, c.huge...)
	n.unparsed = append(n.unparsed, c.unparsed...)
	n.prefixes = append(n.prefixes, c.prefixes...)
	n.suffixes = append(n.suffixes, c.suffixes...)
}

// distinct sorts the texts and drops repeats and the empty one.
func distinct(list []string) []string {
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(s string) bool { return s == "" })
}

// find returns the node of a folder, or nil.
func (n *node) find(dir string) *node {
	if dir == "." {
		return n
	}
	for part := range strings.SplitSeq(dir, "/") {
		if n = n.children[part]; n == nil {
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
	return dir.files[path.Base(name)]
}

// declaring yields the files that may declare the object, in order.
func (n *node) declaring(w wanted, yield func(string)) {
	if !n.opaque && !slices.ContainsFunc(w.names, n.names.has) {
		return
	}
	renaming := n.kust != nil && renames(n.kust)
	for _, base := range n.fileNames {
		if n.files[base].mayDeclare(w) || (renaming && base == n.kustFile) {
			yield(path.Join(n.dir, base))
		}
	}
	for _, base := range n.childNames {
		n.children[base].declaring(w, yield)
	}
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
		at = at.children[next]
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
