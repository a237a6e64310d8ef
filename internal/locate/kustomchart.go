package locate

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/kustomize/kyaml/yaml/merge2"
	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/helm"
)

// An inflated chart is an entry of the helmCharts of a kustomization with what
// it renders to.
type inflated struct {
	*chartRender
	file    string // of the kustomization
	folder  string // of the chart
	name    string // under which Kustomize reads the objects
	entry   types.HelmChart
	objects []*object // as the chart gives them, before Kustomize changes them
	// inline is where the entry's values are in the kustomization.
	inline amend.FieldPath
}

// charts are the charts that one build of Kustomize inflates. Kustomize runs a
// helm binary for it; here the charts are rendered in process, and Kustomize
// gets the objects as further resources of the kustomization.
type charts struct {
	seed int          // for what is random
	app  appKustomize // what the Application says of the cluster
	list []inflated
	// texts holds what Kustomize reads: the kustomizations without their charts,
	// and what the charts render to. The names of the latter are below that of
	// the kustomization's file, where no file can be.
	texts map[string][]byte
}

// chartsOf returns the charts of a kustomization, those in the old form last.
func chartsOf(k *types.Kustomization) ([]types.HelmChart, types.HelmGlobals) {
	old, globals := types.SplitHelmParameters(k.HelmChartInflationGenerator)
	if k.HelmGlobals != nil {
		globals = *k.HelmGlobals
	}
	return slices.Concat(k.HelmCharts, old), globals
}

// chartReferences lists what a kustomization names because of its charts: their
// folders and their values files.
func chartReferences(k *types.Kustomization) []string {
	var refs []string
	entries, globals := chartsOf(k)
	for _, e := range entries {
		refs = append(append(refs, chartPath(globals, e), e.ValuesFile), e.AdditionalValuesFiles...)
	}
	return slices.DeleteFunc(refs, func(r string) bool { return r == "" })
}

// inflate renders the charts of a kustomization and returns it with their
// objects in the place of the charts.
func (c *charts) inflate(rec *recorder, file string, data []byte) ([]byte, error) {
	var k types.Kustomization
	if err := k.Unmarshal(data); err != nil {
		return nil, amend.Refusef(amend.ReasonUnproven, "%s %w: %w", file, errUnparsed, amend.Private(err))
	}
	entries, globals := chartsOf(&k)
	for i, entry := range entries {
		name := fmt.Sprintf("helmCharts-%d", i)
		in := inflated{file: file, name: path.Join(file, name), entry: entry, inline: amend.Field("helmCharts").Item("name", entry.Name).Then("valuesInline")}
		if i >= len(k.HelmCharts) {
			in.inline = amend.Field("helmChartInflationGenerator").Item("chartName", entry.Name).Then("valuesLocal")
		}
		if err := c.add(rec, in, globals); err != nil {
			return nil, fmt.Errorf("the chart %s of %s: %w", entry.Name, file, err)
		}
		if object := mergedInto(&k, c.list[len(c.list)-1].objects); object != "" {
			return nil, amend.Refusef(amend.ReasonUnproven, "%s changes %s before the chart %s makes it", file, object, entry.Name)
		}
		k.Resources = append(k.Resources, path.Join(path.Base(file), name))
	}
	k.HelmCharts, k.HelmGlobals, k.HelmChartInflationGenerator = nil, nil, nil
	data, err := yaml.Marshal(k)
	c.texts[file] = data
	return data, err
}

// mergedInto names a generated object that is to be merged into one of a
// chart, which Kustomize does not do: it runs the generators first.
func mergedInto(k *types.Kustomization, objects []*object) string {
	for kind, list := range map[string][]types.GeneratorArgs{"ConfigMap": configMapArgs(k), "Secret": secretArgs(k)} {
		for _, g := range list {
			of := slices.ContainsFunc(objects, func(o *object) bool { return o.ref.Kind == kind && o.ref.Name == g.Name })
			if of && g.Behavior != "" && g.Behavior != "create" {
				return kind + " " + g.Name
			}
		}
	}
	return ""
}

func configMapArgs(k *types.Kustomization) []types.GeneratorArgs {
	var list []types.GeneratorArgs
	for _, g := range k.ConfigMapGenerator {
		list = append(list, g.GeneratorArgs)
	}
	return list
}

func secretArgs(k *types.Kustomization) []types.GeneratorArgs {
	var list []types.GeneratorArgs
	for _, g := range k.SecretGenerator {
		list = append(list, g.GeneratorArgs)
	}
	return list
}

