package manifests_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

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
