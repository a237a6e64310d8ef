package manifests_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestKnativeComponent: the gateway gets a token, the one right that it needs, and a
// way to the API server, and nothing else changes.
func TestKnativeComponent(t *testing.T) {
	files := disk(t)
	const more = "kustomize/overlays/more"
	if err := files.WriteFile(more+"/kustomization.yaml", []byte("resources: [../github]\ncomponents: [../../components/knative]\n")); err != nil {
		t.Fatal(err)
	}
	split := func(built []byte) []string { return strings.Split(strings.TrimSpace(string(built)), "\n---\n") }
	with := split(build(t, files, more))
	var changed []string
	for _, doc := range split(build(t, disk(t), "kustomize/overlays/github")) {
		if !slices.Contains(with, doc) {
			var object struct {
				Kind     string
				Metadata struct{ Name string }
			}
			if err := yaml.Unmarshal([]byte(doc), &object); err != nil {
				t.Fatal(err)
			}
			changed = append(changed, object.Kind+" "+object.Metadata.Name)
		}
	}
	if got := strings.Join(changed, ", "); got != "Deployment amend-gateway, NetworkPolicy gateway" {
		t.Errorf("it changes %s", got)
	}
	for _, want := range []string{"--events-account=system:serviceaccount:", "  - tokenreviews\n", "    - port: 6443\n"} {
		found := slices.ContainsFunc(with, func(doc string) bool {
			return strings.Contains(doc, "name: amend-gateway\n") && strings.Contains(doc, want) || strings.Contains(doc, "name: gateway\n") && strings.Contains(doc, want)
		})
		if !found {
			t.Errorf("it does not bring %q", strings.TrimSpace(want))
		}
	}
}

// TestElasticComponent: the exporter is as locked as the rest, runs the image of the
// overlay, and is scraped so that its label job stays what it is.
func TestElasticComponent(t *testing.T) {
	files := disk(t)
	const more = "kustomize/overlays/more"
	if err := files.WriteFile(more+"/kustomization.yaml", []byte("resources: [../github]\ncomponents: [../../components/elastic]\n"+
		"images: [{name: ghcr.io/amendhq/amend, newTag: v9}]\n")); err != nil {
		t.Fatal(err)
	}
	built := string(build(t, files, more))
	found := false
	for doc := range strings.SplitSeq(built, "\n---\n") {
		if !strings.Contains(doc, "\n  name: amend-elastic\n") {
			continue
		}
		switch {
		case strings.HasPrefix(doc, "apiVersion: apps/v1\nkind: Deployment\n"):
			found = true
			var d deployment
			if err := yaml.Unmarshal([]byte(doc), &d); err != nil {
				t.Fatal(err)
			}
			checkPod(t, d.Metadata.Name, d.Spec.Template.Spec, d.Spec.Template.Spec.Containers)
			if !strings.Contains(doc, "image: ghcr.io/amendhq/amend:v9\n") {
				t.Error("it does not run the image of the overlay")
			}
		case strings.Contains(doc, "kind: ServiceMonitor\n") && !strings.Contains(doc, "honorLabels: true\n"):
			t.Error("the scrape would rename the label job")
		}
	}
	if !found {
		t.Error("the component brings no Deployment")
	}
}

// TestAnomalyScoreComponent: it adds rules to the overlay, and nothing else.
func TestAnomalyScoreComponent(t *testing.T) {
	files := disk(t)
	const more = "kustomize/overlays/more"
	if err := files.WriteFile(more+"/kustomization.yaml", []byte("resources: [../github]\ncomponents: [../../components/anomaly-score]\n")); err != nil {
		t.Fatal(err)
	}
	plain, with := string(build(t, disk(t), "kustomize/overlays/github")), string(build(t, files, more))
	if got := strings.Count(with, "\n---\n") - strings.Count(plain, "\n---\n"); got != 1 || !strings.Contains(with, "record: elastic_anomaly_score\n") {
		t.Errorf("it adds %d objects", got)
	}
}

// TestPatchOfTheSourcesPage: the patch that docs/sources.md shows fits the overlay.
func TestPatchOfTheSourcesPage(t *testing.T) {
	page, err := os.ReadFile("../docs/sources.md")
	if err != nil {
		t.Fatal(err)
	}
	_, patch, found := strings.Cut(string(page), "```yaml\npatches:\n")
	patch, _, _ = strings.Cut(patch, "```")
	if !found {
		t.Fatal("the page shows no patch")
	}
	files := disk(t)
	const more = "kustomize/overlays/more"
	if err := files.WriteFile(more+"/kustomization.yaml", []byte("resources: [../github]\npatches:\n"+patch)); err != nil {
		t.Fatal(err)
	}
	built := string(build(t, files, more))
	for _, want := range []string{"- --grafana-secret-file=/etc/amend/grafana/secret\n", "mountPath: /etc/amend/grafana\n", "secretName: amend-grafana\n"} {
		if strings.Count(built, want) != 1 {
			t.Errorf("the patch does not bring %q", strings.TrimSpace(want))
		}
	}
}