// add renders one chart.
func (c *charts) add(rec *recorder, in inflated, globals types.HelmGlobals) error {
	written := chartPath(globals, in.entry)
	in.folder = path.Join(path.Dir(in.file), written)
	switch {
	case in.entry.Name == "":
		return amend.Refusef(amend.ReasonUnproven, "it has no name")
	case path.IsAbs(written), !fs.ValidPath(in.folder):
		return amend.Refusef(amend.ReasonRemote, "its folder %q is outside the env repo", written)
	}
	rec.reads[listing(in.folder)] = rec.view.listing(in.folder)
	if rec.view.root.find(in.folder) == nil {
		if in.entry.Repo != "" {
			return amend.Refusef(amend.ReasonRemote, "it comes from %s, and %s is not in the env repo", in.entry.Repo, in.folder)
		}
		return amend.Refusef(amend.ReasonUnproven, "%s: %w", in.folder, fs.ErrNotExist)
	}
	values := inlineValues{rec: rec, dir: path.Dir(in.file), entry: in.entry}
	merged, err := values.merged(path.Join(in.folder, "values.yaml"))
	if err != nil {
		return err
	}
	rel, err := c.release(in.entry)
	if err != nil {
		return err
	}
	result, err := renderInflated(rec, in.folder, rel, merged)
	if err != nil {
		return err
	}
	in.chartRender = &chartRender{Result: result, valueFiles: values.files}
	if in.entry.Repo != "" { // a copy of what a registry has
		for i := range result.Charts {
			result.Charts[i].Vendored, result.Charts[i].ValuesPath = true, ""
		}
	}
	return c.keep(rec, in)
}

// renderInflated renders the chart in a folder. Unlike Argo CD, Kustomize does
// not fetch what the chart needs from elsewhere.
func renderInflated(rec *recorder, folder string, rel helm.Release, values map[string]any) (*helm.Result, error) {
	files, err := rec.chartFolder(folder)
	if err != nil {
		return nil, err
	}
	missing, err := helm.Missing(files)
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		return nil, amend.Refusef(amend.ReasonRemote, "it needs the chart %s of %s, which is not in its charts folder", missing[0].Name, missing[0].Repository)
	}
	chart, err := helm.Load(files)
	if err != nil {
		return nil, err
	}
	return chart.Render(rel, values, rec.view.budget)
}

// chartPath returns where Kustomize looks for a chart, from the kustomization.
func chartPath(globals types.HelmGlobals, entry types.HelmChart) string {
	home := globals.ChartHome
	if home == "" {
		home = types.HelmDefaultHome
	}
	if entry.Version != "" && entry.Repo != "" {
		home = path.Join(home, entry.Name+"-"+entry.Version)
	}
	return path.Join(home, entry.Name)
}

// release returns what the chart is told of its installation. Without a name
// Helm takes a fixed one. What the kustomization says of the cluster wins over
// what the Application says.
func (c *charts) release(entry types.HelmChart) (helm.Release, error) {
	rel := helm.Release{
		Name: entry.ReleaseName, Namespace: entry.Namespace, Seed: c.seed,
		KubeVersion: entry.KubeVersion, APIVersions: entry.ApiVersions,
	}
	switch {
	case entry.NameTemplate != "" && rel.Name != "":
		return rel, amend.Refusef(amend.ReasonUnproven, "it has both a releaseName and a nameTemplate")
	case strings.Contains(entry.NameTemplate, "{{"):
		return rel, amend.Refusef(amend.ReasonUnsupported, "its nameTemplate is computed")
	case entry.NameTemplate != "":
		rel.Name = entry.NameTemplate
	case rel.Name == "":
		rel.Name = "release-name"
	}
	if rel.Namespace == "" {
		rel.Namespace = "default"
	}
	if rel.KubeVersion == "" {
		rel.KubeVersion = c.app.KubeVersion
	}
	if len(rel.APIVersions) == 0 {
		rel.APIVersions = c.app.APIVersions
	}
	return rel, nil
}

// keep notes the chart and the text that Kustomize reads of it. The text is
// Helm's, because Kustomize reads some of YAML in its own way.
func (c *charts) keep(rec *recorder, in inflated) error {
	list := in.Manifests
	if in.entry.IncludeCRDs {
		list = append(list, in.CRDs...)
	}
	in.Manifests, in.CRDs = nil, nil // the render is kept
	var err error
	if in.objects, err = rec.view.manifests(list); err != nil {
		return err
	}
	var text []byte
	for _, m := range list {
		for _, doc := range splitDocuments(m.Text) {
			if len(bytes.TrimSpace(doc)) == 0 || in.skips(doc) {
				continue
			}
			if !bytes.HasPrefix(doc, []byte("---")) {
				text = append(text, "---\n"...)
			}
			text = append(append(text, doc...), '\n')
		}
	}
	c.texts[in.name] = text
	c.list = append(c.list, in)
	return rec.addWork(in.name, text, nil)
}

