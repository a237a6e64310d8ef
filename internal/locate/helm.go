package locate

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/helm"
	"github.com/amendhq/amend/internal/manifest"
)

// chart is the source type of Helm charts whose files are in the env repo.
type chart struct{}

// A chartRender is what the sites of a chart are found by, beside its objects.
type chartRender struct {
	*helm.Result
	valueFiles []string // in their order: the last one wins

	once       sync.Once // a render is shared by queries
	references [][]string
}

// named returns the values that the templates name, as paths in the root's
// values. A helper of a subchart may be used by the root's templates, so what it
// names counts for the root too.
func (c *chartRender) named() [][]string {
	c.once.Do(func() {
		for _, placed := range c.Charts {
			for _, ref := range helm.References(placed.Templates) {
				c.references = append(c.references, slices.Concat(placed.Prefix, ref))
				if len(placed.Prefix) > 0 {
					c.references = append(c.references, ref)
				}
			}
		}
	})
	return c.references
}

// render renders the chart as Argo CD does, with the settings of the
// Application.
func (chart) render(v *view, r root) *render {
	rec := newRecorder(v)
	out := &render{}
	out.chart, out.err = renderChart(rec, r)
	if out.err == nil {
		out.size = weightOf(out.chart.Manifests)
		out.objects, out.err = v.manifests(out.chart.Manifests)
		out.chart.Manifests = nil // the render is kept
	}
	if rec.refusal != nil {
		out.err = rec.refusal
	}
	out.reads, out.order = rec.reads, rec.order
	return out
}

func renderChart(rec *recorder, r root) (*chartRender, error) {
	if !rec.exists(path.Join(r.dir, "Chart.yaml")) {
		return nil, amend.Refusef(amend.ReasonUnproven, "%s has no Chart.yaml: %w", r.dir, fs.ErrNotExist)
	}
	files, err := rec.chartFiles(r.dir, 0)
	if err != nil {
		return nil, err
	}
	app, err := r.effective(rec) // after the files are noted, which it reads if it is refused too
	if err != nil {
		return nil, err
	}
	settings := appHelm{}
	if app.Helm != nil {
		settings = *app.Helm
	}
	c, err := helm.Load(files)
	if err != nil {
		return nil, err
	}
	values := chartValues{rec: rec, root: r, app: app, settings: settings}
	merged, err := values.merged()
	if err != nil {
		return nil, err
	}
	result, err := c.Render(r.releaseOf(settings), merged, rec.view.budget)
	if err != nil {
		return nil, about("rendering "+r.String(), err)
	}
	return &chartRender{Result: result, valueFiles: values.files}, nil
}

// releaseOf says what the chart is told about its installation.
func (r root) releaseOf(settings appHelm) helm.Release {
	rel := helm.Release{
		Name: r.release, Namespace: r.namespace, Seed: r.seed,
		KubeVersion: settings.KubeVersion, APIVersions: settings.APIVersions, SkipSchema: settings.SkipSchemaValidation,
	}
	if len(r.apps) > 0 {
		rel.Name, rel.Namespace = r.apps[0].name, r.apps[0].namespace
	}
	if settings.ReleaseName != "" {
		rel.Name = settings.ReleaseName
	}
	if settings.Namespace != "" {
		rel.Namespace = settings.Namespace
	}
	return rel
}

func weightOf(list []helm.Manifest) int {
	n := 0
	for _, m := range list {
		n += manifest.Weight(m.Text)
	}
	return n
}

// manifests reads the objects of rendered templates.
func (v *view) manifests(list []helm.Manifest) ([]*object, error) {
	if n := weightOf(list); n > manifest.MaxWeight || !v.budget.Spend(stepsPerValue*n) {
		return nil, amend.Refusef(amend.ReasonUnproven, "the chart renders to %d values, which are too many for one question", n)
	}
	var objects []*object
	for _, m := range list {
		if strings.TrimSpace(string(m.Text)) == "" {
			continue
		}
		found, err := v.loc.parse(hashOf(m.Text), m.Text)
		if err != nil {
			return nil, amend.Refusef(amend.ReasonUnproven, "what %s renders to %w: %w", m.Name, errUnparsed, amend.Private(err))
		}
		for _, o := range found {
			objects = append(objects, &object{ref: o.ref, body: o.body, file: m.Path})
		}
	}
	return objects, nil
}

// hooked reports whether Argo CD runs the object at some moment instead of
// keeping it deployed, because it is a hook or a test of the chart.
func hooked(o *object) bool {
	hook := textAt(o, "metadata", "annotations", "helm.sh/hook")
	return hook != "" && hook != "crd-install"
}

// random reports whether a chart took something random, or the time.
func (r *render) random() bool {
	return r.chart != nil && r.chart.Random || slices.ContainsFunc(r.inflated, func(in inflated) bool { return in.Random })
}

// volatile reports whether the target's value depends on chance or on the
// clock, so that no line is in control of it.
func (t *target) volatile() bool {
	if !t.render.random() {
		return false
	}
	again := t.root
	again.seed = 1
	out := again.source().render(t.view, again)
	if out.err != nil {
		return true
	}
	d := newDelta(t.render, out)
	partner := d.partner[t.obj]
	if partner == nil {
		return true
	}
	now, set := get(partner.body, t.field)
	return set != t.set || set && scalarText(now) != scalarText(t.old)
}

// standalone completes the root of a chart that no Application of the repo
// deploys. The release has the name with which the chart renders the object;
// the name of the folder is tried first.
func (v *view) standalone(r root, ref amend.ObjectRef) root {
	r.namespace = ref.Namespace
	names := []string{path.Base(r.dir), ref.Name}
	for i := len(ref.Name) - 1; i > 0; i-- {
		if ref.Name[i] == '-' {
			names = append(names, ref.Name[:i])
		}
	}
	const most = 8
	for _, name := range names[:min(len(names), most)] {
		r.release = name
		if len(matching(v.render(r), r, ref)) > 0 {
			return r
		}
	}
	r.release = names[0]
	return r
}

// chartRoots returns the charts that Applications of the repo deploy. Which
// names they give their objects only a render tells, so all of them could
// declare any object.
func (v *view) chartRoots() []root { return v.lookup().charts }

// chartReaders returns the charts of the Applications that read the file: one
// of theirs, of a chart that they take from elsewhere in the repo, or a values
// file.
func (v *view) chartReaders(file string) []root {
	// All that deploy a chart read the same files of its folder, so one render
	// tells for them all, unless some name the file besides as theirs.
	named := len(v.lookup().reading[file]) > 0
	read := map[string]bool{}
	return slices.DeleteFunc(v.mayRead(file), func(r root) bool {
		_, inside := below(r.dir, file)
		if inside && !named && read[r.dir] {
			return false
		}
		out := v.render(r)
		_, ok := out.reads[file]
		read[r.dir] = ok
		return !ok && (out.err == nil || !inside && !v.takes(r, file))
	})
}
