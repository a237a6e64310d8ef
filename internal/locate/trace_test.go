package locate_test

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/locate"
)

// traced is an env repo with one Application of each kind, of which an
// ApplicationSet makes one.
var traced = map[string]string{
	"argo/web.yaml": `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web, namespace: argocd}
spec:
  source: {repoURL: https://git.example.com/env.git, path: web/prod, targetRevision: v1}
  destination: {namespace: shop}
`,
	"argo/svc.yaml": `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: svc, namespace: argocd}
spec:
  source: {repoURL: https://git.example.com/env.git, path: chart, helm: {valueFiles: [../values/svc.yaml]}}
  destination: {namespace: shop}
`,
	"sets/tools.yaml": `apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: tools, namespace: argocd}
spec:
  generators:
    - git: {repoURL: https://git.example.com/env.git, files: [{path: "sets/params/*.yaml"}]}
  template:
    metadata: {name: '{{tool}}'}
    spec:
      source: {repoURL: https://git.example.com/env.git, path: 'tools/{{tool}}'}
      destination: {namespace: shop}
`,
	"sets/params/tidy.yaml":         "tool: tidy\n",
	"tools/tidy/tidy.yaml":          twoReplicas("tidy"),
	"web/prod/kustomization.yaml":   "resources: [../base]\nconfigMapGenerator: [{name: settings, envs: [settings.env]}]\n",
	"web/prod/settings.env":         "A=1\n",
	"web/base/kustomization.yaml":   "resources: [web.yaml]\n",
	"web/base/web.yaml":             twoReplicas("web"),
	"web/base/unused.yaml":          twoReplicas("unused"),
	"chart/Chart.yaml":              "apiVersion: v2\nname: svc\nversion: 0.1.0\n",
	"chart/values.yaml":             "tag: 1\n",
	"chart/templates/manifest.yaml": twoReplicas("svc"),
	"values/svc.yaml":               "tag: 2\n",
	"values/other.yaml":             "tag: 3\n",
}

func twoReplicas(name string) string {
	return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + "}\nspec:\n  replicas: 2\n"
}

func TestTraceReads(t *testing.T) {
	files := fstest.MapFS{}
	for name, data := range traced {
		files[name] = &fstest.MapFile{Data: []byte(data)}
	}
	for _, c := range []struct {
		name, revision string
		reads, ignores []string
	}{
		{"web", "v1", []string{
			"argo/web.yaml", "web/prod/kustomization.yaml", "web/prod/settings.env", "web/base/web.yaml", "web/base/kustomization.yaml",
			"web/prod/Chart.yaml", "web/prod/.argocd-source-web.yaml", // would be read if they were there
		}, []string{"web/base/unused.yaml", "web/prod/README.md", "argo/svc.yaml", "values/svc.yaml", "sets/tools.yaml", "tools/tidy/tidy.yaml"}},
		{"svc", "", []string{
			"argo/svc.yaml", "chart/Chart.yaml", "chart/templates/manifest.yaml", "chart/templates/new.yaml", "values/svc.yaml",
		}, []string{"argo/web.yaml", "values/other.yaml", "web/base/web.yaml"}},
		{"tidy", "", []string{"sets/tools.yaml", "sets/params/tidy.yaml", "tools/tidy/tidy.yaml"}, []string{"argo/web.yaml", "web/base/web.yaml", "values/svc.yaml"}},
	} {
		trace, err := locate.New().Trace(files, locate.Query{Object: amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: c.name}})
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range c.reads {
			if !trace.Reads(file) {
				t.Errorf("%s: a change to %s is said not to matter", c.name, file)
			}
		}
		for _, file := range c.ignores {
			if trace.Reads(file) {
				t.Errorf("%s: a change to %s is said to matter", c.name, file)
			}
		}
		if diff := cmp.Diff([]string{c.name}, trace.Applications()); diff != "" || trace.Revision() != c.revision {
			t.Errorf("%s: follows %q\n%s", c.name, trace.Revision(), diff)
		}
	}
}

func TestTraceBeside(t *testing.T) {
	files := fstest.MapFS{}
	for name, data := range traced {
		files[name] = &fstest.MapFile{Data: []byte(data)}
	}
	trace, err := locate.New().Trace(files, locate.Query{Object: amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}})
	if err != nil {
		t.Fatal(err)
	}
	config, ok := trace.Beside(amend.ObjectRef{Kind: "ConfigMap", Namespace: "shop", Name: "settings"})
	if !ok || config.StableName() != "settings" || config.Ref().Name == "settings" {
		t.Fatalf("the generated ConfigMap is %v, %v", config, ok)
	}
	if _, ok := trace.Beside(amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "svc"}); ok {
		t.Error("an object of another source was found")
	}
	if data, err := trace.Object().Document(); err != nil || string(data) != `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"replicas":2}}` {
		t.Errorf("the document is %s, %v", data, err)
	}
	files["argo/web.yaml"].Data = append(files["argo/web.yaml"].Data, "  # a comment\n"...)
	same, err := locate.New().Trace(files, locate.Query{Object: amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}})
	if err != nil || same.Settings() != trace.Settings() {
		t.Errorf("a comment changes the settings, %v", err)
	}
	other, err := locate.New().Trace(files, locate.Query{Object: amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "svc"}})
	if err != nil || other.Settings() == trace.Settings() {
		t.Errorf("two Applications have the same settings, %v", err)
	}
}
