package pipeline_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	gast "github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// threats is how many threats docs/security.md is about, and systems how many
// systems docs/mission.md is.
const (
	threats = 26
	systems = 21
)

var testName = regexp.MustCompile(`^(Test|Fuzz)[A-Z]\w*$`)

// TestPagesNameTestsThatExist: every test that a page about promises names is a
// link to the file that declares it, and every other file that it links is there.
func TestPagesNameTestsThatExist(t *testing.T) {
	for _, page := range []string{"docs/security.md", "docs/reliability.md", "docs/mission.md"} {
		source := readDoc(t, page)
		err := gast.Walk(goldmark.DefaultParser().Parse(text.NewReader(source)), func(n gast.Node, entering bool) (gast.WalkStatus, error) {
			switch n := n.(type) {
			case *gast.Link:
				file, _, _ := strings.Cut(string(n.Destination), "#")
				if _, err := os.Stat(filepath.Join(root, "docs", filepath.FromSlash(file))); entering && !strings.Contains(file, "://") && err != nil {
					t.Errorf("%s links %v", page, err)
				}
			case *gast.CodeSpan:
				name := string(n.FirstChild().(*gast.Text).Segment.Value(source))
				if !entering || !testName.MatchString(name) {
					break
				}
				if link, ok := n.Parent().(*gast.Link); !ok {
					t.Errorf("%s names %s and does not say where it is", page, name)
				} else if file := path.Join("docs", string(link.Destination)); !declares(t, file, name) {
					t.Errorf("%s names %s, which %s does not declare", page, name, file)
				}
			}
			return gast.WalkContinue, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestSecurityPageIsComplete: every threat has its row, and one without a test says
// "not yet".
func TestSecurityPageIsComplete(t *testing.T) {
	provedByTests(t, "docs/security.md", "T", threats)
}

// TestMissionPageIsComplete: every system has its row, as every threat does.
func TestMissionPageIsComplete(t *testing.T) {
	provedByTests(t, "docs/mission.md", "M", systems)
}

// provedByTests holds a page to one row for each of so many names, each with a
// test or with the words "not yet".
func provedByTests(t *testing.T, page, letter string, count int) {
	t.Helper()
	var names []string
	for n := range count {
		names = append(names, fmt.Sprintf("%s%d", letter, n+1))
	}
	oneRowEach(t, page, names)
	for _, row := range firstCell.FindAllStringSubmatch(string(readDoc(t, page)), -1) {
		if !regexp.MustCompile(`\[.(Test|Fuzz)`).MatchString(row[2]) && !strings.Contains(row[2], "Not yet") {
			t.Errorf("%s proves %s by no test, and does not say so", page, row[1])
		}
	}
}

// declares reports whether a file of tests has the test.
func declares(t *testing.T, file, test string) bool {
	t.Helper()
	if !strings.HasSuffix(file, "_test.go") {
		return false
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, filepath.FromSlash(file)), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Error(err)
		return false
	}
	for _, d := range parsed.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == test {
			return true
		}
	}
	return false
}
