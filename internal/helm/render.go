package helm

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
	"helm.sh/helm/v3/pkg/chart"
)

// DefaultKubeVersion is what a chart sees of the cluster when the Application
// names no version.
const DefaultKubeVersion = "v1.33.0"

// A Release is what is known of an installation besides its values.
type Release struct {
	Name, Namespace string
	KubeVersion     string   // "" for the default
	APIVersions     []string // beside those of Kubernetes itself
	SkipSchema      bool     // do not check the values
	// Seed picks another set of values for what is random or read from the clock.
	Seed int
}

// A Result is what a chart renders to.
type Result struct {
	Manifests []Manifest
	CRDs      []Manifest     // the files in the crds folders, which are no templates
	Values    map[string]any // of the root, defaults included
	Charts    []Placed
	// Random says that a template asked for something random or for the time,
	// and got a fixed value.
	Random bool
}

// A Manifest is the output of one template, which may be several documents.
type Manifest struct {
	Name string // of the template, as Helm names it
	Path string // of the template's file; "" if it was in a packed subchart
	Text []byte
}

// A Placed chart is a chart of a release: the root or a subchart that is on.
type Placed struct {
	// Prefix is where its values are in those of the root.
	Prefix []string
	// ValuesPath and ChartPath are the files of its defaults and of its
	// description; "" if there is none or it was packed.
	ValuesPath, ChartPath string
	// Vendored says that the chart was copied from a registry.
	Vendored bool
	// Templates are the files of its templates, those of helpers included, and
	// Files those that templates can read, if they were not packed.
	Templates []File
	Files     []File
}

// Render renders the chart with the values that are laid over its defaults. It
// refuses with ReasonUnproven what Helm cannot render, what would cost more
// than the budget, and values that a schema of the chart does not allow; with
// ReasonRemote, a schema that is elsewhere.
func (c *Chart) Render(rel Release, overrides map[string]any, b *Budget) (*Result, error) {
	root := c.clone(nil)
	if err := root.enable(overrides, ""); err != nil {
		return nil, err
	}
	if err := root.importValues(); err != nil {
		return nil, err
	}
	values, _ := copyOf(overrides).(map[string]any)
	if err := root.withDefaults(values, false); err != nil {
		return nil, err
	}
	if !rel.SkipSchema {
		if err := root.validate(values); err != nil {
			return nil, err
		}
	}
	capabilities, err := capabilitiesOf(rel)
	if err != nil {
		return nil, err
	}
	out := &Result{Values: values}
	pages, _ := root.pages(map[string]any{
		"Values":       values,
		"Capabilities": capabilities,
		"Release":      map[string]any{"Name": rel.Name, "Namespace": rel.Namespace, "IsUpgrade": false, "IsInstall": true, "Revision": 1, "Service": "Helm"},
	}, nil, out)
	random := &chance{seed: rel.Seed}
	e := newEngine(newMeter(b), random)
	if err := e.parse(pages); err != nil {
		return nil, err
	}
	length := 0
	for _, p := range pages {
		base := path.Base(p.name)
		if strings.HasPrefix(base, "_") || base == "NOTES.txt" {
			continue
		}
		text, err := e.run(p)
		if err != nil {
			return nil, err
		}
		if length += len(text); length > maxOutput {
			return nil, refuse("%s: %w", place(p.file), errBudget)
		}
		out.Manifests = append(out.Manifests, Manifest{Name: p.name, Path: p.file.Path, Text: []byte(text)})
	}
	out.Random = random.used
	return out, nil
}

