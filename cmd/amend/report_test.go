package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/report"
)

// The parts of an env repo whose last commit broke a workload.
const (
	reportPolicy = `apiVersion: amend.dev/v1alpha1
kind: Policy
playbooks:
  - name: crash-loop
    match: ['alertname="PodCrashLoopBackOff"']
    workload:
      kind: Deployment
      namespace: {label: namespace}
      name: {label: deployment}
      container: {label: container}
    action: roll-back-image
    then:
      - action: revert-commit
`
	reportWorkload = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  template:
    spec:
      containers:
        - name: app
          image: ghcr.io/acme/web:1.0
`
	// canary is a secret that the cluster, the metrics and Git hold everywhere.
	canary = "hunter2hunter2"
)

// newBrokenRepo makes the clone, and returns the commit that broke the workload.
func newBrokenRepo(t *testing.T) (r auditedRepo, broken string) {
	t.Helper()
	r = auditedRepo{t, t.TempDir()}
	r.git("init", "-q", "-b", "main")
	r.write(".amend/policy.yaml", reportPolicy)
	r.write("apps/web.yaml", reportWorkload)
	r.commit("Start")
	r.write("apps/web.yaml", strings.Replace(reportWorkload, ":1.0", ":2.0", 1))
	broken = r.commit("web 2.0, password=" + canary)
	r.write("README.md", "x")
	r.commit("Say more")
	return r, broken
}

// brokenCluster is what the API server answers about the workload.
func brokenCluster(now time.Time) map[string]string {
	replicaSet := func(n int, age time.Duration) string {
		return fmt.Sprintf(`{"metadata":{"name":"web-%d","creationTimestamp":%q,"annotations":{"deployment.kubernetes.io/revision":"%d"},
			"ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"web","controller":true}]},
			"spec":{"template":{"spec":{"containers":[{"name":"app","image":"ghcr.io/acme/web:%d.0"}]}}}}`, n, now.Add(-age).UTC().Format(time.RFC3339), n, n)
	}
	return map[string]string{
		"/apis/apps":    `{"preferredVersion":{"version":"v1"}}`,
		"/apis/apps/v1": `{"resources":[{"name":"deployments","kind":"Deployment","namespaced":true}]}`,
		"/apis/apps/v1/namespaces/shop/deployments/web":                 `{"spec":{"selector":{"matchLabels":{"app":"web"}}}}`,
		"/apis/apps/v1/namespaces/shop/replicasets":                     `{"items":[` + replicaSet(1, 48*time.Hour) + "," + replicaSet(2, 15*time.Minute) + `]}`,
		"/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers": `{"items":[]}`,
		"/apis/argoproj.io/v1alpha1/namespaces/argocd/applications":     `{"items":[]}`,
		"/api/v1/namespaces/shop/pods/web-2-x/log":                      "starting\nfatal: cannot connect with password=" + canary + "\n",
		"/api/v1/namespaces/shop/events":                                `{"items":[{"involvedObject":{"kind":"Pod","namespace":"shop","name":"web-2-x"},"type":"Warning","reason":"BackOff","message":"token: ` + canary + `","lastTimestamp":"2026-03-01T10:00:00Z"}]}`,
		"/api/v1/namespaces/shop/pods":                                  `{"items":[{"metadata":{"name":"web-2-x"},"spec":{"containers":[{"name":"app","image":"ghcr.io/acme/web:2.0"}]},"status":{"phase":"Running","containerStatuses":[{"name":"app","restartCount":5,"state":{"waiting":{"reason":"CrashLoopBackOff","message":"secret=` + canary + `"}},"lastState":{"terminated":{"reason":"Error","exitCode":1,"message":"api_key=` + canary + `"}}}]}}]}`,
	}
}

// startRules serves the one rule and the one series of the alert.
func startRules(t *testing.T) string {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/rules" {
			fmt.Fprint(w, `{"status":"success","data":{"groups":[{"name":"g","file":"f","interval":60,"rules":[{"type":"alerting","name":"PodCrashLoopBackOff","query":"increase(restarts[10m]) > 5","duration":60,"labels":{},"annotations":{},"alerts":[],"health":"ok","state":"firing"}]}]}}`)
			return
		}
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"token":%q},"values":[[1772359200,"1"],[1772359260,"6"]]}]}}`, canary)
	}))
	t.Cleanup(web.Close)
	return web.URL
}

// crashAlert is the body of a webhook; its texts name what must not be believed.
func crashAlert(now time.Time) string {
	return fmt.Sprintf(`{"version":"4","status":"firing","receiver":"amend","alerts":[{"status":"firing","labels":{"alertname":"PodCrashLoopBackOff","namespace":"shop","deployment":"web","container":"app"},
		"annotations":{"summary":"@admin password=%s"},"startsAt":%q,"endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://evil.example/graph?g0.expr=up"}]}`, canary, now.UTC().Format(time.RFC3339))
}

