package helm_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/helm"
)

// files makes chart files of a map; their paths are their names.
func files(m map[string]string) []helm.File {
	var list []helm.File
	for name, data := range m {
		list = append(list, helm.File{Name: name, Path: name, Data: []byte(data)})
	}
	return list
}

// render returns the output of each template by its name.
func render(m map[string]string, values map[string]any) (map[string]string, error) {
	c, err := helm.Load(files(m))
	if err != nil {
		return nil, err
	}
	r, err := c.Render(helm.Release{Name: "shop", Namespace: "prod"}, values, helm.NewBudget(steps))
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, m := range r.Manifests {
		out[m.Name] = string(m.Text)
	}
	return out, nil
}

// original renders with Helm's own code.
func original(t *testing.T, m map[string]string, values map[string]any) map[string]string {
	t.Helper()
	var list []*loader.BufferedFile
	for name, data := range m {
		list = append(list, &loader.BufferedFile{Name: name, Data: []byte(data)})
	}
	c, err := loader.LoadFiles(list)
	if err != nil {
		t.Fatal(err)
	}
	if err := chartutil.ProcessDependenciesWithMerge(c, values); err != nil {
		t.Fatal(err)
	}
	caps := chartutil.DefaultCapabilities.Copy()
	caps.KubeVersion = chartutil.KubeVersion{Version: helm.DefaultKubeVersion, Major: "1", Minor: "33"}
	vals, err := chartutil.ToRenderValues(c, values, chartutil.ReleaseOptions{Name: "shop", Namespace: "prod", Revision: 1, IsInstall: true}, caps)
	if err != nil {
		t.Fatal(err)
	}
	out, err := engine.Render(c, vals)
	if err != nil {
		t.Fatal(err)
	}
	for name := range out {
		if path.Base(name) == "NOTES.txt" || strings.HasPrefix(path.Base(name), "_") {
			delete(out, name)
		}
	}
	return out
}

// steps are enough for the charts of the tests, and soon used up.
const steps = 100_000

const chartYAML = "apiVersion: v2\nname: web\nversion: 1.2.3\nappVersion: \"4.5\"\n"

