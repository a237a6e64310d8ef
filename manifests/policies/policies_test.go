// Package policies_test holds the policies of this folder against the rules that
// they answer.
package policies_test

import (
	"flag"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/policy"
)

var update = flag.Bool("update", false, "rewrite the want sections of testdata")

// An alertRule is an alert as a PrometheusRule has it.
type alertRule struct {
	Alert  string
	Expr   string
	Labels map[string]string
}

// alertRules are those of a file with one PrometheusRule.
func alertRules(t *testing.T, file string) []alertRule {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Spec struct {
			Groups []struct{ Rules []alertRule }
		}
	}
	if err := yaml.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	var all []alertRule
	for _, g := range manifest.Spec.Groups {
		for _, rule := range g.Rules {
			if rule.Alert != "" {
				all = append(all, rule)
			}
		}
	}
	return all
}

// Each alert of the rules is answered by the policy that is delivered for them, as
// testdata/ALERT.txtar says: with the labels of the alert that the rule does
// not set itself, files of the env repo, and under history/ what they held before.
func TestPoliciesAnswerTheRules(t *testing.T) {
	for file, of := range map[string]string{
		"workloads.yaml": "../monitoring/rules-workloads.yaml",
		"istio.yaml":     "../../kustomize/components/istio/rules.yaml",
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := policy.Parse(file, text, pipeline.Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		rules := alertRules(t, of)
		if len(rules) != len(parsed.Playbooks) || len(rules) == 0 {
			t.Errorf("%s has %d playbooks for %d rules", file, len(parsed.Playbooks), len(rules))
		}
		for _, rule := range rules {
			t.Run(rule.Alert, func(t *testing.T) { answers(t, text, rule) })
		}
	}
}

func answers(t *testing.T, policyText []byte, rule alertRule) {
	name := filepath.Join("testdata", rule.Alert+".txtar")
	fixture, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	labels := map[string]string{"alertname": rule.Alert}
	for k, v := range rule.Labels {
		labels[k] = v
	}
	files, past := fstest.MapFS{policy.Path: {Data: policyText}}, before{}
	want := -1
	for i, f := range fixture.Files {
		old, isOld := strings.CutPrefix(f.Name, "history/")
		switch {
		case f.Name == "labels":
			for pair := range strings.FieldsSeq(string(f.Data)) {
				label, value, _ := strings.Cut(pair, "=")
				if !regexp.MustCompile(`\b` + label + `\b`).MatchString(rule.Expr) {
					t.Errorf("the rule gives no label %s", label)
				}
				labels[label] = value
			}
		case f.Name == "want":
			want = i
		case isOld:
			past[old] = f.Data
		default:
			files[f.Name] = &fstest.MapFile{Data: f.Data}
		}
	}
	event := amend.Event{ID: "firing", Identity: "x", Time: now, Alert: amend.Alert{Status: amend.Firing, Labels: labels, StartsAt: now.Add(-5 * time.Minute)}}
	d, err := pipeline.New().Decide(pipeline.World{Tree: files, Past: world{past, files}, Now: now}, event)
	if err != nil || d.Plan == nil {
		t.Fatalf("%s %s, %v", d.Reason, d.Detail, err)
	}
	got := string(d.Mode) + " " + d.Action + "\n" + d.Plan.Diff
	if *update {
		fixture.Files[want].Data = []byte(got)
		if err := os.WriteFile(name, txtar.Format(fixture), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(fixture.Files[want].Data), got); diff != "" {
		t.Error(diff)
	}
}

// before holds what files held in the commit before.
type before map[string][]byte

// A world has a past of files, and no other remediation in it.
type world struct {
	old   before
	files fstest.MapFS
}

func (world) Episodes(string, amend.Mode) ([]amend.Episode, error)  { return nil, nil }
func (world) Records(time.Time, amend.Mode) ([]amend.Record, error) { return nil, nil }
func (world) Reviews(time.Time) ([]time.Duration, error)            { return nil, nil }
func (world) Commits() iter.Seq2[pipeline.Commit, error] {
	return func(func(pipeline.Commit, error) bool) {}
}

func (w world) Versions(path amend.RepoPath) iter.Seq2[pipeline.Version, error] {
	return func(yield func(pipeline.Version, error) bool) {
		if now := w.files[path.String()]; now != nil && !yield(pipeline.Version{Content: now.Data}, nil) {
			return
		}
		if old, ok := w.old[path.String()]; ok {
			yield(pipeline.Version{Content: old}, nil)
		}
	}
}