// pages collects the templates of the chart and its subcharts, each with the
// context of its chart.
func (c *Chart) pages(above map[string]any, prefix []string, out *Result) ([]page, map[string]any) {
	subcharts := map[string]any{}
	context := map[string]any{
		"Chart": struct {
			chart.Metadata
			IsRoot bool
		}{*c.meta, c.parent == nil},
		"Files": newFiles(c.files), "Release": above["Release"], "Capabilities": above["Capabilities"],
		"Values": map[string]any{}, "Subcharts": subcharts,
	}
	values, _ := above["Values"].(map[string]any)
	if c.parent == nil {
		context["Values"] = values
	} else if own, ok := values[c.name].(map[string]any); ok {
		context["Values"] = own
	}
	out.Charts = append(out.Charts, Placed{Prefix: prefix, ValuesPath: c.valuePath, ChartPath: c.metaPath, Vendored: c.vendored(), Templates: c.templates, Files: written(c.files)})
	for _, f := range c.files {
		if ext := path.Ext(f.Name); strings.HasPrefix(f.Name, "crds/") && (ext == ".yaml" || ext == ".yml" || ext == ".json") {
			out.CRDs = append(out.CRDs, Manifest{Name: c.fullName() + "/" + f.Name, Path: f.Path, Text: f.Data})
		}
	}
	var pages []page
	for _, sub := range c.deps {
		inner, its := sub.pages(context, append(prefix[:len(prefix):len(prefix)], sub.name), out)
		pages = append(pages, inner...)
		subcharts[sub.name] = its
	}
	library := strings.EqualFold(c.meta.Type, "library")
	for _, t := range c.templates {
		if !library || strings.HasPrefix(path.Base(t.Name), "_") {
			pages = append(pages, page{file: t, name: c.fullName() + "/" + t.Name, base: c.fullName() + "/templates", context: context})
		}
	}
	return pages, context
}

// written leaves out the files of a packed chart.
func written(list []File) []File {
	return slices.DeleteFunc(slices.Clone(list), func(f File) bool { return f.Path == "" })
}

// vendored reports whether the chart, or one that it is in, is a dependency that
// its parent takes from elsewhere than the repo.
func (c *Chart) vendored() bool {
	if c.parent == nil {
		return false
	}
	return c.parent.vendored() || slices.ContainsFunc(c.parent.meta.Dependencies, func(d *chart.Dependency) bool {
		return d.Name == c.name && d.Repository != "" && !strings.HasPrefix(d.Repository, "file://")
	})
}

// capabilities is what templates see of the cluster and of Helm.
type capabilities struct {
	KubeVersion kubeVersion
	APIVersions apiVersions
	HelmVersion helmVersion
}

type kubeVersion struct{ Version, Major, Minor string }

// String is the version with its v.
func (v kubeVersion) String() string { return v.Version }

// GitVersion is the old name of the version.
func (v kubeVersion) GitVersion() string { return v.Version }

type helmVersion struct{ Version, GitCommit, GitTreeState, GoVersion string }

// apiVersions are group/version, or group/version/Kind.
type apiVersions []string

// Has reports whether the cluster has the API. Of Kubernetes' own every kind
// of a version counts as there.
func (a apiVersions) Has(api string) bool {
	for _, have := range a {
		if api == have || strings.HasPrefix(api, have+"/") && strings.Count(api, "/") == strings.Count(have, "/")+1 && !strings.Contains(strings.TrimPrefix(api, have+"/"), ".") {
			return true
		}
	}
	return false
}

// builtIn are the stable APIs of Kubernetes 1.33.
var builtIn = [...]string{
	"v1", "admissionregistration.k8s.io/v1", "apiextensions.k8s.io/v1", "apiregistration.k8s.io/v1", "apps/v1", "authentication.k8s.io/v1",
	"authorization.k8s.io/v1", "autoscaling/v1", "autoscaling/v2", "batch/v1", "certificates.k8s.io/v1", "coordination.k8s.io/v1",
	"discovery.k8s.io/v1", "events.k8s.io/v1", "flowcontrol.apiserver.k8s.io/v1", "networking.k8s.io/v1", "node.k8s.io/v1", "policy/v1",
	"rbac.authorization.k8s.io/v1", "scheduling.k8s.io/v1", "storage.k8s.io/v1",
}

func capabilitiesOf(rel Release) (*capabilities, error) {
	text := rel.KubeVersion
	if text == "" {
		text = DefaultKubeVersion
	}
	v, err := semver.NewVersion(text)
	if err != nil {
		return nil, refuse("the Kubernetes version %q: %w", text, err)
	}
	c := &capabilities{
		KubeVersion: kubeVersion{Version: "v" + v.String(), Major: strconv.FormatUint(v.Major(), 10), Minor: strconv.FormatUint(v.Minor(), 10)},
		HelmVersion: helmVersion{Version: "v3.18.6"},
	}
	c.APIVersions = append(append(apiVersions{}, builtIn[:]...), rel.APIVersions...)
	return c, nil
}
