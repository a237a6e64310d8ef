package locate_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/locate"
	"github.com/amendhq/amend/internal/tree"
)

// TestChangesOfUnhashedTreesAreSeen proves that keeping what a tree without
// hashes has led to hides no change of it, in files that are scanned and in
// those that are not.
func TestChangesOfUnhashedTreesAreSeen(t *testing.T) {
	files := fstest.MapFS{}
	put := func(name, data string) { files[name] = &fstest.MapFile{Data: []byte(data), Mode: 0o644} }
	put("k/kustomization.yaml", "namespace: shop\nresources: [web.yaml]\nconfigMapGenerator:\n  - name: settings\n    files: [app.properties]\n")
	put("k/web.yaml", web)
	put("k/app.properties", "a=1\n")
	l := locate.New()
	settings := locate.Query{
		Object: amend.ObjectRef{Kind: "ConfigMap", Namespace: "shop", Name: "settings"}, Field: amend.Field("data", "app.properties"),
	}
	value := func(q locate.Query) string {
		o, err := l.Deployed(files, q)
		if err != nil {
			t.Fatal(err)
		}
		v, _ := o.Value(q.Field)
		return v.Text
	}
	for _, want := range []string{"a=1\n", "a=22\n"} {
		put("k/app.properties", want)
		if got := value(settings); got != want {
			t.Errorf("the generated text is %q, want %q", got, want)
		}
	}
	for _, want := range []string{"4", "5"} {
		put("k/web.yaml", strings.Replace(web, "replicas: 2", "replicas: "+want, 1))
		if got := value(webReplicas); got != want {
			t.Errorf("%s replicas, want %s", got, want)
		}
	}
}

// TestFolderWithUnscannedFiles asks for what a template renders that the index
// does not look into.
func TestFolderWithUnscannedFiles(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{
		"Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n", "values.yaml": "count: 2\n",
		"templates/_helpers.tpl": `{{ define "name" }}web{{ end }}`,
		"templates/web.yaml":     strings.NewReplacer("name: web", `name: {{ template "name" }}`, "replicas: 2", "replicas: {{ .Values.count }}").Replace(web),
	} {
		write(t, filepath.Join(dir, filepath.FromSlash(name)), data)
	}
	files, err := tree.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	q := webReplicas
	q.Root = "."
	if site, err := locate.New().Locate(files, q); err != nil || site.Path.String() != "values.yaml" || site.Line != 1 {
		t.Errorf("%s:%d and %v, want values.yaml:1", site.Path, site.Line, err)
	}
}

func write(t *testing.T, name, data string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestFolderIsReadOnce takes the files away after the first answer.
func TestFolderIsReadOnce(t *testing.T) {
	dir := t.TempDir()
	for name, data := range overlayTarget {
		write(t, filepath.Join(dir, filepath.FromSlash(name)), data)
	}
	files, err := tree.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	l := locate.New()
	want, err := l.Locate(files, webReplicas)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "web")); err != nil {
		t.Fatal(err)
	}
	got, err := l.Locate(tree.Overlay(files, nil), webReplicas)
	if err != nil || got.Path != want.Path || got.Line != want.Line {
		t.Errorf("%s:%d and %v, was %s:%d", got.Path, got.Line, err, want.Path, want.Line)
	}
}

// TestApplicationsOfOneFolderAreToldApart asks for two live Applications that
// differ in the file that overrides the source of one of them.
func TestApplicationsOfOneFolderAreToldApart(t *testing.T) {
	files := repo(map[string]string{
		"web/kustomization.yaml": "resources: [web.yaml]\n", "web/web.yaml": web,
		"web/.argocd-source-one.yaml": "kustomize: {replicas: [{name: web, count: 5}]}\n",
	})
	l := locate.New()
	for _, c := range []struct{ application, file, current string }{
		{"one", "web/.argocd-source-one.yaml", "5"}, {"two", "web/web.yaml", "2"}, {"one", "web/.argocd-source-one.yaml", "5"},
	} {
		q := webReplicas
		q.Live = []byte("apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: " + c.application + "}\n" +
			"spec:\n  source: {repoURL: https://git.example.com/env.git, path: web}\n  destination: {namespace: shop}\n")
		site, err := l.Locate(files, q)
		if err != nil || site.Path.String() != c.file || site.Current != c.current {
			t.Errorf("%s: %s holds %s, %v", c.application, site.Path, site.Current, err)
		}
	}
}

// TestReleasesOfOneChartAreToldApart asks for an object of a chart that no
// Application deploys in two namespaces.
func TestReleasesOfOneChartAreToldApart(t *testing.T) {
	files := repo(map[string]string{
		"web/Chart.yaml":         "apiVersion: v2\nname: web\nversion: 1.0.0\n",
		"web/values.yaml":        "count: 2\n",
		"web/templates/web.yaml": strings.NewReplacer("shop", "{{ .Release.Namespace }}", "replicas: 2", "replicas: {{ .Values.count }}").Replace(web),
	})
	l := locate.New()
	for _, namespace := range []string{"shop", "dev"} {
		q := webReplicas
		q.Root, q.Object.Namespace = "web", namespace
		if site, err := l.Locate(files, q); err != nil || site.Path.String() != "web/values.yaml" {
			t.Errorf("in %s: %s, %v", namespace, site.Path, err)
		}
	}
}
