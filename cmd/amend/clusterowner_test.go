package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend/internal/cli"
)

// clusterRepo is an env repo with two Applications in plain files, one of which
// deploys the other's manifest.
var clusterRepo = map[string]string{
	"root/web.yaml": `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web, namespace: argocd}
spec:
  source:
    repoURL: https://git.example.com/env.git
    path: web
    kustomize:
      images:
        - app=registry.example.com/app:1.1
  destination: {namespace: shop}
`,
	"web/kustomization.yaml": "resources: [web.yaml]\n",
	"web/web.yaml": `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  template:
    spec:
      containers:
        - name: app
          image: app
`,
}

// clusterAPI answers reads of the Kubernetes API by path. The image is the one
// that the live Application sets.
func clusterAPI(image string) map[string]string {
	app := func(name, path, kustomize, resources string) string {
		return fmt.Sprintf(`{"metadata":{"namespace":"argocd","name":%q},"spec":{"source":{"repoURL":"https://git.example.com/env.git","path":%q,"kustomize":%s},
			"destination":{"namespace":"shop"}},"status":{"resources":[%s]}}`, name, path, kustomize, resources)
	}
	owned := func(kind, name string) string {
		return fmt.Sprintf(`{"metadata":{"namespace":"shop","name":"x","ownerReferences":[{"apiVersion":"apps/v1","kind":%q,"name":%q,"controller":true}]}}`, kind, name)
	}
	return map[string]string{
		"/apis/argoproj.io/v1alpha1/namespaces/argocd/applications": `{"items":[` +
			app("root", "root", "null", `{"group":"argoproj.io","kind":"Application","namespace":"argocd","name":"web"}`) + "," +
			app("web", "web", `{"images":["app=registry.example.com/app:`+image+`"]}`, `{"group":"apps","kind":"Deployment","namespace":"shop","name":"web"}`) + `]}`,
		"/apis/apps":                            `{"preferredVersion":{"version":"v1"}}`,
		"/apis/apps/v1":                         `{"resources":[{"name":"replicasets","kind":"ReplicaSet","namespaced":true}]}`,
		"/api/v1":                               `{"resources":[{"name":"pods","kind":"Pod","namespaced":true}]}`,
		"/api/v1/namespaces/shop/pods/web-5d-x": owned("ReplicaSet", "web-5d"),
		"/apis/apps/v1/namespaces/shop/replicasets/web-5d":     owned("Deployment", "web"),
		"/apis/apps/v1/namespaces/shop/replicasets/unmanaged":  `{"metadata":{}}`,
		"/apis/argoproj.io/v1alpha1/namespaces/a/applications": `{"items":[]}`,
	}
}

// startCluster serves the answers and returns a kubeconfig for them.
func startCluster(t *testing.T, answers map[string]string) string {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[r.URL.Path]
		if !ok {
			deny(w, http.StatusForbidden, "Forbidden")
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, body)
	}))
	t.Cleanup(web.Close)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c","contexts":[{"name":"c","context":{"cluster":"c"}}],"clusters":[{"name":"c","cluster":{"server":%q}}]}`, web.URL)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLocateAsksTheCluster: what is there is enough to find the line of a Pod's
// image, two Applications up.
func TestLocateAsksTheCluster(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, clusterRepo)
	asIs, overridden := startCluster(t, clusterAPI("1.1")), startCluster(t, clusterAPI("9.9"))
	const image = "spec.containers[name=app].image"
	for _, c := range []struct {
		name, kubeconfig string
		args             []string
		code             int
		want             string
	}{
		{"a Pod", asIs, []string{"locate", "--resource", "Pod/shop/web-5d-x", "--field", image}, cli.ExitOK,
			`Pod/shop/web-5d-x is controlled by spec.template.spec.containers[name=app].image of apps/Deployment/shop/web
apps/Deployment/shop/web is controlled by spec.source.kustomize.images[index=0] of argoproj.io/Application/argocd/web
is set at root/web.yaml:10, by the manifest (Kustomize)
current value: registry.example.com/app:1.1

     8      kustomize:
     9        images:
>   10          - app=registry.example.com/app:1.1
    11    destination: {namespace: shop}
`},
		{"a value that is live only", overridden, []string{"locate", "--resource", "Deployment/shop/web", "--field", "spec.template." + image}, cli.ExitRefused,
			"refused: not-in-repo: the value is set in the live argoproj.io/Application/argocd/web only, not in its manifest\n"},
		{"an edit", asIs, []string{"edit", "--resource", "ReplicaSet/shop/web-5d", "--field", "spec.replicas", "--set", "3", "-o", "json"}, cli.ExitOK, "+  replicas: 3"},
		{"a name that another has", asIs, []string{"locate", "--application", "root", "--resource", "Deployment/shop/web", "--field", "spec.replicas"}, cli.ExitRefused,
			"refused: not-in-repo: no Application root declares Deployment/shop/web; it is one of argocd/web\n"},
		{"other Applications", asIs, []string{"locate", "--argocd-namespace", "a", "--resource", "Deployment/shop/web", "--field", "spec.replicas"}, cli.ExitRefused,
			"refused: not-in-repo: no Application of the cluster declares Deployment/shop/web\n"},
		{"no permission", asIs, []string{"locate", "--argocd-namespace", "b", "--resource", "Deployment/shop/web", "--field", "spec.replicas"}, cli.ExitRefused, "grant what its answer names"},
		{"no such context", asIs, []string{"locate", "--context", "d", "--resource", "Deployment/shop/web", "--field", "spec.replicas"}, cli.ExitInvalid, `context "d" does not exist`},
		{"a folder", asIs, []string{"locate", "--path", "web", "--resource", "Deployment/shop/web", "--field", "spec.replicas"}, cli.ExitInvalid, "neither --path nor a file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			args := append(c.args, "--cluster", "--repo", dir, "--kubeconfig", c.kubeconfig)
			if code := run(args, &stdout, &stderr); code != c.code {
				t.Errorf("exit code %d: %s", code, stderr.String())
			}
			got := stdout.String() + stderr.String()
			if strings.HasSuffix(c.want, "\n") && cmp.Diff(c.want, got) != "" || !strings.Contains(got, c.want) {
				t.Error(cmp.Diff(c.want, got))
			}
		})
	}
}
