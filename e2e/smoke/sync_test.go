package smoke

import (
	"net"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/amendhq/amend/e2e/platform"
)

// Argo CD brings the content of a Git repository into the cluster.
func TestApplicationIsSynced(t *testing.T) {
	cluster := connect(t)
	url := serveGit(t, map[string]string{"config.yaml": `
apiVersion: v1
kind: ConfigMap
metadata: {name: from-git, namespace: default}
data: {color: blue}
`})
	application := object("argoproj.io/v1alpha1", "Application", "argocd", "smoke")
	create(t, cluster, application, `
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: smoke, namespace: argocd, finalizers: [resources-finalizer.argocd.argoproj.io]}
spec:
  project: default
  source: {repoURL: "`+url+`", path: ., targetRevision: main}
  destination: {server: https://kubernetes.default.svc, namespace: default}
  syncPolicy: {automated: {prune: true, selfHeal: true}}
`)
	waitFor(t, cluster, application, []string{"status", "sync", "status"}, "Synced")
	config := object("v1", "ConfigMap", "default", "from-git")
	waitFor(t, cluster, config, []string{"data", "color"}, "blue")
}

// serveGit makes a repository with one commit of files on the branch main and
// serves it where the platform's repo-server reaches it.
func serveGit(t *testing.T, files map[string]string) (url string) {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, "env")
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", root, "-c", "user.name=smoke", "-c", "user.email=smoke@localhost"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	git("init", "-q", "-b", "main", dir)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	git("-C", dir, "add", ".")
	git("-C", dir, "commit", "-qm", "Start")

	backend, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", platform.OwnAddress+":0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: &cgi.Handler{
		Path: backend, Args: []string{"http-backend"},
		Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1"},
	}}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return "http://" + listener.Addr().String() + "/env/.git"
}
