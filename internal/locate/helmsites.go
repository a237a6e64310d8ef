package locate

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/helm"
	"github.com/amendhq/amend/internal/manifest"
)

// maxChartSteps bounds what all renders for one query may cost together.
const maxChartSteps = 12 * helm.MaxSteps

// sites proposes, for a chart, first the places that may hold the value now:
// values files, the defaults of the chart and of its subcharts, its version,
// literals in its templates and the files that they copy. Then come the places
// where a key could be added that overrides a default.
func (chart) sites(t *target) []site {
	c := chartTarget{target: t, chart: t.render.chart, template: t.obj.file}
	if t.set {
		found := slices.Concat(c.leaves(), c.literals(), c.wholeFiles())
		return append(ranked(found), c.additions(c.places(), c.overrides())...)
	}
	return c.additions(c.places(), c.unset())
}

// A chartTarget is a target that a chart renders.
type chartTarget struct {
	*target
	chart    *chartRender
	template string // the file that the object is rendered from
}

// ownCharts returns the charts that are written in this repo. A copy of a chart
// of a registry is left as it is: the next update of the dependencies would take
// back what was changed in it.
func (c chartTarget) ownCharts() []helm.Placed {
	return slices.DeleteFunc(slices.Clone(c.chart.Charts), func(p helm.Placed) bool { return p.Vendored })
}

// A valueLayer is a file that holds values.
type valueLayer struct {
	file string
	via  string
	rank int
}

// layers returns the files with values: those of the Application, the last
// first, then the defaults, the root's before those of its subcharts, and then
// the descriptions of the charts.
func (c chartTarget) layers() []valueLayer {
	var layers []valueLayer
	for _, file := range slices.Backward(c.chart.valueFiles) {
		layers = append(layers, valueLayer{file: file, via: "a value in a values file of the release"})
	}
	for _, placed := range c.ownCharts() {
		via := "a default value of the chart"
		if len(placed.Prefix) > 0 {
			via = "a default value of the subchart " + strings.Join(placed.Prefix, ".")
		}
		layers = append(layers, valueLayer{file: placed.ValuesPath, via: via})
	}
	for _, placed := range c.ownCharts() {
		layers = append(layers, valueLayer{file: placed.ChartPath, via: "the description of the chart", rank: rankDescription})
	}
	return slices.DeleteFunc(layers, func(l valueLayer) bool { return l.file == "" })
}

// leaves proposes every value that is the field's, or a part of it.
func (c chartTarget) leaves() []candidate {
	var found []candidate
	seen := map[string]bool{}
	for level, l := range c.layers() {
		if seen[l.file] {
			continue
		}
		seen[l.file] = true
		for _, d := range c.documents([]string{l.file}) {
			for leaf := range d.file.Leaves() {
				if leaf.Doc != d.index || !c.holdsPart(leaf.Value) {
					continue
				}
				found = append(found, candidate{site: c.setValue(d, leaf, l.via), rank: l.rank + c.affinity(pathKeys(string(leaf.Path)), leaf.Value), level: level})
			}
		}
	}
	return found
}

// holdsPart reports whether a text may be what the field's value is made of, and
// can be changed so that the field becomes what is wanted.
func (c chartTarget) holdsPart(text string) bool {
	_, ok := c.part(text, c.want.Text)
	return ok && text != ""
}

// affinity ranks a value by its key: the field's own, the more of the keys
// above it too the better; one for the same thing; or any other. Of equal ones
// that comes first which stands below a part of the object's name.
func (c chartTarget) affinity(keys []string, value string) int {
	same := 0
	for same < min(len(keys), len(c.field), closest) {
		step := c.field[len(c.field)-1-same]
		if step.Select != "" || !strings.EqualFold(keys[len(keys)-1-same], step.Key) {
			break
		}
		same++
	}
	rank := 2 * (closest + 2)
	switch _, whole := rewrite(value, c.target, c.want.Text); {
	case same > 0, isImage(c.field) && len(keys) > 0 && imageWord.MatchString(keys[len(keys)-1]):
		rank = 2 * (closest - same)
	case whole:
		rank = 2 * (closest + 1)
	}
	if c.named(keys) {
		return rank
	}
	return rank + 1
}

// named reports whether one of the keys is a part of the name of the object or
// of the container, as components of a chart often are.
func (c chartTarget) named(keys []string) bool {
	names := strings.ToLower(c.obj.ref.Name)
	for _, s := range c.field {
		if s.Select == "name" {
			names += " " + strings.ToLower(s.Key)
		}
	}
	return slices.ContainsFunc(keys, func(k string) bool { return len(k) > 2 && strings.Contains(names, strings.ToLower(k)) })
}

