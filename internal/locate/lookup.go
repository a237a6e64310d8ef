package locate

import (
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// A lookup finds Applications by the files that they read, so that what a query
// costs does not grow with their number.
type lookup struct {
	of     int              // how many Applications it knows: the first of the view
	byPath map[string][]int // by the folder of their source
	// into has those that deploy into a namespace, and distinct counts them, each
	// once however many sources it has.
	into     map[string][]int
	distinct map[string]int // by the namespace; "*" for all
	// adding has the folders of those that add a component or a patch to their
	// kustomization, by its path.
	adding map[string][]string
	charts []root // what they deploy of charts; see chartRoots
	// programs are the directories that they deploy with Jsonnet in them.
	programs []root
	reading  map[string][]int // of charts, by a file or a folder that is read
	unclear  []int            // of charts, those that may read any file
	// taking are the charts that no Application deploys, by the folder of a chart
	// elsewhere in the repo that they take as a part.
	taking map[string][]root
	// inflating are the sources that render a kustomization with charts. Like
	// the charts of Applications they could declare any object.
	inflating []root
}

// lookup returns the one for the Applications that the view knows now.
func (v *view) lookup() *lookup {
	if v.found == nil || v.found.of != len(v.apps) {
		v.found = v.newLookup()
		for _, file := range v.root.inflates {
			for _, r := range v.kustomizeReaders(file) {
				r.guessed = true
				v.found.inflating = append(v.found.inflating, r)
			}
		}
	}
	return v.found
}

func (v *view) newLookup() *lookup {
	l := &lookup{of: len(v.apps), byPath: map[string][]int{}, into: map[string][]int{}, distinct: map[string]int{}, adding: map[string][]string{}, reading: map[string][]int{}, programs: v.programRoots()}
	var charts grouping
	known := map[[3]string]bool{}
	for i, a := range v.apps {
		l.byPath[a.path] = append(l.byPath[a.path], i)
		l.into[a.namespace] = append(l.into[a.namespace], i)
		if id := [3]string{a.name, a.namespace, a.cluster}; !known[id] {
			known[id] = true
			l.distinct["*"]++
			l.distinct[a.namespace]++
		}
		for _, ref := range v.added(a) {
			l.adding[ref] = append(l.adding[ref], a.path)
		}
		folder := v.root.find(a.path)
		if a.path == "" || folder == nil || a.kindAt(folder) != Helm {
			continue
		}
		charts.add(root{dir: a.path, kind: Helm, apps: []application{a}})
	}
	l.charts = charts.roots
	folders := map[string][]string{}
	for i, r := range l.charts {
		names, clear := v.chartReads(r, folders)
		if !clear {
			l.unclear = append(l.unclear, i)
		}
		for _, name := range names {
			l.reading[name] = append(l.reading[name], i)
		}
	}
	v.addLoose(l)
	return l
}

// addLoose adds the charts that no Application deploys: who does is not in the
// repo, and a chart that several of them take is shared all the same.
func (v *view) addLoose(l *lookup) {
	l.taking = map[string][]root{}
	for _, file := range v.root.foreign {
		dir := path.Dir(file)
		deployed := len(l.byPath[dir]) > 0
		above := path.Dir(path.Dir(dir))
		part := path.Join(above, "charts") == path.Dir(dir) && detect(v.root.find(above)) == Helm
		if path.Base(file) != "Chart.yaml" || deployed || part {
			continue
		}
		folders := v.chartFolders(dir, 0)
		for _, part := range folders[min(1, len(folders)):] {
			l.taking[part] = append(l.taking[part], root{dir: dir, kind: Helm, release: path.Base(dir)})
		}
	}
}

// added returns the paths of the components and of the patches that an
// Application adds to its kustomization, or that a file in its folder does.
func (v *view) added(a application) []string {
	folder := v.root.find(a.path)
	if a.path == "" || folder == nil {
		return nil
	}
	r := root{dir: a.path, kind: a.kindAt(folder), apps: []application{a}}
	source := a.source
	if slices.ContainsFunc(folder.files, func(f entry) bool { return strings.HasPrefix(f.name, argocdSource) }) {
		if overridden, err := r.effective(newRecorder(v)); err == nil { // otherwise it is not rendered
			source = overridden
		}
	}
	if r.kind != Kustomize || source.Kustomize == nil {
		return nil
	}
	var paths []string
	for _, ref := range source.Kustomize.references() {
		paths = append(paths, path.Join(a.path, ref))
	}
	return paths
}

// at returns the Applications whose source is the folder.
func (v *view) at(dir string) []application {
	var apps []application
	for _, i := range v.lookup().byPath[dir] {
		apps = append(apps, v.apps[i])
	}
	return apps
}

// above returns the Applications whose source is a folder above the file, in
// the order in which they are known.
func (v *view) above(file string) []application {
	var found []int
	for dir := range parents(file) {
		found = append(found, v.lookup().byPath[dir]...)
	}
	slices.Sort(found)
	apps := make([]application, len(found))
	for i, n := range found {
		apps[i] = v.apps[n]
	}
	return apps
}

// parents yields the folders above a file, up to the repo.
func parents(file string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for dir := path.Dir(file); yield(dir) && dir != "."; dir = path.Dir(dir) {
		}
	}
}

