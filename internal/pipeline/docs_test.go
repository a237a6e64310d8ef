package pipeline_test

// The tests of this file hold the pages under docs to the program: examples are
// read, messages are compared, and tables have one row for each thing there is.

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	gast "github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/policy"
)

// root is the folder of the repository, seen from this package.
const root = "../.."

func readDoc(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A fence is one fenced code block: the words after the backticks and its text.
type fence struct{ language, label, text string }

func fences(t *testing.T, name string) []fence {
	t.Helper()
	source := readDoc(t, name)
	var all []fence
	for n := goldmark.DefaultParser().Parse(text.NewReader(source)).FirstChild(); n != nil; n = n.NextSibling() {
		block, ok := n.(*gast.FencedCodeBlock)
		if !ok || block.Info == nil {
			continue
		}
		f := fence{text: string(block.Lines().Value(source))}
		f.language, f.label, _ = strings.Cut(string(block.Info.Segment.Value(source)), " ")
		all = append(all, f)
	}
	return all
}

// TestPolicyExamples: every policy shown is right, or is followed by exactly
// what lint says of it.
func TestPolicyExamples(t *testing.T) {
	all := fences(t, "docs/policy.md")
	right, wrong := 0, 0
	for i, f := range all {
		if f.language != "yaml" || f.label != "" && f.label != "wrong" && f.label != "file="+policy.Path {
			continue // manifests of the env repo and of the cluster
		}
		_, err := policy.Parse(policy.Path, []byte(f.text), pipeline.Catalogue())
		if f.label != "wrong" {
			right++
			if err != nil {
				t.Errorf("this example is wrong:\n%s\n%v", f.text, err)
			}
			continue
		}
		wrong++
		var problems policy.Problems
		if !errors.As(err, &problems) || i+1 == len(all) || all[i+1].language != "text" {
			t.Errorf("this example is right, or shows no message: %v\n%s", err, f.text)
		} else if diff := cmp.Diff(strings.TrimSpace(all[i+1].text), problems.Error()); diff != "" {
			t.Errorf("the messages of an example differ (-shown +real):\n%s", diff)
		}
	}
	if right < 5 || wrong < 3 {
		t.Errorf("found %d right and %d wrong examples; are they marked as before?", right, wrong)
	}
}

// TestPoliciesOfOtherPages: so is every policy that another page shows.
func TestPoliciesOfOtherPages(t *testing.T) {
	found := 0
	for _, page := range []string{"README.md", "docs/sources.md"} {
		for _, f := range fences(t, page) {
			if f.language != "yaml" || !strings.Contains(f.text, "\nkind: Policy\n") {
				continue
			}
			found++
			if _, err := policy.Parse(policy.Path, []byte(f.text), pipeline.Catalogue()); err != nil {
				t.Errorf("%s has a wrong example:\n%s\n%v", page, f.text, err)
			}
		}
	}
	if found < 3 {
		t.Errorf("found %d policies, want at least those of the README, of tenants and of PagerDuty", found)
	}
}

// noPast is an env repo without history.
type noPast struct{}

func (noPast) Episodes(string, amend.Mode) ([]amend.Episode, error)  { return nil, nil }
func (noPast) Records(time.Time, amend.Mode) ([]amend.Record, error) { return nil, nil }
func (noPast) Reviews(time.Time) ([]time.Duration, error)            { return nil, nil }
func (noPast) Versions(amend.RepoPath) iter.Seq2[pipeline.Version, error] {
	return func(func(pipeline.Version, error) bool) {}
}

func (noPast) Commits() iter.Seq2[pipeline.Commit, error] {
	return func(func(pipeline.Commit, error) bool) {}
}

// TestPolicyWalkthrough: the files of the first example, the alert and the diff
// that are shown belong together.
func TestPolicyWalkthrough(t *testing.T) {
	files := fstest.MapFS{}
	var shown string
	var console strings.Builder
	for _, f := range fences(t, "docs/policy.md") {
		if name, ok := strings.CutPrefix(f.label, "file="); ok {
			files[name] = &fstest.MapFile{Data: []byte(f.text)}
		}
		switch f.language {
		case "diff":
			shown = f.text
		case "console":
			console.WriteString(f.text)
		}
	}
	alerts, _, err := alert.DecodeAlertmanager(bytes.NewReader(files["alert.json"].Data), alert.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	delete(files, "alert.json")
	now := time.Date(2026, 1, 5, 9, 2, 0, 0, time.UTC)
	e := alert.NewEvent(alerts[0], now, alert.NewIdentity(alert.DefaultVolatile()))
	d, err := pipeline.New().Decide(pipeline.World{Tree: files, Past: noPast{}, Now: now}, e)
	if err != nil || d.Plan == nil {
		t.Fatalf("%+v, %v", d, err)
	}
	if diff := cmp.Diff(shown, d.Plan.Diff); diff != "" {
		t.Errorf("the diff differs (-shown +real):\n%s", diff)
	}
	for _, want := range []string{string(d.Reason), d.Detail, d.Incident} {
		if !strings.Contains(console.String(), want) {
			t.Errorf("the page does not show %q", want)
		}
	}
}

var firstCell = regexp.MustCompile("(?m)^\\| `([^`]+)` +\\|(.*)$")

// rows returns how often each name in backticks begins a row of the page's
// tables, and fails on rows with an empty cell.
func rows(t *testing.T, name string) map[string]int {
	t.Helper()
	count := map[string]int{}
	for _, m := range firstCell.FindAllStringSubmatch(string(readDoc(t, name)), -1) {
		count[m[1]]++
		for cell := range strings.SplitSeq(strings.TrimSuffix(m[2], "|"), "|") {
			if strings.TrimSpace(cell) == "" {
				t.Errorf("%s: the row of %s has an empty cell", name, m[1])
			}
		}
	}
	return count
}

// oneRowEach checks that the page has one row for each name and no others.
func oneRowEach(t *testing.T, page string, names []string) {
	t.Helper()
	if len(names) == 0 {
		t.Fatalf("nothing was found that %s should list", page)
	}
	count := rows(t, page)
	for _, name := range names {
		if count[name] != 1 {
			t.Errorf("%s has %d rows for %s, want 1", page, count[name], name)
		}
		delete(count, name)
	}
	for name := range count {
		t.Errorf("%s has a row for %s, which does not exist", page, name)
	}
}

// TestEveryReasonIsExplained compares docs/decisions.md with the constants.
func TestEveryReasonIsExplained(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "decision.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); !ok || typ.Name != "Reason" {
			return true
		}
		for _, v := range spec.Values {
			value, err := strconv.Unquote(v.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			reasons = append(reasons, value)
		}
		return true
	})
	oneRowEach(t, "docs/decisions.md", reasons)
}

