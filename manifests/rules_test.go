package manifests_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

type prometheusRule struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec json.RawMessage `json:"spec"`
}

// The rules do what monitoring/tests/ says, by Prometheus' own account. It is
// run when AMEND_TEST_PROMTOOL names a promtool, as make lint-argo does.
func TestRules(t *testing.T) {
	promtool := os.Getenv("AMEND_TEST_PROMTOOL")
	if promtool == "" {
		t.Skip("AMEND_TEST_PROMTOOL names no promtool")
	}
	dir := t.TempDir()
	all := objects[prometheusRule](t, "manifests/monitoring", "PrometheusRule")
	for _, component := range []string{"anomaly-score", "istio"} {
		all = append(all, objects[prometheusRule](t, "kustomize/components/"+component, "PrometheusRule")...)
	}
	for _, r := range all {
		rules, err := yaml.JSONToYAML(r.Spec)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, r.Metadata.Name+".rules.yaml"), rules, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(dir, os.DirFS("monitoring/tests")); err != nil {
		t.Fatal(err)
	}
	run(t, dir, promtool, "check", "rules", "--lint=all", "--lint-fatal", "*.rules.yaml")
	run(t, dir, promtool, "test", "rules", "*.test.yaml")
}

// run runs a program on the files of a folder that match the last argument.
func run(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, args[len(args)-1]))
	if err != nil || len(files) == 0 {
		t.Fatalf("no %s: %v", args[len(args)-1], err)
	}
	cmd := exec.CommandContext(t.Context(), program, append(args[:len(args)-1], files...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// Every metric of amend that the rules and the dashboard ask for exists.
func TestMetricsExist(t *testing.T) {
	known := metricsInSource(t)
	dashboard, err := os.ReadFile("monitoring/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(dashboard) {
		t.Error("the dashboard is no JSON")
	}
	rules, err := os.ReadFile("monitoring/rules-amend.yaml")
	if err != nil {
		t.Fatal(err)
	}
	used := metricName.FindAllString(string(dashboard)+string(rules), -1)
	if len(used) < 10 {
		t.Fatalf("only %d metrics are used", len(used))
	}
	for _, name := range used {
		if !known[name] && !known[strings.TrimSuffix(name, "_bucket")] {
			t.Errorf("no metric of amend is called %s", name)
		}
	}
}

var metricName = regexp.MustCompile(`amend_[a-z_]+_(total|seconds|bucket)\b`)

// metricsInSource are the names of metrics that the Go sources hold as strings.
func metricsInSource(t *testing.T) map[string]bool {
	t.Helper()
	quoted := regexp.MustCompile(`"(amend_[a-z_]+)"`)
	known := map[string]bool{}
	for _, pattern := range []string{"../internal/*/*.go", "../cmd/amend/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range quoted.FindAllStringSubmatch(string(text), -1) {
				known[m[1]] = true
			}
		}
	}
	return known
}
