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
	for _, doc := range split(shipped(t, "kustomize/overlays/github")) {
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
	addsOnly(t, "anomaly-score", "record: elastic_anomaly_score\n")
}

// TestIstioComponent: it adds rules to the overlay, and nothing else.
func TestIstioComponent(t *testing.T) { addsOnly(t, "istio", "alert: IstioHighErrorRate\n") }

// addsOnly checks that a component adds one object to the overlay, with this text.
func addsOnly(t *testing.T, component, text string) {
	t.Helper()
	files := disk(t)
	const more = "kustomize/overlays/more"
	if err := files.WriteFile(more+"/kustomization.yaml", []byte("resources: [../github]\ncomponents: [../../components/"+component+"]\n")); err != nil {
		t.Fatal(err)
	}
	plain, with := string(shipped(t, "kustomize/overlays/github")), string(build(t, files, more))
	if got := strings.Count(with, "\n---\n") - strings.Count(plain, "\n---\n"); got != 1 || !strings.Contains(with, text) {
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

// TestReportComponent: reports may only read, nothing that holds a secret, and no
// namespace but Argo CD's until somebody binds the rest.
func TestReportComponent(t *testing.T) {
	text, err := os.ReadFile("../kustomize/components/report/rbac.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for doc := range strings.SplitSeq(string(text), "\n---\n") {
		var object struct {
			Kind     string
			Metadata struct{ Name, Namespace string }
			Rules    []struct{ APIGroups, Resources, Verbs []string }
			RoleRef  struct{ Kind string }
		}
		if err := yaml.Unmarshal([]byte(doc), &object); err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, strings.TrimSuffix(object.Kind+" "+object.Metadata.Namespace, " "))
		if object.RoleRef.Kind == "ClusterRole" {
			t.Errorf("%s %s binds it for all", object.Kind, object.Metadata.Name)
		}
		for _, rule := range object.Rules {
			for _, verb := range rule.Verbs {
				if verb != "get" && verb != "list" {
					t.Errorf("a report may %s %v", verb, rule.Resources)
				}
			}
			for _, resource := range slices.Concat(rule.Resources, rule.APIGroups) {
				if slices.Contains([]string{"*", "secrets", "configmaps"}, resource) {
					t.Errorf("a report may read %s", resource)
				}
			}
		}
	}
	if got := strings.Join(kinds, ", "); got != "ServiceAccount amend, ClusterRole, Role argocd, RoleBinding argocd" {
		t.Errorf("the component has %s", got)
	}
	files := disk(t)
	const more = "kustomize/overlays/more"
	if err := files.WriteFile(more+"/kustomization.yaml", []byte("resources: [../github]\ncomponents: [../../components/report]\n")); err != nil {
		t.Fatal(err)
	}
	build(t, files, more)
}