var (
	directModule = regexp.MustCompile(`(?m)^(?:require )?\t?([a-z0-9.-]+\.[a-z]+/\S+) v\S+$`)
	toolPackage  = regexp.MustCompile(`(?m)^\t([a-z0-9.-]+\.[a-z]+/\S+)$`)
)

// TestEveryDependencyIsExplained compares docs/dependencies.md with the direct
// modules and the tools of every go.mod.
func TestEveryDependencyIsExplained(t *testing.T) {
	seen := map[string]bool{"github.com/amendhq/amend": true} // of which bench is a part
	var names []string
	collect := func(re *regexp.Regexp, file string) {
		for _, m := range re.FindAllStringSubmatch(string(readDoc(t, file)), -1) {
			if !seen[m[1]] {
				seen[m[1]] = true
				names = append(names, m[1])
			}
		}
	}
	for _, dir := range []string{"", "tools/", "bench/", "e2e/"} {
		collect(directModule, dir+"go.mod")
		collect(toolPackage, dir+"go.mod")
	}
	oneRowEach(t, "docs/dependencies.md", names)
}

func sources(t *testing.T, pattern string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
	if err != nil || len(names) == 0 {
		t.Fatalf("no file is named %s: %v", pattern, err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// metricRow is the start of a table row about a metric.
var metricRow = regexp.MustCompile("(?m)^\\| `(amend_[a-z_]+)`")

// TestEveryMetricIsExplained: each metric has a row on some page, and each row
// is about a metric.
func TestEveryMetricIsExplained(t *testing.T) {
	exists := map[string]bool{}
	for _, file := range slices.Concat(sources(t, "cmd/amend/*.go"), sources(t, "internal/*/*.go")) {
		ast.Inspect(file, func(n ast.Node) bool {
			if field, ok := n.(*ast.KeyValueExpr); ok {
				if key, ok := field.Key.(*ast.Ident); ok && key.Name == "Name" {
					if name, ok := field.Value.(*ast.BasicLit); ok && strings.HasPrefix(name.Value, `"amend_`) {
						exists[strings.Trim(name.Value, `"`)] = true
					}
				}
			}
			return true
		})
	}
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(exists) == 0 {
		t.Fatalf("%d metrics, %v", len(exists), err)
	}
	explained := map[string]bool{}
	for _, page := range pages {
		for _, m := range metricRow.FindAllSubmatch(readDoc(t, "docs/"+filepath.Base(page)), -1) {
			if explained[string(m[1])] = true; !exists[string(m[1])] {
				t.Errorf("%s has a row for %s, which does not exist", page, m[1])
			}
		}
	}
	for name := range exists {
		if !explained[name] {
			t.Errorf("no page has a row for %s", name)
		}
	}
}
