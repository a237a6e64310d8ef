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
		if f.language != "yaml" || strings.HasPrefix(f.label, "file=") && f.label != "file="+policy.Path {
			continue
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
	if right < 3 || wrong < 3 {
		t.Errorf("found %d right and %d wrong examples; are they marked as before?", right, wrong)
	}
}

// noPast is an env repo without history.
type noPast struct{}

func (noPast) Episodes(string, amend.Mode) ([]amend.Episode, error) { return nil, nil }
func (noPast) Versions(amend.RepoPath) iter.Seq2[pipeline.Version, error] {
	return func(func(pipeline.Version, error) bool) {}
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
// modules of go.mod, and with the tools and direct modules of tools/go.mod.
func TestEveryDependencyIsExplained(t *testing.T) {
	seen := map[string]bool{}
	var names []string
	collect := func(re *regexp.Regexp, file string) {
		for _, m := range re.FindAllStringSubmatch(string(readDoc(t, file)), -1) {
			if !seen[m[1]] {
				seen[m[1]] = true
				names = append(names, m[1])
			}
		}
	}
	collect(directModule, "go.mod")
	collect(toolPackage, "tools/go.mod")
	collect(directModule, "tools/go.mod")
	oneRowEach(t, "docs/dependencies.md", names)
}

var (
	flagName   = regexp.MustCompile(`\.\w+Var\(&f\.\w+, "([a-z-]+)"`)
	metricName = regexp.MustCompile(`Name: +"(amend_[a-z_]+)"`)
)

// TestServePageIsComplete: docs/serve.md has one row for each flag of serve and
// for each metric, and no others.
func TestServePageIsComplete(t *testing.T) {
	var names []string
	// Where serve's own flags are, and those that it shares with other commands.
	for _, file := range []string{"serveflags.go", "repoflags.go", "parts.go", "logging.go"} {
		for _, m := range flagName.FindAllSubmatch(readDoc(t, "cmd/amend/"+file), -1) {
			names = append(names, "--"+string(m[1]))
		}
	}
	for _, file := range []string{"cmd/amend/decisions.go", "internal/gateway/metrics.go", "internal/bus/metrics.go"} {
		for _, m := range metricName.FindAllSubmatch(readDoc(t, file), -1) {
			names = append(names, string(m[1]))
		}
	}
	documented := rows(t, "docs/serve.md")
	for _, name := range names {
		if documented[name] != 1 {
			t.Errorf("docs/serve.md has %d rows for %s, want 1", documented[name], name)
		}
		delete(documented, name)
	}
	for name := range documented {
		if strings.HasPrefix(name, "--") || strings.HasPrefix(name, "amend_") {
			t.Errorf("docs/serve.md has a row for %s, which does not exist", name)
		}
	}
}
