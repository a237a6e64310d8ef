package locate

import (
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"

	"github.com/amendhq/amend"
)

// SourceType is Argo CD's name for how a folder is rendered.
type SourceType string

// The source types, as Argo CD detects them.
const (
	Directory SourceType = "Directory"
	Kustomize SourceType = "Kustomize"
	Helm      SourceType = "Helm"
)

// A source is what amend has to know about a source type: how a root renders,
// and where a change to a field could be written. What sites returns is only
// proposed; the render decides.
type source interface {
	render(v *view, r root) *render
	sites(t *target) []site
}

// A root is a folder that Argo CD is, or could be, pointed at.
type root struct {
	dir   string
	kind  SourceType
	apps  []application // those that point at it, all with the same effect on the render
	owner string        // the name of the first of them, if that is the one asked about
	live  bool          // the first of apps is as the cluster has it
	// release and namespace are told to a chart that has no application, and seed
	// picks what it gets for random values.
	release, namespace string
	seed               int
	files              []string // of a directory source: the files that matter to the query
	set                *appSet  // of Applications that are generated
	guessed            bool     // that it has a chart is all that makes it declare the object
}

// key is equal for roots that render the same, but for their seed and their
// files.
func (r root) key() string {
	parts := []string{string(r.kind), r.dir, r.release, r.namespace}
	if r.set != nil {
		parts = append(parts, r.set.key)
	}
	if len(r.apps) > 0 {
		parts = append(parts, r.apps[0].effect(r.kind))
	}
	return strings.Join(parts, "\x00")
}

func (r root) source() source {
	switch r.kind {
	case Kustomize:
		return kustomize{}
	case Helm:
		return chart{}
	case ApplicationSet:
		return applicationSet{}
	}
	return directory{}
}

// String names the root for people.
func (r root) String() string {
	if r.set != nil {
		return r.set.ref.String()
	}
	s := strings.ToLower(string(r.kind)) + " " + r.dir
	for _, a := range r.apps {
		s += " (application " + a.name + ")"
	}
	return s
}

// detect says how Argo CD would render a folder: a file whose name ends in
// Chart.yaml makes it Helm, before a kustomization makes it Kustomize.
func detect(n *node) SourceType {
	for _, f := range n.files {
		if strings.HasSuffix(f.name, "Chart.yaml") {
			return Helm
		}
	}
	if n.kustFile != "" {
		return Kustomize
	}
	return Directory
}

// kindAt says how Argo CD renders the application's folder: settings for a type
// decide before the files do.
func (a application) kindAt(n *node) SourceType {
	switch {
	case a.source.Helm != nil:
		return Helm
	case a.source.Kustomize != nil:
		return Kustomize
	case !a.directory().empty():
		return Directory
	}
	return detect(n)
}

// misplaced reports whether the root's folder lacks what its type is rendered
// from, so that its Application can only deploy another repo, such as the root
// of one.
func (v *view) misplaced(r root) bool {
	folder := v.root.find(r.dir)
	return folder == nil || r.kind == Helm && folder.own("Chart.yaml") == nil || r.kind == Kustomize && folder.kustFile == ""
}

// rootsAt returns the roots of the Applications whose source path is dir.
func (v *view) rootsAt(dir string) []root {
	folder := v.root.find(dir)
	if folder == nil {
		return nil
	}
	var found grouping
	for _, a := range v.at(dir) {
		found.add(root{dir: dir, kind: a.kindAt(folder), apps: []application{a}})
	}
	return found.roots
}

// A grouping gathers roots of one application each: those that render the same
// become one root.
type grouping struct {
	roots []root
	at    map[string]int // by key
}

func (g *grouping) add(r root) {
	if g.at == nil {
		g.at = map[string]int{}
	}
	key := r.key()
	switch i, known := g.at[key]; {
	case !known:
		g.at[key] = len(g.roots)
		g.roots = append(g.roots, r)
	case !contains(g.roots[i].apps, r.apps[0]):
		g.roots[i].apps = append(g.roots[i].apps, r.apps[0])
	}
}

// readers returns every root that reads the file, as far as the references
// between kustomizations and the Applications of the repo tell.
func (v *view) readers(file string) []root {
	roots := append(v.kustomizeReaders(file), v.chartReaders(file)...)
	programs := v.programReaders(file)
	dir := v.root.find(path.Dir(file))
	if base := path.Base(file); dir != nil && scanned(file) && path.Ext(file) != "" && base != dir.kustFile {
		roots = append(roots, v.directoryReaders(file, len(roots)+len(programs) > 0)...)
	}
	for _, r := range programs {
		if i := slices.IndexFunc(roots, func(have root) bool { return have.key() == r.key() }); i >= 0 {
			roots[i].files = append(roots[i].files, r.files...)
		} else {
			roots = append(roots, r)
		}
	}
	for _, s := range v.sets {
		if out := v.render(s.root()); slices.Contains(out.order, file) {
			roots = append(roots, s.root())
		}
	}
	return roots
}

