package audit_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/audit"
	"github.com/amendhq/amend/internal/message"
)

// Files that are no YAML: programs, and text that becomes a value.
func TestPrograms(t *testing.T) {
	const program = "local name = 'web';\n{\n  spec: { replicas: 1 },\n  data: |||\n    image: latest\n  |||,\n}\n"
	for name, c := range map[string]struct {
		file, before, old, now string
		line                   int
		want                   string
	}{
		"a value":          {"a.jsonnet", program, "replicas: 1", "replicas: 2", 3, ""},
		"a text":           {"a.libsonnet", program, "'web'", "'api'", 1, ""},
		"a block":          {"a.jsonnet", program, "latest", "stable", 5, ""},
		"a field more":     {"a.jsonnet", program, "replicas: 1 }", "replicas: 1, metadata: { annotations: { a: 'b' } } }", 3, ""},
		"an import":        {"a.jsonnet", program, "replicas: 1", "replicas: import 'x'", 3, "adds logic"},
		"a call":           {"a.jsonnet", program, "replicas: 1", "replicas: std.length('x')", 3, "adds logic"},
		"a command":        {"a.jsonnet", program, "replicas: 1", "replicas: 1, command: ['x']", 3, "adds logic, or a field"},
		"a field less":     {"a.jsonnet", program, "{ replicas: 1 }", "{}", 3, "takes away"},
		"a line less":      {"a.jsonnet", program, "local name = 'web';\n", "", 1, "takes away"},
		"many lines":       {"a.jsonnet", program, "{ replicas", "{\n" + strings.Repeat("a: 1,\n", 20) + "replicas", 3, "more of the program"},
		"a setting":        {"web.env", "A=1\nB=2\n", "B=2", "B=3", 2, ""},
		"what is no text":  {"web.env", "A=1\n", "A=1", "A=\x00", 1, "no text"},
		"a script in pass": {"run.sh", "echo 1\n", "1", "2", 0, "not what it is about"},
	} {
		t.Run(name, func(t *testing.T) {
			r := base(t)
			r.commit(draft{message: "program", files: map[string]string{c.file: c.before}})
			d := scale("web", 1, 2)
			if tr := trailersOf("web", 1); c.line > 0 {
				tr.Path, _ = amend.ParseRepoPath(c.file)
				tr.Line = c.line
				d = draft{message: text(tr), files: map[string]string{}}
			}
			d.files[c.file] = strings.Replace(c.before, c.old, c.now, 1)
			sha := r.commit(d)
			r.record()
			report := r.audit(audit.Options{})
			if c.want == "" {
				if !report.Holds() {
					t.Errorf("%+v", report.Violations)
				}
				return
			}
			said := slices.ContainsFunc(report.Violations, func(v audit.Violation) bool { return strings.Contains(v.Found, c.want) && v.Commit == sha })
			if !said {
				t.Errorf("nothing says %q: %+v", c.want, report.Violations)
			}
		})
	}
}

// The keys of a ConfigMap are names and no fields, unless they hold manifests.
func TestKeysOfAConfigMap(t *testing.T) {
	const file = "apps/settings.yaml"
	const settings = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\ndata:\n  rules: strict\n  run.args: -v\n  pod.yaml: |\n    command: sh\n"
	w := amend.ObjectRef{Kind: "ConfigMap", Namespace: "shop", Name: "settings"}
	for old, c := range map[string]struct {
		line int
		want string
	}{"strict": {5, ""}, "-v": {6, ""}, "sh": {8, "command"}} {
		r := base(t)
		r.commit(draft{message: "settings", files: map[string]string{file: settings}})
		tr := message.Trailers{Incident: amend.IncidentID("search", w), Episode: 1, Action: "set-config-value", Playbook: "search", Alert: "0123.firing", Workload: w, Line: c.line}
		tr.Path, _ = amend.ParseRepoPath(file)
		now := strings.Replace(settings, old+"\n", "other\n", 1)
		sha := r.commit(draft{message: text(tr), files: map[string]string{file: now}})
		r.record()
		report := r.audit(audit.Options{})
		if c.want == "" {
			if !report.Holds() {
				t.Errorf("%s: %+v", old, report.Violations)
			}
			continue
		}
		want(t, report, audit.Bounded, sha, c.want)
	}
}

