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

// The source types, as Argo CD detects them. Helm is recognised and refused.
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
	apps  []application // those of the repo that point at it
	files []string      // of a directory source: the files that matter to the query
}

func (r root) key() string {
	key := string(r.kind) + " " + r.dir
	if len(r.apps) > 0 {
		key += " " + r.apps[0].settings
	}
	return key
}

func (r root) source() source {
	if r.kind == Kustomize {
		return kustomize{}
	}
	return directory{}
}

// String names the root for people.
func (r root) String() string {
	s := strings.ToLower(string(r.kind)) + " " + r.dir
	for _, a := range r.apps {
		s += " (application " + a.name + ")"
	}
	return s
}

// detect says how Argo CD would render a folder: a file whose name ends in
// Chart.yaml makes it Helm, before a kustomization makes it Kustomize.
func detect(n *node) SourceType {
	for name := range n.files {
		if strings.HasSuffix(name, "Chart.yaml") {
			return Helm
		}
	}
	if n.kustFile != "" {
		return Kustomize
	}
	return Directory
}

// appsAt returns the Applications whose source path is exactly dir.
func (n *node) appsAt(dir string) []application {
	var apps []application
	for _, a := range n.apps {
		if a.path == dir && !contains(apps, a) {
			apps = append(apps, a)
		}
	}
	return apps
}

// readers returns every root that reads the file, as far as the references
// between kustomizations and the Applications of the repo tell.
func (n *node) readers(file string) []root {
	roots := n.kustomizeReaders(file)
	dir := n.find(path.Dir(file))
	if base := path.Base(file); dir != nil && scanned(file) && path.Ext(file) != "" && base != dir.kustFile {
		roots = append(roots, n.directoryReaders(file, len(roots) > 0)...)
	}
	return roots
}

// kustomizeReaders climbs from a file to the kustomizations that name it, the
// kustomizations that name those, and so on up to the roots.
func (n *node) kustomizeReaders(file string) []root {
	var roots []root
	dir := n.find(path.Dir(file))
	queue := n.referrers(file)
	if dir != nil && dir.kustFile == path.Base(file) {
		queue = append(queue, dir.dir)
	}
	seen := map[string]bool{}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		if seen[at] {
			continue
		}
		seen[at] = true
		parents := n.referrers(at)
		queue = append(queue, parents...)
		r := root{dir: at, kind: Kustomize, apps: n.appsAt(at)}
		folder := n.find(at)
		component := folder.kust != nil && folder.kust.Kind == types.ComponentKind
		standalone := len(parents) == 0 && !component
		if (standalone || len(r.apps) > 0) && detect(folder) == Kustomize {
			roots = append(roots, r)
		}
	}
	slices.SortFunc(roots, func(a, b root) int { return strings.Compare(a.dir, b.dir) })
	return roots
}

// directoryReaders returns the Applications whose directory source holds the
// file or, where there is none, the file's own folder, unless the file belongs
// to a kustomization or a chart, or an Application leaves it out on purpose.
func (n *node) directoryReaders(file string, kustomized bool) []root {
	var roots []root
	excluded := false
	for _, a := range n.apps {
		if _, inside := below(a.path, file); !inside {
			continue
		}
		folder := n.find(a.path)
		if folder == nil || detect(folder) != Directory {
			continue
		}
		if !a.covers(file) {
			excluded = excluded || !a.directory().empty()
			continue
		}
		r := root{dir: a.path, kind: Directory, apps: []application{a}, files: []string{file}}
		i := slices.IndexFunc(roots, func(other root) bool { return other.key() == r.key() })
		switch {
		case i < 0:
			roots = append(roots, r)
		case !contains(roots[i].apps, a):
			roots[i].apps = append(roots[i].apps, a)
		}
	}
	if len(roots) > 0 || excluded || kustomized || n.claimed(path.Dir(file)) {
		return roots
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
func (n *node) rootsDeclaring(w wanted) []root {
	byKey := map[string]root{}
	n.declaring(w, func(file string) {
		for _, r := range n.readers(file) {
			if have, ok := byKey[r.key()]; ok {
				r.files = append(have.files, r.files...)
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

// rootAt treats one folder as an Argo CD source.
func (n *node) rootAt(w wanted, dir string) (root, error) {
	folder := n.find(dir)
	if folder == nil {
		return root{}, amend.Errorf(amend.Invalid, "locate", "there is no folder %q in the env repo", dir)
	}
	r := root{dir: dir, kind: detect(folder), apps: n.appsAt(dir)}
	switch r.kind {
	case Helm:
		return root{}, amend.Refusef(amend.ReasonUnsupported, "folder %s holds a Helm chart (Chart.yaml)", dir)
	case Kustomize:
		return r, nil
	}
	settings := application{path: dir}
	if len(r.apps) > 0 {
		settings = r.apps[0]
	}
	folder.declaring(w, func(file string) {
		if settings.covers(file) && path.Ext(file) != "" {
			r.files = append(r.files, file)
		}
	})
	return r, nil
}

// overridden names what changes the render of a root from outside its files,
// or returns "". Such a root cannot be proved by rendering the files.
func (n *node) overridden(r root) string {
	for _, a := range r.apps {
		if what := a.overridden(r.kind); what != "" {
			return a.at.Then(what).String() + " of application " + a.name
		}
	}
	folder := n.find(r.dir)
	for _, name := range folder.fileNames {
		rest, ok := strings.CutPrefix(name, ".argocd-source")
		if !ok {
			continue
		}
		ours := len(r.apps) == 0 || rest == ".yaml" ||
			slices.ContainsFunc(r.apps, func(a application) bool { return rest == "-"+a.name+".yaml" })
		if ours {
			return path.Join(r.dir, name)
		}
	}
	return ""
}