// TestReportAsksEverybody: cluster, metrics, Git and policy come together in one
// report, nothing of a secret is in it, and the plot is written.
func TestReportAsksEverybody(t *testing.T) {
	r, broken := newBrokenRepo(t)
	now := time.Now().Add(time.Minute)
	file, plots := filepath.Join(t.TempDir(), "alert.json"), t.TempDir()
	if err := os.WriteFile(file, []byte(crashAlert(now)), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{
		"report", "--repo", r.dir, "--alert", file, "--now", now.Add(5 * time.Minute).UTC().Format(time.RFC3339),
		"--kubeconfig", startCluster(t, brokenCluster(now)), "--prometheus-url", startRules(t), "--svg-dir", plots,
	}
	markdown, asJSON := r.amend(cli.ExitOK, args...), r.amend(cli.ExitOK, append(args, "-o", "json")...)
	svg, err := os.ReadFile(filepath.Join(plots, "report-1.svg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"- Container app crashes since its image changed from ghcr.io/acme/web:1.0 to ghcr.io/acme/web:2.0. Confidence: high.\n",
		"Commit " + broken[:12] + " by jo", "from ghcr.io/acme/web:1.0 to ghcr.io/acme/web:2.0", "increase(restarts[10m])", "▁█",
		"fatal: cannot connect with password=[masked]\n", "- **roll-back-image**: ", "- **revert-commit**: ", "It answers the hypothesis.\n", "- deployments by Argo CD: ",
	} {
		if !strings.Contains(markdown, want) {
			t.Errorf("%q is missing in\n%s", want, markdown)
		}
	}
	for _, out := range []string{markdown, asJSON, string(svg)} {
		if strings.Contains(out, canary) {
			t.Errorf("the secret is in\n%s", out)
		}
	}
	var reports []report.Report
	if err := json.Unmarshal([]byte(asJSON), &reports); err != nil || len(reports) != 1 || len(reports[0].Evidence.Commits) != 1 {
		t.Errorf("%v in %s", err, asJSON)
	}
}

// TestReportPage: docs/report.md shows the report of the evidence beside it, with
// its plot.
func TestReportPage(t *testing.T) {
	_, shown, _ := strings.Cut(page(t, "report.md"), "`````markdown\n")
	shown, _, _ = strings.Cut(shown, "`````\n")
	plots := t.TempDir()
	got := auditedRepo{TB: t}.amend(cli.ExitOK, "report", "--evidence", "../../docs/report/evidence.json", "--svg-dir", plots)
	if diff := cmp.Diff(shown, got); diff != "" {
		t.Errorf("-shown +printed:\n%s", diff)
	}
	svg, err := os.ReadFile(filepath.Join(plots, "report-1.svg"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(page(t, "report/report-1.svg"), string(svg)); diff != "" {
		t.Errorf("-shown +drawn:\n%s", diff)
	}
}

// TestReportComponentGrantsEnough: the permissions of the component are all that a
// report needs, and each of them is needed.
func TestReportComponentGrantsEnough(t *testing.T) {
	granted := map[string]bool{}
	text, err := os.ReadFile("../../kustomize/components/report/rbac.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for doc := range strings.SplitSeq(string(text), "\n---\n") {
		var role struct {
			Metadata struct{ Namespace string }
			Rules    []struct{ APIGroups, Resources, Verbs []string }
		}
		if err := yaml.Unmarshal([]byte(doc), &role); err != nil {
			t.Fatal(err)
		}
		namespace := role.Metadata.Namespace
		if namespace == "" {
			namespace = "shop" // where somebody has bound it
		}
		for _, rule := range role.Rules {
			for _, resource := range rule.Resources {
				granted[rule.Verbs[0]+" "+path.Join(rule.APIGroups[0], namespace, resource)] = false
			}
		}
	}
	r, _ := newBrokenRepo(t)
	now := time.Now().Add(time.Minute)
	cluster := brokenCluster(now)
	cluster["/api/v1/namespaces/shop/pods"] = strings.Replace(cluster["/api/v1/namespaces/shop/pods"], `"spec":{`, `"spec":{"volumes":[{"persistentVolumeClaim":{"claimName":"data"}}],`, 1)
	cluster["/api/v1/namespaces/shop/persistentvolumeclaims/data"] = `{}`
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := cluster[r.URL.Path]
		if m := resourcePath.FindStringSubmatch(r.URL.Path); m != nil {
			verb := "list"
			if m[4] != "" {
				verb = "get"
			}
			permission := verb + " " + path.Join(m[1], m[2], m[3], m[5])
			if _, known := granted[permission]; !known {
				t.Errorf("the component does not grant %s", permission)
			}
			granted[permission] = true
		}
		if !ok {
			deny(w, http.StatusForbidden, "Forbidden")
			return
		}
		fmt.Fprint(w, answer)
	}))
	defer web.Close()
	file := filepath.Join(t.TempDir(), "alert.json")
	if err := os.WriteFile(file, []byte(crashAlert(now)), 0o600); err != nil {
		t.Fatal(err)
	}
	markdown := r.amend(cli.ExitOK, "report", "--repo", r.dir, "--alert", file, "--kubeconfig", kubeconfigOf(t, web.URL))
	if strings.Contains(markdown, "does not let amend") {
		t.Errorf("a permission is missing:\n%s", markdown)
	}
	for permission, used := range granted {
		// Those of kinds that this workload is not, and has no part of.
		if !used && !strings.Contains(permission, "sets") && permission != "get shop/pods" && !strings.HasSuffix(permission, "/controllerrevisions") {
			t.Errorf("the component grants %s for nothing", permission)
		}
	}
}

// resourcePath is the path of a request: group, namespace, resource, name and
// subresource.
var resourcePath = regexp.MustCompile(`^/(?:api|apis/([^/]+))/[^/]+/namespaces/([^/]+)/([^/]+)(?:/([^/]+))?(?:/([^/]+))?$`)