func TestTemplates(t *testing.T) {
	const chart = "charts/web/templates/deployment.yaml"
	const template = "{{- if .Values.on }}\nreplicas: {{ .Values.n | default 3 }}\nfixed: 1\n{{- end }}\n"
	for now, wrong := range map[string]string{
		strings.Replace(template, "fixed: 1", "fixed: 2", 1):      "",
		strings.Replace(template, "default 3", "default 4", 1):    "",
		strings.Replace(template, "fixed: 1", "command: x", 1):    "a field that no change may set",
		strings.Replace(template, ".Values.n ", ".Values.m ", 1):  "logic of the template",
		strings.Replace(template, "if .Values.on", "if true", 1):  "logic of the template",
		strings.Replace(template, "fixed: 1", "{{ .Files }}", 1):  "logic of the template",
		strings.Replace(template, "default 3", "default .x", 1):   "logic of the template",
		strings.Replace(template, "fixed: 1", "fixed: 1 {{", 1):   "logic of the template",
		strings.Replace(template, "fixed: 1\n", "a: {{ .b }}", 1): "logic of the template",
	} {
		r := base(t)
		r.commit(draft{message: "chart", files: map[string]string{chart: template}})
		tr := trailersOf("web", 1)
		tr.Path, _ = amend.ParseRepoPath(chart)
		tr.Line = 3
		if strings.Contains(now, "default 4") || strings.Contains(now, ".Values.m") || strings.Contains(now, "default .x") {
			tr.Line = 2
		} else if strings.Contains(now, "if true") {
			tr.Line = 1
		}
		sha := r.commit(draft{message: text(tr), files: map[string]string{chart: now}})
		r.record()
		report := r.audit(audit.Options{})
		if wrong == "" {
			if !report.Holds() {
				t.Errorf("%s: %+v", now, report.Violations)
			}
			continue
		}
		want(t, report, audit.Bounded, sha, wrong)
	}
}

// A change may add a patch for its workload, and for no other object.
func TestPatches(t *testing.T) {
	const overlay = "prod/kustomization.yaml"
	const none = "resources: [../apps]\n"
	const patch = none + `patches:
  - patch: |-
      apiVersion: apps/v1
      kind: Deployment
      metadata:
        name: web
        namespace: shop
      spec:
        replicas: 2
`
	const targeted = none + `patches:
  - target: {group: apps, version: v1, kind: Deployment, name: web, namespace: shop}
    patch: |-
      - op: replace
        path: /spec/replicas
        value: 2
`
	replaced := func(old, now string) string { return strings.Replace(patch, old, now, 1) }
	for name, c := range map[string]struct {
		before, after string
		line          int
		want          string
	}{
		"of the workload":           {none, patch, 2, ""},
		"of its name in the base":   {none, replaced("name: web", "name: we"), 2, ""},
		"of another one":            {none, replaced("name: web", "name: api"), 2, "metadata.name"},
		"of another kind":           {none, replaced("Deployment", "ClusterRole"), 2, "|kind"},
		"of another namespace":      {none, replaced("shop", "kube-system"), 2, "metadata.namespace"},
		"of a forbidden field":      {none, replaced("replicas: 2", "template: {spec: {hostNetwork: true}}"), 2, "hostNetwork"},
		"by a target":               {none, targeted, 2, ""},
		"by a target of all":        {none, strings.Replace(targeted, "name: web", "name: .*", 1), 2, "target.name"},
		"by a target of a kind":     {none, strings.Replace(targeted, "Deployment", "Secret", 1), 2, "target.kind"},
		"by a pointer to a command": {none, strings.Replace(targeted, "/spec/replicas", "/spec/template/spec/containers/0/command", 1), 2, "path"},
		"of another value":          {replaced("replicas: 2", "replicas: 1"), patch, 10, ""},
		"that was another object's": {replaced("name: web", "name: wa"), patch, 7, "metadata.name"},
		"and another apiVersion":    {replaced("apps/v1", "apps/v2"), patch, 4, "apiVersion"},
	} {
		t.Run(name, func(t *testing.T) {
			r := base(t)
			r.commit(draft{message: "overlay", files: map[string]string{overlay: c.before}})
			tr := trailersOf("web", 1)
			tr.Path, _ = amend.ParseRepoPath(overlay)
			tr.Line = c.line
			sha := r.commit(draft{message: text(tr), files: map[string]string{overlay: c.after}})
			r.record()
			report := r.audit(audit.Options{})
			if c.want == "" {
				if !report.Holds() {
					t.Errorf("%+v", report.Violations)
				}
				return
			}
			want(t, report, audit.Bounded, sha, c.want)
		})
	}
}
