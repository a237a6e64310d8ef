package manifests_test

import (
	"net/url"
	"os"
	"strings"
	"testing"
	tmpl "text/template"

	"github.com/Masterminds/sprig/v3"
	"go.yaml.in/yaml/v3"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/message"
)

// configData returns what a ConfigMap holds.
func configData(t *testing.T, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Kind string
		Data map[string]string
	}
	if err := yaml.Unmarshal(text, &m); err != nil || m.Kind != "ConfigMap" || len(m.Data) == 0 {
		t.Fatalf("%s: %v, %+v", file, err, m)
	}
	return m.Data
}

// fill renders a template of Argo CD with an Application and an object of it.
func fill(t *testing.T, text string) string {
	t.Helper()
	app := map[string]any{
		"metadata": map[string]any{"name": "shop", "namespace": "argocd"},
		"spec":     map[string]any{"source": map[string]any{"repoURL": "https://github.com/acme/env.git"}},
		"status":   map[string]any{"operationState": map[string]any{"syncResult": map[string]any{"revision": "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"}}},
	}
	object := map[string]any{"kind": "Deployment", "metadata": map[string]any{"name": "web", "namespace": "shop"}}
	parsed, err := tmpl.New("").Funcs(sprig.TxtFuncMap()).Option("missingkey=error").Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := parsed.Execute(&b, map[string]any{"app": app, "application": app, "resource": object, "context": map[string]string{"argocdUrl": "https://argocd.example.com"}}); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return b.String()
}

// The links of Argo CD's UI lead to where the pull requests of amend are, and what
// is searched for is what their titles say.
func TestLinksOfArgoCD(t *testing.T) {
	data := configData(t, "argocd/links.yaml")
	want := map[string]string{
		"Pull requests of amend":      "https://github.com/acme/env/pulls?q=is%3Apr+is%3Aopen+label%3Aamend",
		"Changes by amend":            "https://github.com/acme/env/blob/HEAD/remediation-log.yaml",
		"Remediations of this object": "https://github.com/acme/env/pulls?q=is%3Apr+label%3Aamend+in%3Atitle+%22Deployment+shop%2Fweb%22",
	}
	for key, text := range data {
		var links []struct {
			Title, Description, URL, If string
			Icon                        string `yaml:"icon.class"`
		}
		if err := yaml.Unmarshal([]byte(text), &links); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		for _, l := range links {
			got := fill(t, l.URL)
			u, err := url.Parse(got)
			if err != nil || got != want[l.Title] || l.If == "" {
				t.Errorf("%s: %q leads to %s, %v", key, l.Title, got, err)
			}
			delete(want, l.Title)
			if strings.Contains(l.Title, "this object") {
				title, _ := message.PullRequest(amend.Plan{Request: amend.Request{Action: "restart", Workload: amend.Workload{ObjectRef: amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}}}})
				_, searched, _ := strings.Cut(strings.Trim(u.Query().Get("q"), `"`), `"`)
				if !strings.Contains(title, searched) || searched == "" {
					t.Errorf("the title %q does not hold %q", title, searched)
				}
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("no link for %v", want)
	}
}

// A commit of amend gets a status that leads back to Argo CD.
func TestCommitStatusOfArgoCD(t *testing.T) {
	data := configData(t, "argocd/commit-status.yaml")
	for _, name := range []string{"deployed", "degraded"} {
		var triggers []struct {
			Send []string
		}
		if err := yaml.Unmarshal([]byte(data["trigger.on-amend-"+name]), &triggers); err != nil || len(triggers) != 1 {
			t.Fatalf("%s: %v", name, err)
		}
		for _, send := range triggers[0].Send {
			var sent struct {
				GitHub yaml.Node `yaml:"github"`
			}
			if err := yaml.Unmarshal([]byte(fill(t, data["template."+send])), &sent); err != nil {
				t.Fatalf("%s: %v", send, err)
			}
			var github struct {
				RepoURLPath  string `yaml:"repoURLPath"`
				RevisionPath string `yaml:"revisionPath"`
				Status       struct {
					State     string `yaml:"state"`
					Label     string `yaml:"label"`
					TargetURL string `yaml:"targetURL"`
				} `yaml:"status"`
			}
			if err := sent.GitHub.Decode(&github); err != nil {
				t.Fatalf("%s: %v", send, err)
			}
			if github.RepoURLPath != "https://github.com/acme/env.git" || github.RevisionPath == "" || github.Status.Label != "argocd/shop" ||
				github.Status.TargetURL != "https://argocd.example.com/applications/argocd/shop?operation=true" {
				t.Errorf("%s: %+v", send, github)
			}
			if want := map[string]string{"deployed": "success", "degraded": "failure"}[name]; github.Status.State != want {
				t.Errorf("%s is told as %q", name, github.Status.State)
			}
		}
	}
}
