package appset_test

import (
	"encoding/json"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/appset"
)

// repo is an env repo in memory.
type repo map[string]string

func (r repo) Files() []string {
	var names []string
	for name := range r {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (r repo) Folders() []string {
	var dirs []string
	for _, name := range r.Files() {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
		}
	}
	slices.Sort(dirs)
	return dirs
}

func (r repo) Read(name string) ([]byte, error) {
	if text, ok := r[name]; ok {
		return []byte(text), nil
	}
	return nil, fs.ErrNotExist
}

var env = repo{
	"apps/web/kustomization.yaml":  "",
	"apps/web/base/x.yaml":         "",
	"apps/api/kustomization.yaml":  "",
	"apps/Old_1/x.yaml":            "",
	"apps/.hidden/x.yaml":          "",
	"clusters/eu/a/config.yaml":    "name: eu\nsize: {nodes: 3}\ntags: [v, w]\n",
	"clusters/us/config.yaml":      "- {name: us1}\n- {name: us2}\n",
	"clusters/empty/config.yaml":   "[]\n",
	"clusters/broken/other.yaml":   "a: [",
	"clusters/eu/a/config.yaml.md": "",
}

// lines generates and joins the texts of each Application's spec.
func lines(t *testing.T, set string) ([]string, error) {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(set))
	if err != nil {
		t.Fatal(err)
	}
	apps, err := appset.Generate(data, env)
	var got []string
	for _, a := range apps {
		text, _ := a["spec"].(string)
		got = append(got, text)
	}
	return got, err
}

