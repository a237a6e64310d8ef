package policy_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/policy"
)

var update = flag.Bool("update", false, "rewrite the problems and schema sections of testdata")

// catalogue is enough of a catalogue to have every type of parameter.
var catalogue = policy.Catalogue{
	{Name: "restart", Kinds: []string{"Deployment", "StatefulSet", "DaemonSet"}},
	{Name: "scale-replicas", Kinds: []string{"Deployment", "StatefulSet"}, Params: []amend.Param{
		{Name: "by", Type: amend.ParamInt, Min: 1, Default: "1", Help: "how many"},
		{Name: "max", Type: amend.ParamInt, Min: 1, Help: "at most"},
	}},
	{Name: "raise-memory-limit", Kinds: []string{"Deployment", "StatefulSet"}, Params: []amend.Param{
		{Name: "factor", Type: amend.ParamFactor, Default: "1.5", Help: "times"},
		{Name: "ceiling", Type: amend.ParamQuantity, Help: "at most"},
	}},
	{Name: "switch-color", Kinds: []string{"Deployment"}, Params: []amend.Param{
		{Name: "to", Type: amend.ParamName, Help: "which"},
	}},
	{Name: "set-all", Kinds: []string{"Deployment"}, Params: []amend.Param{
		{Name: "key", Type: amend.ParamKey, Help: "which"},
		{Name: "value", Type: amend.ParamText, Help: "what"},
		{Name: "tag", Type: amend.ParamTag, Default: "latest", Help: "of what"},
		{Name: "version", Type: amend.ParamVersion, Default: "1.0.0", Help: "as what"},
		{Name: "within", Type: amend.ParamDuration, Default: "1h", Help: "how long"},
	}},
}

const policyFile = ".amend/policy.yaml"

// TestParse holds the goldens in testdata: policy.yaml, the problems that Parse
// finds in it (none in good), and what the schema says of it.
func TestParse(t *testing.T) {
	schema := compile(t)
	paths, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimPrefix(path, "testdata/"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			data := section(archive, "policy.yaml")
			p, err := policy.Parse(policyFile, []byte(data), catalogue)
			problems, verdict := "", "accepts\n"
			if err != nil {
				problems = err.Error() + "\n"
			}
			if !schemaAccepts(schema, []byte(data)) {
				verdict = "rejects\n"
			}
			good := filepath.Base(filepath.Dir(path)) == "good"
			if good != (err == nil) || good != (p != nil) {
				t.Errorf("Parse = %v, %v", p, err)
			}
			if good && verdict != "accepts\n" {
				t.Error("the schema rejects what Parse accepts")
			}
			if *update {
				rewrite(t, path, archive, problems, verdict)
				return
			}
			if diff := cmp.Diff(section(archive, "problems"), problems); diff != "" {
				t.Errorf("problems (-want +got), see -update:\n%s", diff)
			}
			if diff := cmp.Diff(section(archive, "schema"), verdict); diff != "" {
				t.Errorf("schema (-want +got), see -update:\n%s", diff)
			}
		})
	}
}

func TestProblemsAreAnInvalidPolicy(t *testing.T) {
	_, err := policy.Parse("p.yaml", nil, catalogue)
	var problems policy.Problems
	if !errors.As(err, &problems) || len(problems) != 1 {
		t.Fatalf("the error is %T: %v", err, err)
	}
	if amend.KindOf(err) != amend.Invalid || amend.ReasonOf(err) != amend.ReasonInvalidPolicy {
		t.Errorf("kind %q, reason %q", amend.KindOf(err), amend.ReasonOf(err))
	}
	if want := "p.yaml:1:1: the file is empty"; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%q does not start with %q", err, want)
	}
}

// TestAliasBombs gives Parse files that are small and expand to very much.
func TestAliasBombs(t *testing.T) {
	head := "apiVersion: amend.dev/v1alpha1\nkind: Policy\nplaybooks:\n"
	matchers := strings.Repeat(`'alertname="x"',`, 3000)
	for name, data := range map[string]string{
		"playbooks":    head + "  - &a {name: web, match: [" + matchers + "]}\n" + strings.Repeat("  - *a\n", 3000),
		"unknown keys": head + "  - &a {" + strings.Repeat("? a\n, ", 3000) + "}\n" + strings.Repeat("  - *a\n", 3000),
		"parameters":   head + "  - &a {with: {" + strings.Repeat("m: 1, ", 3000) + "}}\n" + strings.Repeat("  - *a\n", 3000),
		"nested":       head + "  - name: &a [x,x,x]\n    match: &b [*a,*a,*a]\n    with: &c {a: *b}\n",
		"size":         head + strings.Repeat("# long\n", 1<<18),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := policy.Parse("p.yaml", []byte(data), catalogue)
			if err == nil {
				t.Fatal("Parse accepted it")
			}
			if name != "nested" && !strings.Contains(err.Error(), "256 KiB") {
				t.Errorf("Parse said %.200q", err.Error())
			}
		})
	}
}