// mayRead returns the charts that could read the file, without a render.
func (v *view) mayRead(file string) []root {
	l := v.lookup()
	found := slices.Concat(l.unclear, l.reading[file])
	for dir := range parents(file) {
		found = append(found, l.reading[dir]...)
	}
	slices.Sort(found)
	var roots []root
	for _, i := range slices.Compact(found) {
		roots = append(roots, l.charts[i])
	}
	return roots
}

// takes reports whether a chart takes the one that the file belongs to.
func (v *view) takes(r root, file string) bool {
	l := v.lookup()
	for dir := range parents(file) {
		if slices.ContainsFunc(l.reading[dir], func(i int) bool { return l.charts[i].key() == r.key() }) {
			return true
		}
	}
	return false
}

// takers returns the charts that no Application deploys and that take the chart
// which the file belongs to.
func (v *view) takers(file string) []root {
	var roots []root
	for dir := range parents(file) {
		roots = append(roots, v.lookup().taking[dir]...)
	}
	return roots
}

// chartReads returns all files and folders that a chart's render may read:
// rather too many than one too few. It reports false if only a render tells.
// The folders of a chart are looked up in folders, or added to it.
func (v *view) chartReads(r root, folders map[string][]string) (names []string, clear bool) {
	for _, f := range v.root.find(r.dir).files {
		if strings.HasPrefix(f.name, argocdSource) {
			return nil, false
		}
	}
	dirs, known := folders[r.dir]
	if !known {
		dirs = v.chartFolders(r.dir, 0)
		folders[r.dir] = dirs
	}
	if dirs == nil {
		return nil, false
	}
	names = slices.Clone(dirs)
	source := r.apps[0].source
	if source.Helm == nil {
		return names, true
	}
	written := slices.Clone(source.Helm.ValueFiles)
	for _, p := range source.Helm.FileParameters {
		written = append(written, p.Path)
	}
	values := chartValues{root: r, app: source, settings: *source.Helm}
	for _, w := range written {
		name, err := values.resolve(w)
		if err != nil {
			return nil, false
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names), true
}

// chartFolders returns a chart's folder and those of the charts that it takes
// from elsewhere in the repo, or nil if that cannot be told.
func (v *view) chartFolders(dir string, depth int) []string {
	dirs := []string{dir}
	for _, base := range []string{"Chart.yaml", "requirements.yaml"} {
		name := path.Join(dir, base)
		if v.root.file(name) == nil {
			continue
		}
		data, err := v.read(name)
		var declared struct {
			Dependencies []struct {
				Repository string `json:"repository"`
			} `json:"dependencies"`
		}
		if err != nil || depth > maxChartChain || yaml.Unmarshal(data, &declared) != nil {
			return nil
		}
		for _, d := range declared.Dependencies {
			local, ok := strings.CutPrefix(d.Repository, "file://")
			if !ok {
				continue
			}
			more := v.chartFolders(path.Join(dir, local), depth+1)
			if more == nil {
				return nil
			}
			dirs = append(dirs, more...)
		}
	}
	return dirs
}