func TestGenerate(t *testing.T) {
	for name, c := range map[string]struct {
		set  string
		want []string
	}{
		"list": {`
generators: [{list: {elements: [{a: x, values: {b: w}}, {a: z}]}}]
template: {spec: '{{a}} {{ values.b }} {{c}} {{'}`, []string{"x w {{c}} {{", "z {{ values.b }} {{c}} {{"}},
		"elements as YAML": {`
generators: [{list: {elementsYaml: '[{a: x}]'}}]
template: {spec: '{{a}}'}`, []string{"x"}},
		"list with Go templates": {`
goTemplate: true
generators: [{list: {elements: [{a: {b: 3}, l: [p, q]}]}}]
template: {spec: '{{.a.b}} {{index .l 1 | upper}} {{.none}} {{if eq .a.b 3.0}}three{{else}}no{{end}}'}`, []string{"3 Q <no value> three"}},
		"folders": {`
generators: [{git: {directories: [{path: 'apps/*'}, {path: apps/api, exclude: true}], values: {v: 'of {{path.basename}}'}}}]
template: {spec: '{{path}} {{path.basename}} {{path.basenameNormalized}} {{path[0]}} {{values.v}}'}`,
			[]string{"apps/Old_1 Old_1 old-1 apps of Old_1", "apps/web web web apps of web"}},
		"folders with Go templates": {`
goTemplate: true
generators: [{git: {directories: [{path: 'apps/web*'}], pathParamPrefix: p, values: {v: '{{.p.path.path}}'}}}]
template: {spec: '{{.p.path.basename}} {{index .p.path.segments 0}} {{.values.v}}'}`, []string{"web apps apps/web"}},
		"files": {`
generators: [{git: {files: [{path: 'clusters/**/config.yaml'}]}}]
template: {spec: '{{name}} {{size.nodes}} {{tags.1}} {{path}} {{path.filename}} {{path[1]}}'}`, []string{
			"{{name}} {{size.nodes}} {{tags.1}} clusters/empty config.yaml empty",
			"eu 3 w clusters/eu/a config.yaml eu",
			"us1 {{size.nodes}} {{tags.1}} clusters/us config.yaml us",
			"us2 {{size.nodes}} {{tags.1}} clusters/us config.yaml us",
		}},
		"files in one folder": {`
goTemplate: true
generators: [{git: {files: [{path: 'clusters/*/config.yaml'}, {path: 'clusters/empty/*', exclude: true}]}}]
template: {spec: '{{.name}} {{.path.filenameNormalized}}'}`, []string{"us1 config.yaml", "us2 config.yaml"}},
		"matrix whose second generator reads the first": {`
generators: [{matrix: {generators: [{list: {elements: [{dir: web}, {dir: none}]}}, {git: {directories: [{path: 'apps/{{dir}}'}]}}]}}]
template: {spec: '{{dir}} {{path}}'}`, []string{"web apps/web"}},
		"selector": {`
generators:
  - list: {elements: [{a: v, e: prod}, {a: w, e: prod}, {a: u, e: dev}, {a: t, e: prod, gone: "1"}]}
    selector:
      matchLabels: {e: prod}
      matchExpressions: [{key: gone, operator: DoesNotExist}, {key: a, operator: NotIn, values: [w]}, {key: e, operator: In, values: [prod]}, {key: a, operator: Exists}]
template: {spec: '{{a}}'}`, []string{"v"}},
		"merge": {`
goTemplate: true
generators: [{merge: {mergeKeys: [k], generators: [{list: {elements: [{k: a, v: {p: 1, m: 2}}, {k: b, v: {p: 1}}]}}, {list: {elements: [{k: a, v: {p: 5}}, {k: c}]}}]}}]
template: {spec: '{{.k}} {{.v}}'}`, []string{"a map[m:2 p:5]", "b map[p:1]"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := lines(t, c.set)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		set    string
		reason amend.Reason
		says   string
	}{
		"clusters":                      {"generators: [{clusters: {}}]", amend.ReasonUnsupported, "clusters"},
		"inside matrix":                 {"generators: [{matrix: {generators: [{list: {elements: [{a: b}]}}, {scmProvider: {github: {}}}]}}]", amend.ReasonUnsupported, "scmProvider"},
		"pull requests":                 {"generators: [{pullRequest: {github: {}}}]", amend.ReasonUnsupported, "pullRequest"},
		"inner selector":                {"generators: [{matrix: {generators: [{list: {elements: []}, selector: {matchLabels: {a: b}}}, {list: {elements: []}}]}}]", amend.ReasonUnsupported, "selector"},
		"operator":                      {"generators: [{list: {elements: [{a: b}]}, selector: {matchExpressions: [{key: a, operator: Like}]}}]", amend.ReasonUnproven, "Like"},
		"own template":                  {"generators: [{list: {elements: [], template: {metadata: {name: x}}}}]", amend.ReasonUnsupported, "template of its own"},
		"template patch that directs":   {"generators: [{list: {elements: [{a: b}]}}]\ntemplate: {}\ntemplatePatch: '{spec: {$patch: replace}}'", amend.ReasonUnsupported, "templatePatch"},
		"template patch that is broken": {"generators: [{list: {elements: [{a: b}]}}]\ntemplate: {}\ntemplatePatch: 'spec: {'", amend.ReasonUnproven, "templatePatch"},
		"range":                         {"goTemplate: true\ngenerators: [{list: {elements: [{a: b}]}}]\ntemplate: {spec: '{{range 1000000000}}x{{end}}'}", amend.ReasonUnsupported, "range"},
		"range in if":                   {"goTemplate: true\ngenerators: [{list: {elements: [{a: b}]}}]\ntemplate: {spec: '{{if .a}}{{range 1000000000}}x{{end}}{{end}}'}", amend.ReasonUnsupported, "range"},
		"environment":                   {"goTemplate: true\ngenerators: [{list: {elements: [{a: b}]}}]\ntemplate: {spec: '{{env \"HOME\"}}'}", amend.ReasonUnproven, "env"},
		"wide indent":                   {"goTemplate: true\ngenerators: [{list: {elements: [{a: b}]}}]\ntemplate: {spec: '{{nindent 1000000000 .a}}'}", amend.ReasonUnproven, "indents"},
		"missing key":                   {"goTemplate: true\ngoTemplateOptions: [missingkey=error]\ngenerators: [{list: {elements: [{a: b}]}}]\ntemplate: {spec: '{{.b}}'}", amend.ReasonUnproven, "b"},
		"number":                        {"generators: [{list: {elements: [{a: 1}]}}]\ntemplate: {spec: x}", amend.ReasonUnproven, "goTemplate"},
		"broken file":                   {"generators: [{git: {files: [{path: clusters/broken/*}]}}]\ntemplate: {spec: x}", amend.ReasonUnproven, "clusters/broken/other.yaml"},
		"disagreeing":                   {"generators: [{matrix: {generators: [{list: {elements: [{a: b}]}}, {list: {elements: [{a: c}]}}]}}]\ntemplate: {spec: x}", amend.ReasonUnproven, "different"},
		"same merge key":                {"generators: [{merge: {mergeKeys: [a], generators: [{list: {elements: [{a: b}, {a: b}]}}, {list: {elements: []}}]}}]", amend.ReasonUnproven, "same keys"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := lines(t, c.set)
			if amend.ReasonOf(err) != c.reason || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %s and %q", err, c.reason, c.says)
			}
		})
	}
}