func TestDefaultsAreFilledIn(t *testing.T) {
	p := load(t, "testdata/good/full.txtar")
	type filled struct {
		Mode           amend.Mode
		Cooldown, Mute string
		With           map[string]string
	}
	var got []filled
	for _, b := range p.Playbooks {
		got = append(got, filled{b.Mode, b.Cooldown.String(), b.Mute.String(), b.With})
	}
	want := []filled{
		{amend.Commit, "30m", "1d", nil},
		{amend.PullRequest, "1h", "2w", map[string]string{"factor": "2", "ceiling": "4Gi"}},
		{amend.Suggest, "1h", "2w", map[string]string{"max": "6", "by": "1"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	b := load(t, "testdata/good/json.txtar").Playbooks[0]
	if b.Mode != amend.PullRequest || b.Cooldown.String() != "1h" || b.Mute.String() != "1w" {
		t.Errorf("without defaults: %s, cooldown %s, mute %s", b.Mode, b.Cooldown, b.Mute)
	}
}

// TestSchemaRejects changes one thing of a good policy at a time.
func TestSchemaRejects(t *testing.T) {
	schema := compile(t)
	archive, err := txtar.ParseFile("testdata/good/full.txtar")
	if err != nil {
		t.Fatal(err)
	}
	good := section(archive, "policy.yaml")
	for _, c := range []struct{ name, old, new string }{
		{"api version", "v1alpha1", "v2"},
		{"kind of file", "kind: Policy", "kind: Deployment"},
		{"unknown field", "mute: 1d", "quiet: 1d"},
		{"missing field", "    action: restart\n", ""},
		{"playbook name", "webapp-anomaly", "Webapp"},
		{"long playbook name", "webapp-anomaly", strings.Repeat("a", 40)},
		{"no matchers", `['alertname="OOMKilled"']`, "[]"},
		{"mode", "mode: commit", "mode: push"},
		{"duration", "cooldown: 30m", "cooldown: soon"},
		{"unknown action", "action: restart", "action: reboot"},
		{"kind of workload", "kind: StatefulSet", "kind: DaemonSet"},
		{"allowed kind", "[Deployment, StatefulSet]", "[Job]"},
		{"no source", "{value: app}", "{}"},
		{"two sources", "{value: app}", "{value: app, label: b}"},
		{"unknown parameter", "{max: 6}", "{max: 6, min: 1}"},
		{"accepted parameter", "{max: 6}", "{max: 6}\n    accept: [min]"},
		{"accepted twice", "{max: 6}", "{max: 6}\n    accept: [max, max]"},
		{"accepted without parameters", "cooldown: 30m", "accept: [by]"},
		{"missing parameter", "{max: 6}", "{by: 1}"},
		{"no parameters", "    with: {max: 6}\n", ""},
		{"integer bound", "{max: 6}", "{max: 0}"},
		{"integer type", "{max: 6}", "{max: '6'}"},
		{"factor bound", "factor: 2", "factor: 1"},
		{"quantity bound", "ceiling: 4Gi", "ceiling: 0"},
		{"quantity form", "ceiling: 4Gi", "ceiling: 4 GB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := strings.Replace(good, c.old, c.new, 1)
			if bad == good {
				t.Fatalf("%q is not in the good policy", c.old)
			}
			if schemaAccepts(schema, []byte(bad)) {
				t.Error("the schema accepts it")
			}
			if _, err := policy.Parse(policyFile, []byte(bad), catalogue); err == nil {
				t.Error("Parse accepts it")
			}
		})
	}
}

func TestSchemaIsStable(t *testing.T) {
	one, err := policy.Schema(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	two, err := policy.Schema(catalogue)
	if err != nil || !bytes.Equal(one, two) {
		t.Errorf("a second schema differs: %v", err)
	}
	var head struct {
		Schema string `json:"$schema"`
	}
	if err := json.Unmarshal(one, &head); err != nil || head.Schema != "https://json-schema.org/draft/2020-12/schema" {
		t.Errorf("$schema is %q, %v", head.Schema, err)
	}
}

func FuzzParse(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*/*.txtar")
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(section(archive, "policy.yaml")))
	}
	schema := compile(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := policy.Parse("p.yaml", data, catalogue)
		var problems policy.Problems
		switch {
		case err == nil && !schemaAccepts(schema, data):
			t.Error("the schema rejects what Parse accepts")
		case err == nil:
			choose(p, amend.Alert{Labels: map[string]string{"alertname": "x"}})
		case p != nil || !errors.As(err, &problems) || len(problems) == 0:
			t.Fatalf("Parse = %v, %T", p, err)
		}
		for _, each := range problems {
			if each.Line < 1 || each.Column < 1 || each.Message == "" || strings.ContainsAny(each.String(), "\n\r\x1b") {
				t.Errorf("not a problem that one line can show: %+v", each)
			}
		}
	})
}

func load(t *testing.T, path string) *policy.Policy {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse(policyFile, []byte(section(archive, "policy.yaml")), catalogue)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func compile(t testing.TB) *jsonschema.Schema {
	t.Helper()
	raw, err := policy.Schema(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("policy.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("policy.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// schemaAccepts validates the first YAML document as an editor would.
func schemaAccepts(schema *jsonschema.Schema, data []byte) bool {
	var v any
	if yaml.Unmarshal(data, &v) != nil {
		return false
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return false
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	return err == nil && schema.Validate(doc) == nil
}

func section(a *txtar.Archive, name string) string {
	for _, f := range a.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func rewrite(t *testing.T, path string, a *txtar.Archive, problems, verdict string) {
	t.Helper()
	out := &txtar.Archive{Comment: a.Comment, Files: []txtar.File{{Name: "policy.yaml", Data: []byte(section(a, "policy.yaml"))}}}
	if problems != "" {
		out.Files = append(out.Files, txtar.File{Name: "problems", Data: []byte(problems)})
	}
	out.Files = append(out.Files, txtar.File{Name: "schema", Data: []byte(verdict)})
	if err := os.WriteFile(path, txtar.Format(out), 0o644); err != nil {
		t.Fatal(err)
	}
}
