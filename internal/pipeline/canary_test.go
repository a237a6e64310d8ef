package pipeline_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/pipeline"
)

const (
	// canaryWeb is what the alert is about, and canaryApp what deploys a chart.
	canaryWeb = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: "registry.example.com/web:3"}]}
`
	canaryApp = `-- argo/web.yaml --
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web, namespace: argocd}
spec:
  project: default
  destination: {namespace: shop}
  source: {repoURL: "https://git.example.com/acme/env.git", path: k}
`
)

// canaryRepos are env repos, each a txtar, in which every CANARY is a secret. The
// reason is how the alert ends.
func canaryRepos() map[amend.Reason]map[string]string {
	secret := "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: shop}\nstringData:\n" + strings.Repeat("  kN: CANARY # CANARY\n", 60) + "  text: |\n    CANARY\n    CANARY\n"
	kustomize := func(fields, file string) string {
		return "-- k/kustomization.yaml --\nresources: [web.yaml, secret.yaml]\n" + fields + "-- k/web.yaml --\n" + canaryWeb + "-- k/secret.yaml --\n" + file
	}
	literals := "secretGenerator:\n- name: g\n  literals:\n" + strings.Repeat("  - kN=CANARY\n", 60)
	chart := func(values, template string) string {
		return "-- k/Chart.yaml --\napiVersion: v2\nname: web\nversion: 1.0.0\n-- k/values.yaml --\n" + values +
			"-- k/templates/web.yaml --\n" + strings.Replace(canaryWeb, "replicas: 2", "replicas: {{ .Values.replicas }}", 1) +
			"-- k/templates/secret.yaml --\n" + template + canaryApp
	}
	indented := func(text string) string {
		return "  " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n  ") + "\n"
	}
	nested := indented(indented(secret))
	// What stands in clear within three lines of an edit is shown with it.
	values := "replicas: 2\na: 1\nb: 2\nc: 3\nusers:\n" + strings.Repeat("  kN: CANARY\n", 60)
	return map[amend.Reason]map[string]string{
		amend.ReasonAct: {
			"the document behind":  "-- k/web.yaml --\n" + canaryWeb + "---\n" + secret,
			"the document before":  "-- k/web.yaml --\n" + secret + "---\n" + canaryWeb,
			"documents around":     "-- k/web.yaml --\n" + secret + "---\n" + canaryWeb + "---\n" + strings.Replace(secret, "name: s", "name: t", 1),
			"a List":               "-- k/web.yaml --\napiVersion: v1\nkind: List\nitems:\n-\n" + indented(canaryWeb) + "-\n" + indented(secret),
			"a file of a build":    kustomize("", secret),
			"a generator":          kustomize(literals, secret),
			"an inline patch":      kustomize("patches:\n- patch: |-\n"+nested, secret),
			"templates of a chart": chart(values, secret),
			"values of a chart":    chart(values, "kind: Secret\napiVersion: v1\nmetadata: {name: s}\nstringData: {{ toJson .Values.users }}\n"),
		},
		amend.ReasonAmbiguous: {
			"two that claim it": "-- k/web.yaml --\n" + canaryWeb + "---\n" + secret + "-- k/other.yaml --\n" + secret + "---\n" + canaryWeb,
		},
		amend.ReasonUnproven: {
			"a text that does not end":     kustomize("", secret+"  last: \"CANARY\n"),
			"a line without a colon":       kustomize("", secret+"  CANARY\n"),
			"no object":                    kustomize("", "CANARY\n"),
			"a key twice":                  kustomize("secretGenerator:\n- {name: g, literals: [k=CANARY, k=CANARY]}\n", secret),
			"a merge with nothing":         kustomize("secretGenerator:\n- {name: g, behavior: merge, literals: [k=CANARY]}\n", secret),
			"a patch of nothing":           kustomize("patches:\n- patch: |-\n"+strings.Replace(nested, "name: s", "name: t", 1), secret),
			"values that do not end":       chart(values+"  last: \"CANARY\n", ""),
			"values that are a list":       chart("- CANARY\n", ""),
			"values against their schema":  chart("password: CANARY\n", "") + "-- k/values.schema.json --\n" + `{"properties": {"password": {"enum": ["x"]}}}` + "\n",
			"a literal without a key":      kustomize("secretGenerator:\n- {name: g, literals: [CANARY]}\n", secret),
			"a file that is none":          kustomize("secretGenerator:\n- {name: g, files: ['a=b=CANARY']}\n", secret),
			"a broken inline patch":        kustomize("patches:\n- patch: |-\n    kind: Secret\n    a: b: CANARY\n", secret),
			"an alias of nothing":          kustomize("namespace: *CANARY\n", secret),
			"labels that are a list":       kustomize("commonLabels: [CANARY]\n", secret),
			"a chart that fails":           chart("password: CANARY\n", "{{ fail .Values.password }}\n"),
			"a loop over a text":           chart("password: CANARY\n", "{{ range .Values.password }}{{ end }}\n"),
			"a date that is none":          chart("password: CANARY\n", "{{ mustToDate \"2006\" .Values.password }}\n"),
			"values that make broken YAML": chart("password: 'CANARY: a: b'\n", "kind: Secret\nstringData:\n  a: {{ .Values.password }}\n"),
		},
	}
}

// TestSecretsOfTheEnvRepoStayThere plants more than a thousand secrets in
// manifests next to an edit and in builds that fail: none is in a decision, a
// commit message, a pull request or an error.
func TestSecretsOfTheEnvRepoStayThere(t *testing.T) {
	planted := 0
	for reason, repos := range canaryRepos() {
		for name, files := range repos {
			s := load(t, "act-scale")
			delete(s.files, "apps/web.yaml")
			for _, f := range txtar.Parse([]byte(files)).Files {
				key := 0
				text := regexp.MustCompile(`\bkN\b`).ReplaceAllStringFunc(string(f.Data), func(string) string { key++; return fmt.Sprintf("k%d", key) })
				text = regexp.MustCompile("CANARY").ReplaceAllStringFunc(text, func(string) string { planted++; return fmt.Sprintf("canary-%05d", planted) })
				s.files[f.Name] = &fstest.MapFile{Data: []byte(text)}
			}
			d, err := pipeline.New().Decide(s.world(), s.event)
			if err != nil || d.Reason != reason {
				t.Errorf("%s: %s: %s, %v; want %s", name, d.Reason, d.Detail, err, reason)
			}
			document, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			said := string(document)
			if d.Plan != nil {
				title, body := message.PullRequest(*d.Plan)
				said += d.Plan.Diff + message.Commit(*d.Plan) + title + body
			}
			if i := strings.Index(said, "canary"); i >= 0 {
				t.Errorf("%s: %.300s", name, said[max(0, i-100):])
			}
		}
	}
	if planted < 1000 {
		t.Errorf("%d secrets only", planted)
	}
	t.Attr("planted", fmt.Sprint(planted))
}
