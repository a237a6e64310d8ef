package pipeline_test

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/yuin/goldmark"
	gast "github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// TestLinksLeadSomewhere: every link of a page to a file of this repository leads to one
// that is there, and to a heading that is there where it names one.
func TestLinksLeadSomewhere(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for i, p := range pages {
		pages[i] = "docs/" + filepath.Base(p)
	}
	pages = append(pages, "README.md", "CONTRIBUTING.md", "e2e/README.md")
	for _, page := range pages {
		links, _ := readPage(t, page)
		for _, link := range links {
			file, heading, _ := strings.Cut(link, "#")
			target := page
			if file != "" {
				target = path.Join(path.Dir(page), file)
			}
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(target))); err != nil {
				t.Errorf("%s links %s: %v", page, link, err)
				continue
			}
			if heading == "" {
				continue
			}
			if _, headings := readPage(t, target); !headings[heading] {
				t.Errorf("%s links %s, and there is no such heading", page, link)
			}
		}
	}
}

// readPage returns the links of a page that lead to files, and the names that GitHub gives
// to its headings.
func readPage(t *testing.T, page string) (links []string, headings map[string]bool) {
	t.Helper()
	source := readDoc(t, page)
	headings = map[string]bool{}
	err := gast.Walk(goldmark.DefaultParser().Parse(text.NewReader(source)), func(n gast.Node, entering bool) (gast.WalkStatus, error) {
		if !entering {
			return gast.WalkContinue, nil
		}
		var link []byte
		switch n := n.(type) {
		case *gast.Heading:
			headings[headingName(n.Lines().Value(source))] = true
		case *gast.Link:
			link = n.Destination
		case *gast.Image:
			link = n.Destination
		}
		if len(link) > 0 && !bytes.Contains(link, []byte("://")) {
			links = append(links, string(link))
		}
		return gast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return links, headings
}

func headingName(title []byte) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, string(title))
}
