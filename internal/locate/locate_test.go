package locate_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/locate"
	"github.com/amendhq/amend/internal/manifest"
	"github.com/amendhq/amend/internal/tree"
)

var update = flag.Bool("update", false, "write what the cases give into their want sections")

// A scenario is one txtar file: the comment asks, the files are the env repo.
type scenario struct {
	file    string
	archive *txtar.Archive
	query   locate.Query
	set     amend.Scalar
	repo    fstest.MapFS
	want    string
}

// The sections of a scenario that are no files of the env repo.
const (
	wantName = "want"
	liveName = "live" // what --application FILE holds
)

func readScenario(t testing.TB, file string) scenario {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := scenario{file: file, archive: a, repo: fstest.MapFS{}}
	crlf := false
	for line := range strings.Lines(string(a.Comment)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "object":
			s.query.Object, err = amend.ParseObjectRef(value)
		case "field":
			s.query.Field, err = amend.ParseFieldPath(value)
		case "set":
			s.set = amend.Scalar{Text: value}
		case "number":
			s.set = amend.Scalar{Text: value, Number: true}
		case "boolean":
			s.set = amend.Scalar{Text: value, Boolean: true}
		case "root":
			s.query.Root = value
		case "application":
			s.query.Application = value
		case "shared":
			s.query.AllowShared = true
		case "crlf":
			crlf = true
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range a.Files {
		if f.Name == wantName {
			s.want = string(f.Data)
			continue
		}
		if f.Name == liveName {
			s.query.Live = f.Data
			continue
		}
		if crlf {
			f.Data = bytes.ReplaceAll(f.Data, []byte("\n"), []byte("\r\n"))
		}
		s.repo[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return s
}

func scenarios(t testing.TB) []scenario {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d scenarios, %v", len(files), err)
	}
	var list []scenario
	for _, f := range files {
		list = append(list, readScenario(t, f))
	}
	return list
}

// An answer is what a Locator says of a scenario.
type answer struct {
	site             locate.Site
	result           locate.Result
	refused, editing error // of Locate and of Edit
}

func ask(l *locate.Locator, s scenario) (a answer) {
	a.site, a.refused = l.Locate(s.repo, s.query)
	a.result, a.editing = l.Edit(s.repo, s.query, s.set)
	return a
}

// shared answers each scenario once for all tests, with one Locator: what it
// remembers must not mix up repos. Tests that use it do not run in parallel.
var shared = struct {
	locator *locate.Locator
	answers map[string]answer
}{newLocator(), map[string]answer{}}

func answerOf(s scenario) answer {
	a, known := shared.answers[s.file]
	if !known {
		a = ask(shared.locator, s)
		shared.answers[s.file] = a
	}
	return a
}

func TestScenarios(t *testing.T) {
	for _, s := range scenarios(t) {
		t.Run(strings.TrimSuffix(path.Base(s.file), ".txtar"), func(t *testing.T) {
			got := report(s, answerOf(s))
			if *update {
				rewriteWant(t, s, got)
				return
			}
			if diff := cmp.Diff(s.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", s.file, diff)
			}
		})
	}
}

func rewriteWant(t *testing.T, s scenario, got string) {
	t.Helper()
	a, err := txtar.ParseFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	files := a.Files[:0]
	for _, f := range a.Files {
		if f.Name != wantName {
			files = append(files, f)
		}
	}
	a.Files = append(files, txtar.File{Name: wantName, Data: []byte(got)})
	if err := os.WriteFile(s.file, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}

// report writes what a scenario gives, for people to judge.
func report(s scenario, a answer) string {
	var b strings.Builder
	if a.refused != nil {
		fmt.Fprintf(&b, "refused %s: %v\n", amend.ReasonOf(a.refused), a.refused)
	} else {
		site, status := a.site, "located"
		if site.Add {
			status = "add"
		}
		fmt.Fprintf(&b, "%s %s:%d-%d %s current=%q %s renders=%d\nvia %s\n",
			status, site.Path, site.Line, site.EndLine, site.YAMLPath, site.Current, site.SourceType, site.Renders, site.Via)
		for _, h := range site.Hops {
			fmt.Fprintf(&b, "hop %s <- %s %s in %s\n", h.Controls, h.Object, h.Field, h.Source)
		}
		for _, c := range site.AlsoChanges {
			fmt.Fprintf(&b, "also %s %s (%s)\n", c.Object, c.Field, c.Application)
		}
	}
	if a.editing != nil {
		fmt.Fprintf(&b, "edit refused %s\n", amend.ReasonOf(a.editing))
		return b.String()
	}
	res := a.result
	old := s.repo[res.Path.String()].Data
	diff := manifest.Diff(res.Path.String(), old, res.Content)
	b.WriteString(strings.ReplaceAll(diff, "\r", "␍"))
	for _, c := range res.RenderDiff {
		fmt.Fprintf(&b, "render %s %s: %q -> %q\n", c.Object, c.Field, c.Old, c.New)
	}
	return b.String()
}

// TestEditThenLocate proves over all scenarios that an edit touches no byte
// outside the lines it names, and that locating again finds the new value on
// the same line.
func TestEditThenLocate(t *testing.T) {
	for _, s := range scenarios(t) {
		a := answerOf(s)
		res := a.result
		if a.editing != nil || len(res.Hops) > 0 && s.query.Live != nil { // what is live would have to change too
			continue
		}
		t.Run(strings.TrimSuffix(path.Base(s.file), ".txtar"), func(t *testing.T) {
			old := s.repo[res.Path.String()].Data
			if !sameOutside(old, res.Content, res.Edit.Target) {
				t.Errorf("bytes outside lines %d to %d differ:\n%s", res.Edit.Target.Line, res.Edit.Target.EndLine,
					manifest.Diff("f", old, res.Content))
			}
			after := tree.Overlay(s.repo, map[amend.RepoPath][]byte{res.Path: res.Content})
			s.query.Field = named(s.query.Field, s.set.Text)
			site, err := shared.locator.Locate(after, s.query)
			if err != nil {
				t.Fatalf("locating again: %v", err)
			}
			if site.Path != res.Path || site.Line < res.Edit.Target.Line || site.Line > res.Edit.Target.EndLine {
				t.Errorf("edited %s:%d-%d, located %s:%d", res.Path, res.Edit.Target.Line, res.Edit.Target.EndLine, site.Path, site.Line)
			}
			if site.Current != s.set.Text {
				t.Errorf("current = %q, want %q", site.Current, s.set.Text)
			}
			if _, err := shared.locator.Edit(after, s.query, s.set); amend.ReasonOf(err) != amend.ReasonNoChange {
				t.Errorf("the second edit: %v", err)
			}
		})
	}
}

// named names the field after the edit, which may have renamed the list item
// that the field is in.
func named(field amend.FieldPath, value string) amend.FieldPath {
	n := len(field)
	if n > 1 && field[n-2].Select != "" && field[n-2].Select == field[n-1].Key {
		return field[:n-2].Item(field[n-1].Key, value).Then(field[n-1].Key)
	}
	return field
}

// sameOutside reports whether the lines before and after the target's are the
// old file's. A line break that the last line of the old file lacked may be new.
func sameOutside(old, new []byte, at amend.Target) bool {
	lines := bytes.SplitAfter(new, []byte("\n"))
	before := bytes.Join(lines[:at.Line-1], nil)
	after := bytes.Join(lines[min(at.EndLine, len(lines)):], nil)
	trimmed := bytes.TrimRight(before, "\r\n")
	return bytes.HasPrefix(old, trimmed) && bytes.HasSuffix(old, after)
}
