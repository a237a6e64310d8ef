package helm

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend"
)

// The bounds of one chart with all that it contains.
const (
	maxArchives = 64       // packed subcharts
	maxUnpacked = 20 << 20 // bytes in them
	maxDepth    = 8        // subcharts in subcharts
)

// A File is one file of a chart.
type File struct {
	Name string // in the chart, such as templates/web.yaml
	Path string // where it comes from; "" if it was in a packed subchart
	Data []byte
}

// A Chart is a loaded chart with its subcharts. It is immutable.
type Chart struct {
	name      string // or its alias in the parent
	meta      *chart.Metadata
	metaPath  string
	values    map[string]any
	valuePath string // of values.yaml; "" if it has none or was packed
	schema    []byte
	templates []File
	files     []File
	deps      []*Chart
	parent    *Chart
}

// Load reads a chart from its files, as Helm does from a folder without those
// that its .helmignore leaves out. It refuses with ReasonUnproven what Helm
// cannot load, and with ReasonRemote a dependency that is declared and missing.
func Load(files []File) (*Chart, error) {
	unpack := unpacker{bytes: maxUnpacked, archives: maxArchives}
	return unpack.load(files, 0)
}

// Missing returns the dependencies of the root chart that are declared and not
// among the files, as name and repository.
func Missing(files []File) ([]*chart.Dependency, error) {
	top, subcharts := split(files)
	c, err := describe(top)
	if err != nil {
		return nil, err
	}
	unpack := unpacker{bytes: maxUnpacked, archives: maxArchives}
	var have []*Chart
	for _, name := range sortedKeys(subcharts) {
		dep, err := unpack.subchart(name, subcharts[name], 1)
		if err != nil {
			return nil, err
		}
		if dep != nil {
			have = append(have, dep)
		}
	}
	var missing []*chart.Dependency
	for _, d := range c.meta.Dependencies {
		if d != nil && !slices.ContainsFunc(have, func(h *Chart) bool { return h.meta.Name == d.Name }) {
			missing = append(missing, d)
		}
	}
	return missing, nil
}

// unpacker bounds what the packed subcharts of one chart hold.
type unpacker struct{ bytes, archives int }

func (u *unpacker) load(files []File, depth int) (*Chart, error) {
	if depth > maxDepth {
		return nil, refuse("subcharts nest deeper than %d", maxDepth)
	}
	top, subcharts := split(files)
	c, err := describe(top)
	if err != nil {
		return nil, err
	}
	for _, name := range sortedKeys(subcharts) {
		dep, err := u.subchart(name, subcharts[name], depth+1)
		if err != nil {
			return nil, err
		}
		if dep != nil {
			dep.parent = c
			c.deps = append(c.deps, dep)
		}
	}
	return c, nil
}

// split separates the files of the chart from those of each entry of charts/.
func split(files []File) (top []File, subcharts map[string][]File) {
	subcharts = map[string][]File{}
	for _, f := range files {
		rest, inside := strings.CutPrefix(f.Name, "charts/")
		if !inside || path.Ext(f.Name) == ".prov" {
			top = append(top, f)
			continue
		}
		name, _, _ := strings.Cut(rest, "/")
		f.Name = rest
		subcharts[name] = append(subcharts[name], f)
	}
	return top, subcharts
}

// subchart loads one entry of charts/: a folder or a packed chart. It is nil
// for what Helm passes over; a stray file fails, as it does there.
func (u *unpacker) subchart(name string, files []File, depth int) (*Chart, error) {
	if strings.IndexAny(name, "_.") == 0 {
		return nil, nil
	}
	if path.Ext(name) == ".tgz" {
		inner, err := u.unpack(name, files[0].Data)
		if err != nil {
			return nil, err
		}
		return u.load(inner, depth)
	}
	var inner []File
	for _, f := range files {
		if _, rest, ok := strings.Cut(f.Name, "/"); ok {
			f.Name = rest
			inner = append(inner, f)
		}
	}
	return u.load(inner, depth)
}

func (u *unpacker) unpack(name string, data []byte) ([]File, error) {
	u.archives--
	if u.archives < 0 {
		return nil, refuse("the chart holds more than %d packed charts", maxArchives)
	}
	if err := boundGzip(data, u.bytes); err != nil {
		return nil, refuse("charts/%s: %w", name, err)
	}
	packed, err := loader.LoadArchiveFiles(bytes.NewReader(data))
	if err != nil {
		return nil, refuse("charts/%s: %w", name, err)
	}
	files := make([]File, 0, len(packed))
	for _, f := range packed {
		u.bytes -= len(f.Data)
		files = append(files, File{Name: f.Name, Data: f.Data})
	}
	return files, nil
}

// describe reads a chart without its subcharts.
func describe(files []File) (*Chart, error) {
	c := &Chart{meta: &chart.Metadata{}}
	for _, f := range files { // requirements.yaml of old charts adds to Chart.yaml
		if f.Name != "Chart.yaml" {
			continue
		}
		c.metaPath = f.Path
		if err := yaml.Unmarshal(f.Data, c.meta); err != nil {
			return nil, refuse("%s: %w", place(f), amend.Private(err))
		}
		if c.meta.APIVersion == "" {
			c.meta.APIVersion = chart.APIVersionV1
		}
	}
	for _, f := range files {
		if err := c.take(f); err != nil {
			return nil, refuse("%s: %w", place(f), amend.Private(err))
		}
	}
	if !slices.ContainsFunc(files, func(f File) bool { return f.Name == "Chart.yaml" }) {
		return nil, refuse("a chart has no Chart.yaml")
	}
	if err := c.meta.Validate(); err != nil {
		return nil, refuse("the chart %s: %w", c.meta.Name, err)
	}
	c.name = c.meta.Name
	slices.SortFunc(c.files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return c, nil
}

// take files one file of the chart where templates look for it.
func (c *Chart) take(f File) error {
	f.Data = bytes.TrimPrefix(f.Data, []byte("\ufeff"))
	switch {
	case f.Name == "Chart.yaml", f.Name == "Chart.lock":
	case f.Name == "values.yaml":
		c.valuePath, c.values = f.Path, map[string]any{}
		return yaml.Unmarshal(f.Data, &c.values)
	case f.Name == "values.schema.json":
		c.schema = f.Data
	case f.Name == "requirements.yaml":
		if c.meta.APIVersion == chart.APIVersionV1 {
			c.files = append(c.files, f)
		}
		return yaml.Unmarshal(f.Data, c.meta)
	case strings.HasPrefix(f.Name, "templates/"):
		c.templates = append(c.templates, f)
	default:
		c.files = append(c.files, f)
	}
	return nil
}

func place(f File) string {
	if f.Path != "" {
		return f.Path
	}
	return f.Name
}

// fullName is the path that Helm gives a chart in the names of its templates.
func (c *Chart) fullName() string {
	if c.parent == nil {
		return c.name
	}
	return c.parent.fullName() + "/charts/" + c.name
}

// clone copies the chart and its subcharts for a parent. Values and files are
// shared, because nobody writes to them.
func (c *Chart) clone(parent *Chart) *Chart {
	copied := *c
	meta := *c.meta
	meta.Dependencies = nil
	for _, d := range c.meta.Dependencies {
		if d != nil {
			dep := *d
			meta.Dependencies = append(meta.Dependencies, &dep)
		}
	}
	copied.meta, copied.parent, copied.deps = &meta, parent, nil
	for _, d := range c.deps {
		copied.deps = append(copied.deps, d.clone(&copied))
	}
	return &copied
}

func refuse(format string, args ...any) error {
	return amend.Refusef(amend.ReasonUnproven, format, args...)
}