// cases are charts that use what charts use. Each has the files of the chart.
var cases = map[string]struct {
	files  map[string]string
	values map[string]any
}{
	"values over defaults": {map[string]string{
		"Chart.yaml": chartYAML, "values.yaml": "a: {b: 1, c: [1, 2], d: x}\ngone: 5\n",
		"templates/a.yaml": "{{ toYaml .Values }}\n{{ .Values.a.b }} {{ .Values.missing }} {{ .Chart.AppVersion }} {{ .Template.Name }} {{ .Template.BasePath }}",
	}, map[string]any{"a": map[string]any{"c": []any{3.0}, "d": nil}, "gone": nil, "extra": true}},
	"helpers, include, tpl, template": {map[string]string{
		"Chart.yaml": chartYAML, "values.yaml": "greeting: 'hello {{ .Release.Name }} {{ include \"n\" . }}'\n",
		"templates/_h.tpl":    `{{ define "n" }}{{ .Release.Name | trunc 3 }}-{{ .Chart.Name }}{{ end }}{{- define "outer" -}}{{ template "n" . }}{{- end }}`,
		"templates/a.yaml":    "x: {{ include \"n\" . | quote }}\ny: {{ tpl .Values.greeting . }}\n{{ template \"outer\" . }}\n{{ tpl \"{{ define \\\"inner\\\" }}q{{ end }}{{ include \\\"inner\\\" . }}\" . }}",
		"templates/z/b.txt":   "{{ range $i, $e := list 1 2 3 }}{{ if eq $e 2 }}{{ continue }}{{ end }}{{ $i }}={{ $e }},{{ else }}none{{ end }}",
		"templates/NOTES.txt": "hi",
	}, nil},
	"functions": {map[string]string{
		"Chart.yaml": chartYAML, "values.yaml": "m: {z: 1, a: {k: v}}\nl: [3, 1]\nnum: 1000000\nf: 0.5\ns: ' text '\n",
		"templates/a.yaml": strings.Join([]string{
			"{{ toJson .Values.m }}", "{{ .Values.num }} {{ .Values.f }} {{ int .Values.num }}", "{{ .Values.m | toYaml | nindent 4 }}", "{{ .Values.s | trim | upper | quote }}",
			`{{ printf "%s-%d-%v" "a" 3 .Values.l }}`, `{{ default "d" .Values.none }} {{ .Values.none | default 3 }}`, `{{ ternary "y" "n" true }}`,
			`{{ dict "a" 1 "b" (list 1 2) | toYaml }}`, `{{ merge (dict "a" 1) .Values.m | toJson }}`, `{{ with .Values.m.a }}{{ .k }}{{ end }}`,
			`{{ fromYaml "a: 1" | toJson }} {{ fromJson "{" | toJson }} {{ toToml .Values.m }}`, `{{ sha256sum "x" }} {{ b64enc "x" }} {{ b64dec "eA==" }}`,
			`{{ .Values.l | sortAlpha | join "," }} {{ has 3.0 .Values.l }}`, `{{ regexReplaceAll "a(.)" "abac" "${1}x" }} {{ regexMatch "^a" "ab" }}`,
			`{{ semverCompare ">=1.20-0" .Capabilities.KubeVersion.Version }} {{ .Capabilities.KubeVersion.Minor }} {{ .Capabilities.APIVersions.Has "apps/v1" }}`,
			`{{ lookup "v1" "Secret" "a" "b" | toJson }}`, `{{ $x := .Values.m }}{{ $x.z }}{{ $x = 2 }}{{ $x }}`, `{{ .Release | toJson }}`, `{{ .Values.a | default (dict) | toYaml }}`,
			`{{ until 3 | toJson }} {{ seq 1 3 }} {{ untilStep 0 6 2 | toJson }}`, `{{ "a.b" | replace "." "-" }} {{ repeat 3 "ab" }} {{ indent 2 "x\ny" }}`,
			`{{ kindOf .Values.m }} {{ typeOf .Values.l }} {{ len .Values.l }} {{ index .Values.l 0 }} {{ index .Values "m" "z" }}`, `{{ required "need it" .Values.num }}`,
			`{{ if and .Values.m (not .Values.none) }}yes{{ end }} {{ or .Values.none "or" }}`, `{{ print "a" 1 2 "b" }} {{ println "x" }}{{ html "<a>" }}`,
			`{{ toYamlPretty .Values.l }}`, `{{ .Values.none }}|{{ .Values.m.none }}|{{ (.Values.none | default dict).x }}`, `{{ date "2006" 0 }}`, `{{ cat "a" 1 }} {{ list nil 1 | compact | toJson }}`,
		}, "\n"),
	}, nil},
	"files": {map[string]string{
		"Chart.yaml": chartYAML, "conf/a.ini": "x=1\ny=2\n", "conf/b.ini": "z", "other.txt": "o",
		"templates/a.yaml": `{{ .Files.Get "conf/a.ini" | nindent 2 }}{{ (.Files.Glob "conf/*.ini").AsConfig }}{{ (.Files.Glob "conf/*").AsSecrets }}{{ range .Files.Lines "conf/a.ini" }}[{{ . }}]{{ end }}{{ range $p, $d := .Files.Glob "**.txt" }}{{ $p }}={{ $.Files.Get $p }}{{ end }}{{ .Files.Get "none" }}`,
	}, nil},
	"subcharts": {map[string]string{
		"Chart.yaml":           chartYAML + "dependencies:\n- {name: db, version: 1.x.x, alias: main}\n- {name: db, version: 1.x.x, alias: second, condition: second.on}\n- {name: off, version: '*', tags: [t]}\n- {name: lib, version: '*'}\n",
		"values.yaml":          "global: {g: 1, t: {deep: p}}\nmain: {size: 7, t: {y: null}}\nsecond: {on: true}\ntags: {t: false}\n",
		"charts/db/Chart.yaml": "apiVersion: v2\nname: db\nversion: 1.0.0\n", "charts/db/values.yaml": "size: 1\nname: d\nglobal: {g: 0, own: o}\nt: {x: 1, y: 2}\n",
		"charts/db/templates/a.yaml":  "{{ toYaml .Values }}\n{{ .Chart.Name }} {{ include \"l\" . }} {{ .Chart.IsRoot }}",
		"charts/off/Chart.yaml":       "apiVersion: v2\nname: off\nversion: 1.0.0\n",
		"charts/off/templates/a.yaml": "never",
		"charts/lib/Chart.yaml":       "apiVersion: v2\nname: lib\nversion: 1.0.0\ntype: library\n", "charts/lib/templates/_l.tpl": `{{ define "l" }}lib {{ .Values.size }}{{ end }}`, "charts/lib/templates/no.yaml": "no",
		"charts/extra/Chart.yaml": "apiVersion: v1\nname: extra\nversion: 0.1.0\n", "charts/extra/templates/e.yaml": "{{ toYaml .Values }}",
		"charts/_skip/x":   "no",
		"templates/a.yaml": "{{ toYaml .Values }}\n{{ .Subcharts.main.Chart.Name }}",
	}, map[string]any{"second": map[string]any{"name": "over"}, "global": map[string]any{"t": map[string]any{"more": 1.0}}}},
	"imports": {map[string]string{
		"Chart.yaml":           chartYAML + "dependencies:\n- name: db\n  version: 1.0.0\n  import-values: [data, {child: conn, parent: database.conn}]\n",
		"values.yaml":          "own: 1\ndatabase: {conn: {port: 1}}\n",
		"charts/db/Chart.yaml": "apiVersion: v2\nname: db\nversion: 1.0.0\n", "charts/db/values.yaml": "exports: {data: {own: 2, imported: 3}}\nconn: {port: 5, host: h}\n",
		"templates/a.yaml": "{{ toYaml .Values }}",
	}, nil},
	"requirements of old charts": {map[string]string{
		"Chart.yaml": "name: old\nversion: 0.1.0\n", "requirements.yaml": "dependencies:\n- {name: db, version: 1.0.0, condition: db.enabled}\n", "values.yaml": "db: {enabled: false}\n",
		"charts/db/Chart.yaml": "name: db\nversion: 1.0.0\n", "charts/db/templates/a.yaml": "x", "templates/b.yaml": `{{ .Files.Get "requirements.yaml" }}`,
	}, nil},
}

