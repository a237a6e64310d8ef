// Package manifests holds the objects that amend needs in a cluster. There is no
// program in it: its tests build what is installed, sensors/, workflows/ and
// kustomize/ included, and hold it to its rules. What needs the types of
// Argo itself is in e2e/lint.
package manifests_test

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write install.yaml instead of comparing it")

const header = `# All of amend for an env repo on GitHub, as kustomize/overlays/github is delivered.
# Made by "make render"; change the files that it is made from. Use the overlay
# instead of this file if you can: this one lacks your repository and branch.
`

// The installation that people apply without Kustomize is what Kustomize builds.
func TestInstallIsRendered(t *testing.T) {
	want := append([]byte(header), shipped(t, "kustomize/overlays/github")...)
	if *update {
		if err := os.WriteFile("install.yaml", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("install.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("manifests/install.yaml is not what kustomize/overlays/github builds; run make render")
	}
}

// The settings of the overlay reach every place that needs them, and there is no
// other place to edit.
func TestSettingsAreInOnePlace(t *testing.T) {
	const settings = "kustomize/overlays/github/settings.yaml"
	files := disk(t)
	text, err := files.ReadFile(settings)
	if err != nil {
		t.Fatal(err)
	}
	replaced := strings.NewReplacer(
		"https://github.com/OWNER/REPO", "https://github.com/acme/env",
		"branch: main", "branch: live",
		`githubAppID: "0"`, `githubAppID: "12345"`,
		"http://alertmanager-operated.monitoring.svc:9093", "http://am.watch.svc:9093",
		"http://prometheus-operated.monitoring.svc:9090", "http://prom.watch.svc:9090",
	).Replace(string(text))
	if err := files.WriteFile(settings, []byte(replaced)); err != nil {
		t.Fatal(err)
	}
	got := string(build(t, files, "kustomize/overlays/github"))
	for _, want := range []string{
		"name: AMEND_REPO\n          value: https://github.com/acme/env\n",
		"name: AMEND_BRANCH\n          value: live\n",
		"name: AMEND_GITHUB_APP_ID\n          value: \"12345\"\n",
		"name: AMEND_ALERTMANAGER\n          value: http://am.watch.svc:9093\n",
		"name: AMEND_PROMETHEUS\n          value: http://prom.watch.svc:9090\n",
		"expr: base == \"live\"\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the overlay with settings of its own lacks:\n%s", want)
		}
	}
	for _, unwanted := range []string{"OWNER/REPO", "alertmanager-operated", "prometheus-operated", "amend-settings"} {
		if strings.Contains(got, unwanted) {
			t.Errorf("the overlay with settings of its own still holds %s", unwanted)
		}
	}
}

// Every image of amend follows the one entry of an overlay.
func TestOverlaysChooseTheImage(t *testing.T) {
	for overlay, want := range map[string]string{
		"kustomize/overlays/github": "ghcr.io/amendhq/amend:v",
		"kustomize/overlays/local":  "amend.local/amend:dev",
	} {
		for line := range strings.Lines(string(shipped(t, overlay))) {
			image, found := strings.CutPrefix(strings.TrimLeft(line, " -"), "image: ")
			if found && !strings.HasPrefix(image, want) {
				t.Errorf("%s: image %s does not begin with %s", overlay, strings.TrimSpace(image), want)
			}
		}
	}
}

var portOfContainer = regexp.MustCompile(`containerPort: \d+`)

// Each component can be added to the overlay as it is delivered, gives the writer
// flags that docs/writer.md lists, and takes no permission but those that it says.
func TestComponentsFitTheOverlay(t *testing.T) {
	docs, err := os.ReadFile("../docs/writer.md")
	if err != nil {
		t.Fatal(err)
	}
	plain := string(shipped(t, "kustomize/overlays/github"))
	for component, want := range map[string][]string{
		"owner-from-cluster": {"--owner-from-cluster\n", "name: amend-writer-owners\n", "  - applicationsets\n"},
		"approvals":          {"--approvals-dir=/", "--approvals-listen=:8082", "name: amend-approvals\n", "secretName: amend-approvals\n", "  - port: 8082\n"},
		"argocd-proof":       {"--argocd-server=https://", "--argocd-token-file=/", "--argocd-ca-file=/", "secretName: amend-argocd\n"},
	} {
		files := disk(t)
		overlay := "resources: [../github]\ncomponents: [../../components/" + component + "]\n"
		if err := files.WriteFile("kustomize/overlays/more/kustomization.yaml", []byte(overlay)); err != nil {
			t.Fatal(err)
		}
		got := string(build(t, files, "kustomize/overlays/more"))
		for doc := range strings.SplitSeq(got, "\n---\n") {
			ports := map[string]bool{}
			for _, port := range portOfContainer.FindAllString(doc, -1) {
				if ports[port] {
					t.Errorf("%s: an object has %s twice, which the API server refuses", component, port)
				}
				ports[port] = true
			}
		}
		for _, w := range want {
			if strings.Contains(plain, w) || !strings.Contains(got, w) {
				t.Errorf("%s: it is to bring %q", component, w)
			}
			if flag, _, _ := strings.Cut(strings.TrimSpace(w), "="); strings.HasPrefix(flag, "--") && !strings.Contains(string(docs), "| `"+flag+"` |") {
				t.Errorf("%s: docs/writer.md does not know %s", component, flag)
			}
		}
	}
}

// disk returns a copy in memory of the folders that Kustomize reads, so that a
// test may change it.
func disk(t *testing.T) filesys.FileSystem {
	t.Helper()
	mem := filesys.MakeFsInMemory()
	root := os.DirFS("..")
	for _, dir := range []string{"kustomize", "manifests", "sensors", "workflows"} {
		err := fs.WalkDir(root, dir, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := fs.ReadFile(root, name)
			if err != nil {
				return err
			}
			return mem.WriteFile(name, text)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return mem
}

// build is kustomize build of one folder.
func build(t *testing.T, files filesys.FileSystem, folder string) []byte {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, path.Clean(folder))
	if err != nil {
		t.Fatalf("kustomize build %s: %v", folder, err)
	}
	text, err := resources.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// builds are the folders of the repo as kustomize builds them, each once for all
// tests.
var builds = map[string][]byte{}

// shipped builds a folder as it is in the repo.
func shipped(t *testing.T, folder string) []byte {
	t.Helper()
	if builds[folder] == nil {
		builds[folder] = build(t, disk(t), folder)
	}
	return slices.Clone(builds[folder])
}

// objects decodes every object of a kind that is built from a folder. Fields
// that T does not have are left out.
func objects[T any](t *testing.T, folder, kind string) []T {
	t.Helper()
	var all []T
	for doc := range strings.SplitSeq(string(shipped(t, folder)), "\n---\n") {
		var head struct {
			Kind string `json:"kind"`
		}
		if err := yaml.Unmarshal([]byte(doc), &head); err != nil {
			t.Fatal(err)
		}
		if head.Kind != kind {
			continue
		}
		var object T
		if err := yaml.Unmarshal([]byte(doc), &object); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		all = append(all, object)
	}
	if len(all) == 0 {
		t.Fatalf("%s builds no %s", folder, kind)
	}
	return all
}
