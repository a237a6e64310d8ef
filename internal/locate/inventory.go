package locate

import (
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
)

// An inventory is what the env repo says of Applications: those in plain
// files, those that kustomizations and charts render, and those that
// ApplicationSets generate, which may deploy further ones in turn.
type inventory struct {
	apps   []application
	sets   []*appSet
	charts []root          // with Applications in them, that no Application deploys
	found  *lookup         // of apps
	known  map[string]bool // the keys of apps and sets
	of     contentHash     // that of the repo
	from   []*render       // all that it was read from, but for what the shape of the repo tells
}

// The bounds of an inventory. Beyond them Applications are taken as they are
// written.
const (
	maxInventoryRounds  = 4
	maxInventoryRenders = 64
)

// takeInventory fills in what the view knows of Applications.
func (v *view) takeInventory() {
	if have, ok := v.loc.inventories.Get(v.root.shape); ok && have.fresh(v) {
		v.apps, v.sets, v.charts, v.found = have.apps, have.sets, have.charts, have.found
		return
	}
	renders := map[string]*render{} // by root
	found := v.written(nil)
	for range maxInventoryRounds {
		v.apps, v.sets = found.apps, found.sets
		v.markAlone()
		known := len(renders)
		v.renderDeclaring(renders)
		if len(renders) == known {
			break
		}
		found = v.written(renders)
	}
	v.apps, v.sets = found.apps, found.sets
	v.markAlone()
	found.charts, found.found, found.known = v.charts, v.lookup(), nil
	found.of, found.from = v.root.hash, slices.Collect(maps.Values(renders))
	for _, s := range found.sets {
		found.from = append(found.from, v.render(s.root()))
	}
	v.loc.inventories.Put(v.root.shape, &found)
}

// fresh reports whether taking the inventory again would find the same, for a repo of
// the same shape.
func (i *inventory) fresh(v *view) bool {
	return i.of == v.root.hash || !v.root.transforms && !slices.ContainsFunc(i.from, func(r *render) bool { return !r.fresh(v) })
}

// markAlone notes which Applications have their source overridden for
// themselves alone.
func (v *view) markAlone() {
	v.found = nil
	v.apps = v.marked(v.apps)
}

// marked notes it in applications that nobody else has.
func (v *view) marked(apps []application) []application {
	for i, a := range apps {
		apps[i].alone = v.root.file(path.Join(a.path, argocdSource+"-"+a.name+".yaml")) != nil
	}
	return apps
}

// renderDeclaring renders the kustomizations and charts that read files in
// which Applications are written.
func (v *view) renderDeclaring(renders map[string]*render) {
	for _, file := range v.root.argo {
		for _, r := range slices.Concat(v.kustomizeReaders(file), v.chartReaders(file), v.looseChart(file)) {
			if (r.kind != Kustomize && r.kind != Helm) || renders[r.key()] != nil || len(renders) == maxInventoryRenders {
				continue
			}
			if r.kind == Kustomize && v.root.plainUpTo(file, r.dir) {
				continue
			}
			renders[r.key()] = v.render(r)
		}
	}
	v.renderPrograms(renders)
}

// looseChart returns the chart that the file belongs to, if no Application
// deploys it: the Application at the top is often made by hand. With one values
// file there is little doubt with which values it is.
func (v *view) looseChart(file string) []root {
	dir := path.Dir(file)
	for dir != "." && detect(v.root.find(dir)) != Helm {
		dir = path.Dir(dir)
	}
	folder := v.root.find(dir)
	if detect(folder) != Helm || len(v.at(dir)) > 0 || len(v.root.inflaters(file)) > 0 {
		return nil
	}
	for _, f := range folder.files {
		if strings.Contains(f.name, "values") && isYAML(f.name) && f.name != "values.yaml" {
			return nil
		}
	}
	r := root{dir: dir, kind: Helm, release: path.Base(dir)}
	if !slices.ContainsFunc(v.charts, func(have root) bool { return have.key() == r.key() }) {
		v.charts = append(v.charts, r)
	}
	return []root{r}
}

// plainUpTo reports whether the kustomizations between the file and the root
// only list resources, so that they leave Applications as they are written.
func (n *node) plainUpTo(file, dir string) bool {
	for at := path.Dir(file); ; at = path.Dir(at) {
		if folder := n.find(at); folder != nil && folder.kustFile != "" && (folder.kust == nil || !lists(folder)) {
			return false
		}
		if at == dir {
			return true
		}
		if at == "." {
			return false
		}
	}
}

// lists reports whether a kustomization has nothing but resources.
func lists(n *node) bool {
	k := *n.kust
	k.Resources, k.Namespace, k.MetaData, k.TypeMeta, k.GeneratorOptions = nil, "", nil, types.TypeMeta{}, nil
	return reflect.DeepEqual(k, types.Kustomization{})
}

// written collects the Applications of all files, and in place of those that
// the renders read, what they render to.
func (v *view) written(renders map[string]*render) inventory {
	var all inventory
	replaced := map[string]bool{}
	for _, key := range sortedKeys(renders) {
		out := renders[key]
		if out.err != nil {
			continue
		}
		for _, name := range out.order {
			replaced[name] = true
		}
		for _, o := range out.objects {
			all.add(o.applications(), o.appSets())
		}
	}
	for _, file := range v.root.argo {
		if f := v.root.file(file); f != nil && !replaced[file] && !(f.helm && v.root.isTemplate(file)) {
			all.add(f.argo.apps, f.argo.sets)
		}
	}
	for _, s := range all.sets {
		all.add(v.generatedApps(s), nil)
	}
	return all
}

// isTemplate reports whether the file is a template of a chart. What is written
// there is an Application only when the chart renders it.
func (n *node) isTemplate(file string) bool {
	for dir := range parents(file) {
		if chart := n.find(path.Dir(dir)); path.Base(dir) == "templates" && chart != nil && detect(chart) == Helm {
			return true
		}
	}
	return false
}

// add adds what is not a copy.
func (i *inventory) add(apps []application, sets []*appSet) {
	if i.known == nil {
		i.known = map[string]bool{}
	}
	for _, a := range apps {
		if key := "application " + a.key; !i.known[key] {
			i.known[key] = true
			i.apps = append(i.apps, a)
		}
	}
	for _, s := range sets {
		if key := "set " + s.key; !i.known[key] {
			i.known[key] = true
			i.sets = append(i.sets, s)
		}
	}
}