func TestTemplatePatch(t *testing.T) {
	set := `
goTemplate: true
generators: [{list: {elements: [{env: prod}, {env: dev}]}}]
template:
  metadata: {name: 'web-{{.env}}', finalizers: [a]}
  spec: {source: {path: web, targetRevision: main}, info: [{name: x}]}
templatePatch: |
  {{- if eq .env "prod" }}
  metadata: {finalizers: [a, b]}
  spec:
    source: {targetRevision: null, helm: {releaseName: '{{ .env }}'}}
    info: [{name: z}]
  {{- end }}`
	plain, err := yaml.YAMLToJSON([]byte(set))
	if err != nil {
		t.Fatal(err)
	}
	apps, err := appset.Generate(plain, env)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(apps)
	want := `[{"metadata":{"finalizers":["a","b"],"name":"web-prod"},"spec":{"info":[{"name":"z"}],"source":{"helm":{"releaseName":"prod"},"path":"web"}}},` +
		`{"metadata":{"finalizers":["a"],"name":"web-dev"},"spec":{"info":[{"name":"x"}],"source":{"path":"web","targetRevision":"main"}}}]`
	if diff := cmp.Diff(want, string(got)); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestMatricesAreBounded(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat("{a: b}, ", 300), ", ")
	other := strings.ReplaceAll(many, "a", "c")
	_, err := lines(t, "generators: [{matrix: {generators: [{list: {elements: ["+many+"]}}, {list: {elements: ["+other+"]}}]}}]\ntemplate: {spec: x}")
	if amend.ReasonOf(err) != amend.ReasonUnproven {
		t.Errorf("90,000 Applications: %v", err)
	}
}

func TestApplicationsAreBoundedTogether(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat("{a: b}, ", 3000), ", ")
	_, err := lines(t, "generators: [{list: {elements: ["+many+"]}}]\ntemplate: {spec: '{{a}}"+strings.Repeat("x", 20_000)+"'}")
	if amend.ReasonOf(err) != amend.ReasonUnproven || !strings.Contains(err.Error(), "too large") {
		t.Errorf("60 MB of Applications: %v", err)
	}
}

// FuzzGenerate: no spec makes it panic, and what it generates can be written.
func FuzzGenerate(f *testing.F) {
	f.Add(`{"goTemplate":true,"generators":[{"list":{"elements":[{"a":"b"}]}}],"template":{"spec":"{{.a}}"}}`)
	f.Add(`{"generators":[{"git":{"files":[{"path":"clusters/**/*.yaml"}]}},{"matrix":{}}],"template":{"{{a}}":[1,null]}}`)
	f.Fuzz(func(t *testing.T, data string) {
		apps, err := appset.Generate([]byte(data), env)
		if err != nil {
			if amend.ReasonOf(err) == "" && amend.KindOf(err) != amend.Internal {
				t.Errorf("an error without a reason: %v", err)
			}
			return
		}
		if _, err := json.Marshal(apps); err != nil {
			t.Errorf("%v", err)
		}
	})
}
