package locate

import (
	"bytes"
	"io/fs"
	"path"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/helm"
)

// The bounds of a chart's folder, beside those of a render.
const (
	maxChartFile  = 5 << 20 // Helm's own bound
	maxChartChain = 4       // charts that take charts from elsewhere in the repo
)

// chartFiles reads the files of a chart as Helm loads it from a folder, and
// puts the charts that it takes from elsewhere in the repo into charts/, as
// Argo CD does when they are missing there.
func (r *recorder) chartFiles(dir string, depth int) ([]helm.File, error) {
	if depth > maxChartChain {
		return nil, amend.Refusef(amend.ReasonUnproven, "charts take each other from the repo more than %d deep", maxChartChain)
	}
	files, err := r.chartFolder(dir)
	if err != nil {
		return nil, err
	}
	return r.withDependencies(files, dir, depth)
}

// chartFolder reads the files of a chart as Helm loads it from a folder.
func (r *recorder) chartFolder(dir string) ([]helm.File, error) {
	folder := r.view.root.find(dir)
	if folder == nil {
		return nil, amend.Refusef(amend.ReasonUnproven, "the chart %s: %w", dir, fs.ErrNotExist)
	}
	var rules []byte
	if name := path.Join(dir, ".helmignore"); r.exists(name) {
		var err error
		if rules, err = r.read(name); err != nil {
			return nil, err
		}
	}
	ignored, err := helm.Ignored(rules)
	if err != nil {
		return nil, err
	}
	r.reads[listing(dir)] = r.view.listing(dir)
	return r.collect(nil, folder, dir, ignored)
}

// collect reads a folder of a chart and those in it.
func (r *recorder) collect(files []helm.File, n *node, chart string, ignored func(string, bool) bool) ([]helm.File, error) {
	for _, f := range n.files {
		name := path.Join(n.dir, f.name)
		rel, _ := below(chart, name)
		if ignored(rel, false) {
			continue
		}
		data, err := r.read(name)
		if err != nil {
			return nil, err
		}
		if len(data) > maxChartFile {
			return nil, r.refuse(amend.Refusef(amend.ReasonUnproven, "%s is larger than %d bytes", name, maxChartFile))
		}
		if isYAML(name) && !strings.HasPrefix(rel, "templates/") {
			if err := vetAliases(name, data); err != nil {
				return nil, r.refuse(err)
			}
		}
		files = append(files, helm.File{Name: rel, Path: name, Data: data})
	}
	var err error
	for _, child := range n.children {
		if rel, _ := below(chart, child.dir); !ignored(rel, true) {
			if files, err = r.collect(files, child, chart, ignored); err != nil {
				return nil, err
			}
		}
	}
	return files, nil
}

func isYAML(name string) bool {
	ext := path.Ext(name)
	return ext == ".yaml" || ext == ".yml"
}

// withDependencies adds the charts that are declared and not in charts/.
func (r *recorder) withDependencies(files []helm.File, dir string, depth int) ([]helm.File, error) {
	missing, err := helm.Missing(files)
	if err != nil {
		return nil, err
	}
	from := map[string]string{}
	for _, d := range missing {
		if repository, again := from[d.Name]; again && repository != d.Repository {
			return nil, amend.Refusef(amend.ReasonUnsupported, "the chart %s needs two charts with the name %s", dir, d.Name)
		} else if again {
			continue // under another alias
		}
		from[d.Name] = d.Repository
		local, ok := strings.CutPrefix(d.Repository, "file://")
		if !ok {
			return nil, amend.Refusef(amend.ReasonRemote, "the chart %s needs the chart %s of %s, which is not in its charts folder", dir, d.Name, d.Repository)
		}
		folder := path.Join(dir, local)
		if !fs.ValidPath(folder) || path.IsAbs(local) || r.view.root.find(folder) == nil {
			return nil, amend.Refusef(amend.ReasonRemote, "the chart %s needs the chart %s of %s, which is not in the env repo", dir, d.Name, d.Repository)
		}
		inner, err := r.chartFiles(folder, depth+1)
		if err != nil {
			return nil, err
		}
		for _, f := range inner {
			f.Name = path.Join("charts", d.Name, f.Name)
			files = append(files, f)
		}
	}
	return files, nil
}

// listing is the name under which a render notes which files a folder has.
func listing(dir string) string { return dir + "/" }

// listing hashes the names of all files below a folder.
func (v *view) listing(dir string) contentHash {
	var b bytes.Buffer
	if n := v.root.find(dir); n != nil {
		n.list(&b)
	}
	return hashOf(b.Bytes())
}

func (n *node) list(b *bytes.Buffer) {
	for _, f := range n.files {
		b.WriteString(f.name)
		b.WriteByte(0)
	}
	for _, c := range n.children {
		b.WriteString(c.base())
		b.WriteString("/\x00")
		c.list(b)
	}
	b.WriteByte('\n')
}
