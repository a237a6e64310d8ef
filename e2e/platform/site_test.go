package platform

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// checkout is a folder that New takes for the repository.
func checkout(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "e2e"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "e2e", "go.mod"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

func find(t *testing.T, root string, environment map[string]string) (*Site, error) {
	t.Helper()
	return FindSite(root, func(name string) string { return environment[name] }, slog.New(slog.DiscardHandler))
}

func TestOwnKubeconfigMeansTheOwnPlatform(t *testing.T) {
	root := checkout(t)
	own, err := New(root, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(own.at.Run, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := own.at.writePKI(); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "config")
	if err := os.Symlink(own.Kubeconfig(), link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{own.Kubeconfig(), link} {
		// What is said about another cluster is not about this one.
		site, err := find(t, root, map[string]string{"KUBECONFIG": path, "E2E_IMAGES": "registry.example.com/x"})
		if err != nil {
			t.Fatal(err)
		}
		if site.Own == nil || site.Address != OwnAddress || site.Images != OwnImages || site.Bus != OwnBus {
			t.Errorf("%s leads to %+v", path, site)
		}
	}
}

func TestForeignClusterHasToBeDescribed(t *testing.T) {
	root := checkout(t)
	kubeconfig := func(server string) string {
		path := filepath.Join(t.TempDir(), "config")
		text := "{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: '" + server +
			"'}}], contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u, user: {}}]}"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	here := kubeconfig("https://127.0.0.1:6443")
	for _, c := range []struct {
		name        string
		environment map[string]string
		want        string // of the error
	}{
		{"without images", map[string]string{"KUBECONFIG": here, "E2E_ADDRESS": "192.0.2.7"}, "E2E_IMAGES"},
		{"on this machine, without an address", map[string]string{"KUBECONFIG": here, "E2E_IMAGES": "r/x"}, "E2E_ADDRESS"},
		{"with a kubeconfig that is not there", map[string]string{"KUBECONFIG": here + "x", "E2E_IMAGES": "r/x"}, "no such file"},
	} {
		if _, err := find(t, root, c.environment); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %s", c.name, err, c.want)
		}
	}
	site, err := find(t, root, map[string]string{"KUBECONFIG": here, "E2E_IMAGES": "r/x", "E2E_ADDRESS": "192.0.2.7", "E2E_BUS": "tls://bus:4222"})
	if err != nil {
		t.Fatal(err)
	}
	if want := (Site{Kubeconfig: here, Address: "192.0.2.7", Images: "r/x", Bus: "tls://bus:4222"}); *site != want {
		t.Errorf("the site is %+v, want %+v", *site, want)
	}
}

func TestControllersAreKnownByTheirImage(t *testing.T) {
	for image, want := range map[string]string{
		"quay.io/argoproj/argo-events:v1.9.10":                           "argo-events",
		"registry.example.com:5000/mirror/argocd:v2.14.21":               "argocd",
		"registry.example.com:5000/mirror/argocd@sha256:" + "0123456789": "argocd",
		"workflow-controller":                                            "workflow-controller",
		"r/workflow-controller:v3.7.14@sha256:0123456789abcdef":          "workflow-controller",
	} {
		if got := imageName(image); got != want {
			t.Errorf("%s is %q, want %q", image, got, want)
		}
	}
}