// skips reports whether the entry leaves out a document because it is a hook.
func (in inflated) skips(doc []byte) bool {
	if !in.entry.SkipHooks && !in.entry.SkipTests {
		return false
	}
	objects, err := parseObjects(doc)
	if err != nil || len(objects) == 0 {
		return false
	}
	hook := textAt(objects[0], "metadata", "annotations", "helm.sh/hook")
	test := slices.ContainsFunc(strings.Split(hook, ","), func(h string) bool { return strings.HasPrefix(strings.TrimSpace(h), "test") })
	return hook != "" && (in.entry.SkipHooks || test)
}

// inlineValues gathers the values that an entry of helmCharts gives its chart.
type inlineValues struct {
	rec   *recorder
	dir   string // of the kustomization
	entry types.HelmChart
	files []string // the values files beside the chart's own
}

// merged reads, each stronger than the one before: the values file, by default
// the chart's own, with the inline values in it as valuesMerge says, and the
// additional values files.
func (v *inlineValues) merged(own string) (map[string]any, error) {
	first, err := v.first(own)
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	if values, err = laidOver(values, own, first); err != nil {
		return nil, err
	}
	for _, written := range v.entry.AdditionalValuesFiles {
		data, err := v.file(path.Join(v.dir, written), written)
		if err != nil {
			return nil, err
		}
		v.files = append(v.files, path.Join(v.dir, written))
		if values, err = laidOver(values, written, data); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// first returns the values file with the inline values in it. Kustomize merges
// the two itself, and with other rules than Helm has: a null takes away a key
// of the file, so that the chart's default is back.
func (v *inlineValues) first(own string) ([]byte, error) {
	name := own
	if v.entry.ValuesFile != "" {
		name = path.Join(v.dir, v.entry.ValuesFile)
	}
	if len(v.entry.ValuesInline) > 0 && v.entry.ValuesMerge == "replace" {
		return yaml.Marshal(v.entry.ValuesInline)
	}
	data, err := v.file(name, v.entry.ValuesFile)
	if err != nil {
		return nil, err
	}
	if name != own {
		v.files = append(v.files, name)
	}
	if len(v.entry.ValuesInline) == 0 {
		return data, nil
	}
	inFile, err := kyaml.Parse(string(data))
	if err != nil {
		return nil, amend.Refusef(amend.ReasonUnproven, "%s %w: %w", name, errUnparsed, amend.Private(err))
	}
	inline, err := kyaml.FromMap(v.entry.ValuesInline)
	if err != nil {
		return nil, amend.Refusef(amend.ReasonUnproven, "its inline values: %w", amend.Private(err))
	}
	return mergedInline(inFile, inline, v.entry.ValuesMerge)
}

func mergedInline(inFile, inline *kyaml.RNode, how string) ([]byte, error) {
	over, under := inline, inFile
	switch how {
	case "", "override":
	case "merge":
		over, under = inFile, inline
	default:
		return nil, amend.Refusef(amend.ReasonUnproven, "its valuesMerge is %q", how)
	}
	both, err := merge2.Merge(over, under, kyaml.MergeOptions{})
	if err != nil {
		return nil, amend.Refusef(amend.ReasonUnproven, "its inline values: %w", amend.Private(err))
	}
	values, err := both.Map()
	if err != nil {
		return nil, amend.Refusef(amend.ReasonUnproven, "its inline values: %w", amend.Private(err))
	}
	return yaml.Marshal(values)
}

// file reads a values file, which Kustomize takes from below the kustomization
// only.
func (v *inlineValues) file(name, written string) ([]byte, error) {
	if looksRemote(written) {
		return nil, amend.Refusef(amend.ReasonRemote, "it reads the values %q from outside the repo", written)
	}
	if _, inside := below(v.dir, name); !inside || !fs.ValidPath(name) {
		return nil, amend.Refusef(amend.ReasonUnproven, "Kustomize does not read values from outside of %s, and they are in %s", v.dir, name)
	}
	if !v.rec.exists(name) {
		return nil, amend.Refusef(amend.ReasonUnproven, "the values in %s: %w", name, fs.ErrNotExist)
	}
	data, err := v.rec.read(name)
	if err != nil {
		return nil, err
	}
	return data, vetAliases(name, data)
}