// TestRendersLikeHelm compares with Helm's own loader, values and engine.
func TestRendersLikeHelm(t *testing.T) {
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := render(c.files, c.values)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(original(t, c.files, c.values), got); diff != "" {
				t.Errorf("(-Helm +amend):\n%s", diff)
			}
		})
	}
}

// TestRendersWhatHelmCreates takes the chart that `helm create` writes.
func TestRendersWhatHelmCreates(t *testing.T) {
	dir, err := chartutil.Create("web", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	err = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			var data []byte
			data, err = os.ReadFile(p)
			m[strings.TrimPrefix(p, dir+"/")] = string(data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]any{"ingress": map[string]any{"enabled": true}, "autoscaling": map[string]any{"enabled": true}, "podAnnotations": map[string]any{"a": "b"}}
	got, err := render(m, values)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(original(t, m, values), got); diff != "" || len(got) < 6 {
		t.Errorf("%d manifests (-Helm +amend):\n%s", len(got), diff)
	}
}

// pack makes a .tgz as `helm package` does.
func pack(t *testing.T, dir string, m map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, data := range m {
		if err := w.WriteHeader(&tar.Header{Name: dir + "/" + name, Mode: 0o644, Size: int64(len(data)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPackedSubchart(t *testing.T) {
	m := map[string]string{
		"Chart.yaml": chartYAML, "templates/a.yaml": "root", "values.yaml": "db: {size: 2}\n",
		"charts/db-1.0.0.tgz": pack(t, "db", map[string]string{"Chart.yaml": "apiVersion: v2\nname: db\nversion: 1.0.0\n", "values.yaml": "size: 1\n", "templates/a.yaml": "size {{ .Values.size }}"}),
	}
	got, err := render(m, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(original(t, m, nil), got); diff != "" {
		t.Errorf("(-Helm +amend):\n%s", diff)
	}
}

// TestHostileChartsEndInRefusal: each of these would run for hours or take all
// memory in an engine without bounds.
func TestHostileChartsEndInRefusal(t *testing.T) {
	for name, text := range map[string]string{
		"loop in loop":          `{{ range until 100000 }}{{ range until 100000 }}x{{ end }}{{ end }}`,
		"loops without calls":   `{{ $l := until 2000 }}{{ range $l }}{{ range $l }}{{ range $l }}{{ end }}{{ end }}{{ end }}`,
		"range over a number":   `{{ range 2000000000 }}{{ end }}`,
		"output without end":    `{{ range 2000000000 }}a: b{{ end }}`,
		"many items":            `{{ until 2000000000 }}`,
		"steps":                 `{{ untilStep 0 2000000000 1 }}`,
		"seq":                   `{{ seq 1 2000000000 }}`,
		"repeat":                `{{ repeat 2000000000 "x" }}`,
		"doubling text":         `{{ $s := "x" }}{{ range until 40 }}{{ $s = print $s $s }}{{ end }}`,
		"doubling by printf":    `{{ $s := "x" }}{{ range until 40 }}{{ $s = printf "%s%s%s" $s $s $s }}{{ end }}`,
		"doubling list":         `{{ $s := list 1 }}{{ range until 40 }}{{ $s = concat $s $s }}{{ end }}`,
		"shared tables":         `{{ $d := dict "a" 1 }}{{ range until 40 }}{{ $d = dict "a" $d "b" $d }}{{ end }}{{ toJson $d }}`,
		"shared tables printed": `{{ $d := dict "a" 1 }}{{ range until 40 }}{{ $d = dict "a" $d "b" $d }}{{ end }}{{ $d }}`,
		"table in itself":       `{{ $d := dict }}{{ $_ := set $d "a" $d }}{{ $d }}`,
		"table in itself, YAML": `{{ $d := dict }}{{ $_ := set $d "a" $d }}{{ toYaml $d }}`,
		"include of itself":     `{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}`,
		"template of itself":    `{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}`,
		"tpl of itself":         `{{ $t := "{{ tpl .t . }}" }}{{ tpl $t (dict "t" $t) }}`,
		"fan of includes":       `{{ define "a" }}{{ if . }}{{ include "a" (sub . 1) }}{{ include "a" (sub . 1) }}{{ end }}{{ end }}{{ include "a" 60 }}`,
		"wide number":           `{{ printf "%999999d%999999d%999999d%999999d%999999d" 1 2 3 4 5 }}`,
		"width from argument":   `{{ printf "%*d" 1000000 1 }}`,
		"indent":                `{{ indent 100000000 "x" }}`,
		"replace":               `{{ $s := repeat 100000 "a" }}{{ replace "a" $s $s }}`,
		"regular expression":    `{{ $s := repeat 100000 "a" }}{{ regexReplaceAll "a" $s $s }}`,
		"join":                  `{{ join (repeat 100000 "x") (until 100000) }}`,
		"long output":           `{{ range until 100000 }}{{ repeat 1000 "x" }}{{ end }}`,
		"files again and again": `{{ range until 2000000 }}{{ if $.Files.AsConfig }}{{ end }}{{ end }}`,
		"the meter turned back": `{{ amendMeterLeave }}`,
		"random text":           `{{ randAlphaNum 2000000000 }}`,
		"size as text":          `{{ untilStep 0 (atoi "2000000000") 1 }}`,
		"fail":                  `{{ fail "no" }}`,
		"required":              `{{ required "need it" .Values.none }}`,
		"nil pointer":           `{{ .Values.a.b.c }}`,
		"no function":           `{{ env "HOME" }}`,
		"no template":           `{{ include "none" . }}`,
		"a panic":               `{{ index .Values.l 5 }}`,
		"deep":                  strings.Repeat("{{if 1}}", 100_000) + strings.Repeat("{{end}}", 100_000),
		"huge":                  strings.Repeat("x", 6<<20),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := render(map[string]string{"Chart.yaml": chartYAML, "templates/a.yaml": text, "big.txt": strings.Repeat("x\n", 1<<20)}, nil)
			if amend.ReasonOf(err) != amend.ReasonUnproven || len(err.Error()) > 500 {
				t.Errorf("error %.600v, want a short refusal", err)
			}
		})
	}
}

func TestBudgetIsShared(t *testing.T) {
	c, err := helm.Load(files(map[string]string{"Chart.yaml": chartYAML, "templates/a.yaml": "{{ range until 10000 }}{{ end }}"}))
	if err != nil {
		t.Fatal(err)
	}
	b := helm.NewBudget(steps)
	for i := range 100 {
		if _, err := c.Render(helm.Release{Name: "a"}, nil, b); err != nil {
			if i == 0 {
				t.Fatal(err)
			}
			return
		}
	}
	t.Error("a hundred renders cost no more than one")
}

func TestHostileArchivesEndInRefusal(t *testing.T) {
	bomb := pack(t, "db", map[string]string{"Chart.yaml": "apiVersion: v2\nname: db\nversion: 1.0.0\n", "big": strings.Repeat("\x00", 21<<20)})
	deep := map[string]string{"Chart.yaml": chartYAML}
	for range 12 {
		deep = map[string]string{"Chart.yaml": chartYAML, "charts/web.tgz": pack(t, "web", deep)}
	}
	for name, m := range map[string]map[string]string{
		"bomb": {"Chart.yaml": chartYAML, "charts/a.tgz": bomb}, "nested": deep, "no archive": {"Chart.yaml": chartYAML, "charts/a.tgz": "x"},
		"no chart": {"templates/a.yaml": "x"}, "no YAML": {"Chart.yaml": "{"}, "no name": {"Chart.yaml": "apiVersion: v2\n"}, "stray file": {"Chart.yaml": chartYAML, "charts/README.md": "x"},
	} {
		if _, err := helm.Load(files(m)); amend.ReasonOf(err) != amend.ReasonUnproven {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestChanceIsFixed: what is random is the same each time, says so, and
// differs for another seed.
func TestChanceIsFixed(t *testing.T) {
	for _, text := range []string{
		`{{ randAlphaNum 8 }}`, `{{ randNumeric 3 }}`, `{{ randBytes 4 }}`, `{{ uuidv4 }}`, `{{ now | date "2006-01-02" }}`, `{{ now | unixEpoch }}`, `{{ date "2006" .Values.none }}`,
		`{{ htmlDate "x" }}`, `{{ (genCA "a" 1).Cert }}`, `{{ $ca := genCA "a" 1 }}{{ (genSignedCert "a" nil nil 1 $ca).Key }}`, `{{ (genSelfSignedCert "a" nil nil 1).Key }}`,
		`{{ genPrivateKey "rsa" }}`, `{{ htpasswd "u" "p" }}`, `{{ bcrypt "p" }}`, `{{ derivePassword 1 "long" "p" "u" "s" }}`, `{{ encryptAES "k" "t" }}`, `{{ ago now }}`,
		`{{ durationRound now }}`, `{{ randInt 1 100 }}`, `{{ shuffle "abc" }}`,
	} {
		c, err := helm.Load(files(map[string]string{"Chart.yaml": chartYAML, "templates/a.yaml": text}))
		if err != nil {
			t.Fatal(err)
		}
		var got [3]string
		for i, seed := range []int{0, 0, 1} {
			r, err := c.Render(helm.Release{Name: "a", Seed: seed}, nil, helm.NewBudget(steps))
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if !r.Random {
				t.Errorf("%s is not called random", text)
			}
			got[i] = string(r.Manifests[0].Text)
		}
		if got[0] != got[1] || got[0] == got[2] || got[0] == "" {
			t.Errorf("%s gives %q", text, got)
		}
	}
}

func TestSchema(t *testing.T) {
	m := map[string]string{"Chart.yaml": chartYAML, "templates/a.yaml": "x", "values.schema.json": `{"properties": {"n": {"type": "integer", "maximum": 5}}}`}
	if _, err := render(m, map[string]any{"n": 3.0}); err != nil {
		t.Error(err)
	}
	if _, err := render(m, map[string]any{"n": 7.0}); amend.ReasonOf(err) != amend.ReasonUnproven {
		t.Errorf("a value that the schema forbids: %v", err)
	}
	for _, ref := range []string{"http://127.0.0.1:1/s.json", "file:///dev/zero", "other.json"} {
		m["values.schema.json"] = `{"$ref": "` + ref + `"}`
		if _, err := render(m, nil); amend.ReasonOf(err) != amend.ReasonRemote {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

func FuzzRender(f *testing.F) {
	f.Add("a: {{ .Values.a }}", "a: 1\n")
	f.Add(`{{ range $k, $v := .Values }}{{ $k }}{{ tpl $v $ }}{{ end }}`, "a: '{{ .Values.b }}'\n")
	f.Fuzz(func(t *testing.T, text, values string) {
		_, err := render(map[string]string{"Chart.yaml": chartYAML, "templates/a.yaml": text, "values.yaml": values}, nil)
		if k := amend.KindOf(err); k != "" && k != amend.Refused {
			t.Errorf("%q with %q: %v", text, values, err)
		}
	})
}

func TestReferences(t *testing.T) {
	got := helm.References(files(map[string]string{"templates/a.yaml": `{{ .Values.a.b }}{{ with .Values.image }}{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{ $p := .Values.pod }}{{ toYaml $p.annotations }}{{ index .Values "x" "y-z" }}{{ if (.Values.q | default dict).r }}{{ end }}{{ range .Values.list }}{{ .no }}{{ $.Values.root }}{{ end }}
{{ define "h" }}{{ .context.Values.c }}{{ include "x" (dict "v" .Values.d) }}{{ end }}`}))
	var text []string
	for _, path := range got {
		text = append(text, strings.Join(path, "."))
	}
	want := "a.b c d image image.tag list pod pod.annotations q q.r root x.y-z"
	if strings.Join(text, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(text, " "), want)
	}
}

func TestSet(t *testing.T) {
	values := map[string]any{"a": map[string]any{"b": "x"}}
	for _, p := range []struct {
		name, value string
		text        bool
	}{{"a.b", "1", false}, {"a.c", "1", true}, {"d", "x,y", false}, {"e", "{x,y}", false}, {"f[0].g", "true", false}, {`h\.i`, "null", false}} {
		if err := helm.Set(values, p.name, p.value, p.text); err != nil {
			t.Error(err)
		}
	}
	if err := helm.SetFile(values, "file", []byte("a,b=c\n")); err != nil {
		t.Error(err)
	}
	want := map[string]any{
		"a": map[string]any{"b": int64(1), "c": "1"}, "d": "x,y", "e": []any{"x", "y"}, "f": []any{map[string]any{"g": true}}, "file": "a,b=c\n", "h.i": nil,
	}
	if diff := cmp.Diff(want, values); diff != "" {
		t.Error(diff)
	}
}

func TestIgnored(t *testing.T) {
	ignored, err := helm.Ignored([]byte("# comment\n*.bak\nold/\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"a.bak": true, "d/a.bak": true, "a.yaml": false, "templates/.x": true} {
		if ignored(name, false) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
	if !ignored("old", true) || ignored("old", false) {
		t.Error("old/ is a folder")
	}
}