// kustomizeReaders climbs from a file to the kustomizations that name it, the
// kustomizations that name those, and so on up to the roots.
func (v *view) kustomizeReaders(file string) []root {
	dir := v.root.find(path.Dir(file))
	queue := slices.Concat(v.root.referrers(file), v.root.inflaters(file), v.lookup().adding[file])
	if dir != nil && (dir.kustFile == path.Base(file) || strings.HasPrefix(path.Base(file), argocdSource)) {
		queue = append(queue, dir.dir)
	}
	roots := v.climb(queue)
	for _, r := range v.climb(v.root.transforming(file)) {
		if slices.ContainsFunc(roots, func(have root) bool { return have.key() == r.key() }) {
			continue
		}
		out := v.render(r)
		if _, read := out.reads[file]; read || out.err != nil && !out.absent() {
			roots = append(roots, r)
		}
	}
	slices.SortStableFunc(roots, func(a, b root) int { return strings.Compare(a.dir, b.dir) })
	return roots
}

// climb returns the roots that render one of the kustomizations in the folders.
func (v *view) climb(queue []string) []root {
	var roots []root
	seen := map[string]bool{}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		if seen[at] {
			continue
		}
		seen[at] = true
		parents := v.root.referrers(at)
		queue = slices.Concat(queue, parents, v.lookup().adding[at])
		folder := v.root.find(at)
		found := slices.DeleteFunc(v.rootsAt(at), func(r root) bool { return r.kind != Kustomize })
		component := folder.kust != nil && folder.kust.Kind == types.ComponentKind
		if len(found) == 0 && len(parents) == 0 && !component && detect(folder) == Kustomize {
			found = []root{{dir: at, kind: Kustomize}}
		}
		roots = append(roots, found...)
	}
	return roots
}

// directoryReaders returns the Applications whose directory source holds the
// file or, where there is none, the file's own folder, unless the file belongs
// to a kustomization or a chart, or an Application leaves it out on purpose.
func (v *view) directoryReaders(file string, kustomized bool) []root {
	var found grouping
	excluded := false
	for _, a := range v.above(file) {
		folder := v.root.find(a.path)
		if folder == nil || a.kindAt(folder) != Directory {
			excluded = excluded || (folder != nil && a.path == path.Dir(file))
			continue
		}
		if !a.covers(file) {
			excluded = excluded || !a.directory().empty()
			continue
		}
		found.add(root{dir: a.path, kind: Directory, apps: []application{a}, files: []string{file}})
	}
	if len(found.roots) > 0 || excluded || kustomized || v.root.claimed(path.Dir(file)) {
		return found.roots
	}
	return []root{{dir: path.Dir(file), kind: Directory, files: []string{file}}}
}

// claimed reports whether the folder or one above it is a kustomization or a
// chart, so that a stray file in it is not deployed by itself.
func (n *node) claimed(dir string) bool {
	for {
		if folder := n.find(dir); folder != nil && detect(folder) != Directory {
			return true
		}
		if dir == "." {
			return false
		}
		dir = path.Dir(dir)
	}
}

// rootsDeclaring returns the roots of the repo that could declare the object.
func (v *view) rootsDeclaring(w wanted) []root {
	byKey := map[string]root{}
	for _, r := range slices.Concat(v.chartRoots(), v.lookup().inflating) {
		byKey[r.key()] = r
	}
	for _, r := range v.lookup().programs {
		byKey[r.key()] = r
	}
	v.root.declaring(w, func(file string) {
		for _, r := range v.readers(file) {
			if have, ok := byKey[r.key()]; ok {
				r.files = slices.Compact(slices.Sorted(slices.Values(slices.Concat(have.files, r.files))))
			}
			byKey[r.key()] = r
		}
	})
	var roots []root
	for _, key := range sortedKeys(byKey) {
		roots = append(roots, byKey[key])
	}
	return roots
}

// rootsIn treats one folder as an Argo CD source. There are several roots if
// Applications of the repo render it in different ways.
func (v *view) rootsIn(w wanted, dir string) ([]root, error) {
	folder := v.root.find(dir)
	if folder == nil {
		return nil, amend.Errorf(amend.Invalid, "locate", "there is no folder %q in the env repo", dir)
	}
	roots := v.rootsAt(dir)
	if len(roots) == 0 {
		roots = []root{{dir: dir, kind: detect(folder)}}
	}
	for i := range roots {
		if err := v.fill(&roots[i], w); err != nil {
			return nil, err
		}
	}
	return roots, nil
}

// fill completes a root that was not found by its files.
func (v *view) fill(r *root, w wanted) error {
	switch r.kind {
	case Helm, Kustomize:
		return nil
	}
	settings := application{path: r.dir}
	if len(r.apps) > 0 {
		settings = r.apps[0]
	}
	covers := settings.covering()
	v.root.find(r.dir).declaring(w, func(file string) {
		if covers(file) && path.Ext(file) != "" {
			r.files = append(r.files, file)
		}
	})
	r.files = append(r.files, settings.programs(v.root.find(r.dir))...)
	return nil
}
