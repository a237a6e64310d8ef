package locate

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"

	"github.com/amendhq/amend/internal/manifest"
)

// sites proposes, for a Kustomize root, first the scalars that could control
// the field and then the places where a value could be inserted, most private
// first. What a chart of a kustomization renders has the sites of the chart too.
func (kustomize) sites(t *target) []site {
	layers := t.layers()
	docs := slices.DeleteFunc(t.documents(t.render.order), t.render.ofChart)
	found, added := append(t.scalars(docs, layers), t.generated(layers)...), t.insertions(docs, layers)
	if c, ok := t.inflatedTarget(docs); ok {
		found, added = c.among(found), append(c.added(), added...)
	}
	return append(ranked(found), added...)
}

// A layer is one kustomization that a root reads.
type layer struct {
	dir, file string
	kust      *types.Kustomization
	level     int  // how many references away from the root
	private   bool // no other root reads it
}

// layers returns the kustomizations below the root, nearest first.
func (t *target) layers() []layer {
	var layers []layer
	seen := map[string]bool{}
	queue := []layer{{dir: t.root.dir}}
	for len(queue) > 0 {
		l := queue[0]
		queue = queue[1:]
		n := t.view.root.find(l.dir)
		if seen[l.dir] || n == nil || n.kust == nil {
			continue
		}
		seen[l.dir] = true
		l.file, l.kust = path.Join(l.dir, n.kustFile), n.kust
		l.private = t.private(l.file)
		layers = append(layers, l)
		//lint:ignore SA1019 env repos still use the old fields, and Kustomize still reads them
		for _, ref := range slices.Concat(l.kust.Components, l.kust.Resources, l.kust.Bases) {
			queue = append(queue, layer{dir: path.Join(l.dir, ref), level: l.level + 1})
		}
	}
	return layers
}

// private reports whether the target's root is the only one that reads a file.
func (t *target) private(file string) bool { return len(t.otherReaders(file)) == 0 }

// otherReaders returns the roots that read a file besides the target's. A live
// owner may be declared in the repo in another form than it is live, or in one
// that is not understood.
func (t *target) otherReaders(file string) []root {
	return slices.DeleteFunc(append(t.view.readers(file), t.view.takers(file)...), func(r root) bool {
		ours := t.root.live && r.dir == t.root.dir &&
			!slices.ContainsFunc(r.apps, func(a application) bool { return !a.same(t.root.apps[0]) })
		// A chart without an Application has the name that it is asked with.
		ours = ours || r.kind == Helm && r.dir == t.root.dir && len(r.apps) == 0 && len(t.root.apps) == 0
		return ours || r.key() == t.root.key() || t.view.misplaced(r) || t.bundled(r, file)
	})
}

// bundled reports whether another root is a kustomization without an Application,
// in a folder above the target's root, that reads the file only because it lists
// the target's root among others. What it renders of that are the same objects.
func (t *target) bundled(r root, file string) bool {
	if _, above := below(r.dir, t.root.dir); r.kind != Kustomize || len(r.apps) > 0 || r.dir == t.root.dir || !above {
		return false // elsewhere it may be the overlay of another place
	}
	changed := false
	seen := map[string]bool{} // whether it leads to the target's root
	var leads func(at string) bool
	leads = func(at string) bool {
		n := t.view.root.find(at)
		switch known, again := seen[at]; {
		case again:
			return known
		case at == t.root.dir:
			return true
		case at == file, n != nil && path.Join(at, n.kustFile) == file:
			changed = true
			return false
		case n == nil:
			return false
		}
		seen[at] = false
		for _, ref := range n.refs {
			seen[at] = leads(path.Join(at, ref)) || seen[at]
		}
		changed = changed || seen[at] && (n.kust == nil || !lists(n) || n.kust.Namespace != "")
		return seen[at]
	}
	return leads(r.dir) && !changed
}

// levels says of a file how far from the root the nearest kustomization is that
// is it or names it.
type levels struct {
	near map[string]int
	far  int // of every other file
}

func levelsOf(layers []layer) levels {
	of := levels{near: map[string]int{}, far: len(layers)}
	note := func(file string, level int) {
		if _, nearer := of.near[file]; !nearer {
			of.near[file] = level
		}
	}
	for _, l := range layers {
		note(l.file, l.level)
		for _, ref := range references(l.kust) {
			note(path.Join(l.dir, ref), l.level)
		}
	}
	return of
}

func (l levels) of(file string) int {
	if level, ok := l.near[file]; ok {
		return level
	}
	return l.far
}

// A candidate is a site with its rank; lower is more likely.
type candidate struct {
	site
	rank, level int
}

// ranked returns the sites of the candidates, the most likely first and of equal
// ones the nearest to the root.
func ranked(found []candidate) []site {
	slices.SortStableFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.level, b.level))
	})
	sites := make([]site, len(found))
	for i, c := range found {
		sites[i] = c.site
	}
	return sites
}

// scalars proposes every scalar in the files read whose value is the field's,
// or a part of it. Equality only proposes: equal values meet by chance.
func (t *target) scalars(docs []document, layers []layer) []candidate {
	if !t.set {
		return nil
	}
	var found []candidate
	levels := levelsOf(layers)
	for _, d := range docs {
		far := levels.of(d.path)
		own, _ := d.leaf(t.field)
		for leaf := range d.file.Leaves() {
			same := own.Path == leaf.Path && own.Value == t.current()
			if leaf.Doc != d.index || (!same && !t.proposes(leaf)) {
				continue
			}
			c := candidate{level: far}
			var via string
			c.rank, via = t.rank(d, leaf, own)
			c.site = d.setLeaf(leaf, t, via)
			found = append(found, c)
		}
	}
	return found
}

// proposes reports whether a leaf holds the field's value or, for an image, a
// part of it. A null and an empty text are no evidence.
func (t *target) proposes(leaf manifest.Leaf) bool {
	if leaf.Value == "" || leaf.Kind == manifest.Null {
		return false
	}
	if _, ok := rewrite(leaf.Value, t, t.sentinel().Text); ok {
		return true
	}
	i := parseImage(t.current())
	return isImage(t.field) && (leaf.Value == i.tag || leaf.Value == i.name || leaf.Value == i.digest)
}

var (
	imageKey   = regexp.MustCompile(`^(images|imageTags)\[\d+\]\.(newTag|newName|digest)$`)
	replicaKey = regexp.MustCompile(`^replicas\[\d+\]\.count$`)
)

// rank orders candidates: the keys that Kustomize has for the field, the same
// field in a manifest or patch of the object, the same last key, and the rest.
func (t *target) rank(d document, leaf, own manifest.Leaf) (int, string) {
	p := string(leaf.Path)
	last := t.field[len(t.field)-1].Key
	switch {
	case imageKey.MatchString(p) && isImage(t.field):
		return 0, "an images entry of the kustomization"
	case replicaKey.MatchString(p) && last == "replicas":
		return 0, "a replicas entry of the kustomization"
	case own.Path == leaf.Path && t.declares(d.object):
		return 1, "a manifest or patch of the object"
	case own.Path == leaf.Path:
		return 2, "a manifest or patch"
	case strings.Contains(p, "|") && strings.HasSuffix(p, "."+last):
		return 3, "an inline patch"
	case strings.HasSuffix(p, "."+last), strings.HasSuffix(p, ".value"):
		return 4, "a patch"
	}
	return 5, "a value that is copied to the field"
}