// The ranks of candidates, beside those that affinity gives to values.
const (
	closest         = 3 // keys that are compared
	rankLine        = 4 // of the field's own line in the template
	rankFile        = 2 * (closest + 3)
	rankTemplate    = 2 * (closest + 4) // other text in that template
	rankOther       = 2 * (closest + 5) // text in other templates
	rankDescription = 2 * (closest + 6)
)

// pathKeys splits the path of a leaf into its keys and indexes.
func pathKeys(p string) []string {
	return strings.FieldsFunc(p, func(r rune) bool { return strings.ContainsRune(`.[]"|`, r) })
}

var imageWord = regexp.MustCompile(`(?i)(tag|image|version|digest)$`)

// setValue proposes to change a value. It keeps its type, because the template
// makes of it what the field has.
func (c chartTarget) setValue(d document, leaf manifest.Leaf, via string) site {
	return site{path: d.path, yamlPath: string(leaf.Path), via: via, linked: leaf.Shared, write: func(v amend.Scalar) (manifest.Result, error) {
		text, ok := c.part(leaf.Value, v.Text)
		if !ok {
			return manifest.Result{}, amend.Refusef(amend.ReasonComputed, "%s:%d holds only a part of the value that stays", d.path, leaf.Line)
		}
		if other := c.otherValues(d.path, leaf.Path); other != "" {
			return manifest.Result{}, amend.Refusef(amend.ReasonAmbiguous, "%s sets %s too, and no Application in the repo says which values files are used", other, leaf.Path)
		}
		return d.file.Set(leaf, typed(text, leaf.Kind))
	}}
}

// part returns what a text must become so that the field, in which it is or in
// which it is a part, becomes want.
func (c chartTarget) part(text, want string) (string, bool) {
	if now, ok := rewrite(text, c.target, want); ok {
		return now, true
	}
	current := c.current()
	for at := 0; text != ""; at++ {
		i := strings.Index(current[at:], text)
		if i < 0 {
			break
		}
		at += i
		before, after := current[:at], current[at+len(text):]
		rest, ok := strings.CutPrefix(want, before)
		if now, ok2 := strings.CutSuffix(rest, after); ok && ok2 && now != "" {
			return now, true
		}
	}
	return "", false
}

// plainNumber matches numbers that every reader writes as they are.
var plainNumber = regexp.MustCompile(`^-?(0|[1-9]\d{0,5})(\.\d*[1-9])?$`)

// typed is a text as a value of the given kind, if it can be one.
func typed(text string, kind manifest.Kind) amend.Scalar {
	return amend.Scalar{
		Text:    text,
		Number:  kind == manifest.Number && plainNumber.MatchString(text),
		Boolean: kind == manifest.Bool && (text == "true" || text == "false"),
	}
}

// otherValues names a file beside the chart's values that sets the same value,
// if the repo does not say which files the release is made with.
func (c chartTarget) otherValues(file string, at manifest.Path) string {
	field, err := amend.ParseFieldPath(string(at))
	if c.root.kind != Helm || len(c.root.apps) > 0 || err != nil || path.Base(file) == "Chart.yaml" {
		return ""
	}
	folder := c.view.root.find(c.root.dir)
	for _, beside := range folder.files {
		name := path.Join(folder.dir, beside.name)
		if name == file || !isYAML(name) || beside.name == "Chart.yaml" {
			continue
		}
		f, err := c.view.manifest(name)
		if err != nil {
			continue
		}
		if _, ok := f.Leaf(0, field); ok {
			return name
		}
	}
	return ""
}

// wholeFiles proposes the files of the chart that a template copies.
func (c chartTarget) wholeFiles() []candidate {
	var found []candidate
	current := c.current()
	for _, placed := range c.ownCharts() {
		for _, f := range placed.Files {
			text := string(f.Data)
			if !c.asWritten(f) || text == "" || strings.TrimRight(text, "\n") != strings.TrimRight(current, "\n") {
				continue
			}
			s := site{path: f.Path, via: "a file that a template copies", yamlPath: c.field.String()}
			s.write = func(v amend.Scalar) (manifest.Result, error) {
				data := v.Text
				if text != current { // the template trims what it copies
					data = strings.TrimRight(data, "\n") + text[len(strings.TrimRight(text, "\n")):]
				}
				return wholeText(data), nil
			}
			found = append(found, candidate{site: s, rank: rankFile})
		}
	}
	return found
}
