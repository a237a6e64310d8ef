package locate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/locate"
)

// release is an env repo with one chart and its Application.
func release(over map[string]string) map[string]string {
	files := map[string]string{
		"charts/web/Chart.yaml":  "apiVersion: v2\nname: web\nversion: 1.0.0\n",
		"charts/web/values.yaml": "replicaCount: 2\n",
		"charts/web/templates/web.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: {{ .Release.Name }}}\n" +
			"spec:\n  replicas: {{ .Values.replicaCount }}\n",
		"argo/web.yaml": application("web", "valueFiles: [/envs/prod/web.yaml]"), "envs/prod/web.yaml": "replicaCount: 3\n",
	}
	for name, data := range over {
		files[name] = data
	}
	return files
}

func application(name, helm string) string {
	return "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: " + name + ", namespace: argocd}\nspec:\n" +
		"  source:\n    repoURL: https://git.example.com/env.git\n    path: charts/web\n    helm: {" + helm + "}\n" +
		"  destination: {namespace: shop}\n"
}

// TestHostileReleasesEndInRefusal: none of these may cost more than moments.
func TestHostileReleasesEndInRefusal(t *testing.T) {
	dependency := func(on string) string {
		return "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies:\n- {name: " + on + ", version: '*', repository: 'file://../" + on + "'}\n"
	}
	for name, over := range map[string]map[string]string{
		"alias bomb in a values file":         {"envs/prod/web.yaml": bomb(9)},
		"alias bomb in the chart's values":    {"charts/web/values.yaml": bomb(9)},
		"alias bomb in the description":       {"charts/web/Chart.yaml": bomb(9)},
		"alias bomb in what is rendered":      {"charts/web/templates/web.yaml": bomb(9)},
		"alias bomb in inline values":         {"argo/web.yaml": application("web", "values: '{a: &a [1,1,1,1,1,1,1,1,1,1], b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a], c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b], d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c], e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d], f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e], g: [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]}'")},
		"huge file":                           {"charts/web/big.txt": strings.Repeat("x", 100<<20)},
		"huge values file":                    {"envs/prod/web.yaml": "a: " + strings.Repeat("x", 20<<20) + "\n"},
		"many large files":                    {"charts/web/a": strings.Repeat("x", 4<<20), "charts/web/b": strings.Repeat("x", 4<<20), "charts/web/c": strings.Repeat("x", 4<<20)},
		"endless template":                    {"charts/web/templates/x.yaml": "{{ range 2000000000 }}{{ end }}"},
		"a hundred megabytes of output":       {"charts/web/templates/x.yaml": "{{ $x := repeat 1000000 \"x\" }}{{ range 100 }}{{ $x }}{{ end }}"},
		"deep values":                         {"envs/prod/web.yaml": "a: " + strings.Repeat("[", 200_000)},
		"deep output":                         {"charts/web/templates/x.yaml": "a: {{ repeat 200000 \"[\" }}"},
		"charts that need each other":         {"charts/web/Chart.yaml": dependency("api"), "charts/api/Chart.yaml": strings.Replace(dependency("web"), "name: web", "name: api", 1)},
		"a chart that needs itself":           {"charts/web/Chart.yaml": strings.Replace(dependency("web"), "name: web", "name: other", 1)},
		"a chart outside of the repo":         {"charts/web/Chart.yaml": dependency("../../../../../../etc")},
		"a values file outside of the repo":   {"argo/web.yaml": application("web", "valueFiles: [../../../../etc/passwd]")},
		"a values file of another host":       {"argo/web.yaml": application("web", "valueFiles: ['http://127.0.0.1:1/values.yaml']")},
		"a file parameter outside":            {"argo/web.yaml": application("web", "fileParameters: [{name: a, path: /../../etc/passwd}]")},
		"an index that makes a long list":     {"argo/web.yaml": application("web", "parameters: [{name: 'a[999999999]', value: x}]")},
		"a value that only a sync knows":      {"argo/web.yaml": application("web", "parameters: [{name: a, value: $ARGOCD_APP_REVISION}]")},
		"a parameter that is none":            {"argo/web.yaml": application("web", "parameters: [{name: 'a[', value: x}]")},
		"a pattern for values files":          {"argo/web.yaml": application("web", "valueFiles: ['*.yaml']")},
		"a version that is none":              {"argo/web.yaml": application("web", "kubeVersion: new")},
		"values that are no table":            {"envs/prod/web.yaml": "- a\n"},
		"a description that is none":          {"charts/web/Chart.yaml": "[]\n"},
		"a subchart's values that are a text": {"charts/web/charts/db/Chart.yaml": "apiVersion: v2\nname: db\nversion: 1.0.0\n", "envs/prod/web.yaml": "db: text\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if site, err := locate.New().Locate(repo(release(over)), webReplicas); amend.KindOf(err) != amend.Refused || site.Line != 0 {
				t.Errorf("site %+v, error %v; want a refusal", site, err)
			}
		})
	}
}

// TestBuildEnvironment: Argo CD replaces what it knows of the Application.
func TestBuildEnvironment(t *testing.T) {
	files := release(map[string]string{"argo/web.yaml": application("web", "valueFiles: ['/envs/$ARGOCD_APP_NAMESPACE/${ARGOCD_APP_NAME}.yaml'], parameters: [{name: cost, value: $$5}]"), "envs/shop/web.yaml": "replicaCount: 4\n"})
	site, err := locate.New().Locate(repo(files), webReplicas)
	if err != nil || site.Path.String() != "envs/shop/web.yaml" || site.Current != "4" {
		t.Errorf("%+v, %v", site, err)
	}
}

// TestNewTemplateIsSeen: a file that is added to a chart changes what is
// rendered, though nothing that was read before has changed.
func TestNewTemplateIsSeen(t *testing.T) {
	l := locate.New()
	files := release(nil)
	if _, err := l.Locate(repo(files), webReplicas); err != nil {
		t.Fatal(err)
	}
	files["charts/web/templates/hpa.yaml"] = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\n" +
		"spec: {scaleTargetRef: {kind: Deployment, name: web}}\n"
	if _, err := l.Locate(repo(files), webReplicas); amend.ReasonOf(err) != amend.ReasonOwnedByHPA {
		t.Errorf("error %v", err)
	}
}

// manyReleases is an env repo with n releases of one chart.
func manyReleases(n int) map[string]string {
	files := release(nil)
	for i := range n {
		name := fmt.Sprintf("app-%d", i)
		files["argo/"+name+".yaml"] = application(name, "valueFiles: [/envs/prod/"+name+".yaml]")
		files["envs/prod/"+name+".yaml"] = "replicaCount: 1\n"
	}
	return files
}

func BenchmarkRelease(b *testing.B) {
	for _, size := range []int{1, 100} {
		files := onDisk(b, manyReleases(size))
		b.Run(fmt.Sprintf("locate/%d", size), func(b *testing.B) { benchmarkLocate(b, newHashed(b, files)) })
		b.Run(fmt.Sprintf("edit/%d", size), func(b *testing.B) { benchmarkEdit(b, newHashed(b, files)) })
		b.Run(fmt.Sprintf("cold/%d", size), func(b *testing.B) {
			fsys := newHashed(b, files)
			for b.Loop() {
				if _, err := locate.New().Locate(fsys, webReplicas); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
