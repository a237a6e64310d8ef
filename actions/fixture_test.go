package actions_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v3"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/actions"
)

var update = flag.Bool("update", false, "rewrite the want and error sections of testdata")

// A fixture is one testdata/<action>*.txtar. Its comment says what it shows;
// request.json and object.yaml are the input, previous.yaml (optional) maps
// field paths to their earlier values, commit.yaml (optional) is the commit behind
// the alert, and want or error is the outcome.
type fixture struct {
	path    string
	archive *txtar.Archive
	Request amend.Request
	view    object
}

func TestFixtures(t *testing.T) {
	for _, f := range loadFixtures(t) {
		t.Run(strings.TrimSuffix(filepath.Base(f.path), ".txtar"), func(t *testing.T) {
			action, ok := actions.Lookup(f.Request.Action)
			if !ok || !strings.HasPrefix(filepath.Base(f.path), action.Name) {
				t.Fatalf("the request of %s asks for %q; name the file after its action", f.path, f.Request.Action)
			}
			sets, err := action.Plan(f.Request, f.view)
			for _, s := range sets {
				if !slices.ContainsFunc(action.Fields, func(p amend.FieldPattern) bool { return p.Matches(s.Field.String()) }) {
					t.Errorf("%s sets %s, which is none of its Fields; add it there", action.Name, s.Field)
				}
			}
			section, got := outcome(sets, err)
			if again, same := outcome(action.Plan(f.Request, f.view)); again != section || same != got {
				t.Errorf("planning twice gave %s\nand then %s", got, same)
			}
			if *update {
				f.rewrite(t, section, got)
				return
			}
			if diff := cmp.Diff(f.file(section), got); diff != "" {
				t.Errorf("section %q (-want +got), see -update:\n%s", section, diff)
			}
		})
	}
}

// outcome writes the result of a plan as a section of a fixture.
func outcome(sets []actions.Set, err error) (section, text string) {
	if err != nil {
		return "error", fmt.Sprintf("%s %s\n%s\n", amend.KindOf(err), amend.ReasonOf(err), err)
	}
	var b strings.Builder
	for _, s := range sets {
		if s.Along {
			b.WriteString("along: ")
		}
		if value := s.Value.Text; s.Value.IsText() {
			fmt.Fprintf(&b, "%s = %q\n", s.Field, value)
		} else {
			fmt.Fprintf(&b, "%s = %s\n", s.Field, value)
		}
	}
	return "want", b.String()
}

func loadFixtures(t *testing.T) []fixture {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	var all []fixture
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f := fixture{path: path, archive: archive}
		in := json.NewDecoder(strings.NewReader(f.file("request.json")))
		in.DisallowUnknownFields()
		if err := in.Decode(&f.Request); err != nil {
			t.Fatalf("%s: request.json: %v", path, err)
		}
		f.view.previous = map[string]string{}
		if err := yaml.Unmarshal([]byte(f.file("object.yaml")), &f.view.root); err != nil {
			t.Fatalf("%s: object.yaml: %v", path, err)
		}
		if err := yaml.Unmarshal([]byte(f.file("previous.yaml")), &f.view.previous); err != nil {
			t.Fatalf("%s: previous.yaml: %v", path, err)
		}
		if err := yaml.Unmarshal([]byte(f.file("commit.yaml")), &f.view.commit); err != nil {
			t.Fatalf("%s: commit.yaml: %v", path, err)
		}
		all = append(all, f)
	}
	return all
}

func (f fixture) file(name string) string {
	for _, file := range f.archive.Files {
		if file.Name == name {
			return string(file.Data)
		}
	}
	return ""
}

func (f fixture) rewrite(t *testing.T, section, text string) {
	t.Helper()
	out := txtar.Archive{Comment: f.archive.Comment}
	for _, file := range f.archive.Files {
		if file.Name != "want" && file.Name != "error" {
			out.Files = append(out.Files, file)
		}
	}
	out.Files = append(out.Files, txtar.File{Name: section, Data: []byte(text)})
	if data := txtar.Format(&out); !bytes.Equal(data, txtar.Format(f.archive)) {
		if err := os.WriteFile(f.path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// object is a View of one YAML document.
type object struct {
	root     yaml.Node
	previous map[string]string
	commit   commit
}

// A commit is the last one that changed the object.
type commit struct {
	SHA     string    `yaml:"sha"`
	At      time.Time `yaml:"at"`
	Ours    bool      `yaml:"ours"`
	Changes []struct {
		Field         string
		Before, After yaml.Node
		Aside         bool
	} `yaml:"changes"`
}

func (o object) Value(field amend.FieldPath) (amend.Scalar, bool) {
	s := scalar(o.find(field))
	if s == nil {
		return amend.Scalar{}, false
	}
	return *s, true
}

// scalar returns a node as the View does, nil when it is no scalar.
func scalar(n *yaml.Node) *amend.Scalar {
	if n == nil || n.Kind != yaml.ScalarNode {
		return nil
	}
	tag := n.ShortTag()
	return &amend.Scalar{Text: n.Value, Number: tag == "!!int" || tag == "!!float", Boolean: tag == "!!bool"}
}

func (o object) Names(field amend.FieldPath) []string {
	n := o.find(field)
	if n == nil {
		return nil
	}
	var names []string
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		names = append(names, n.Content[i].Value)
	}
	for i := 0; n.Kind == yaml.SequenceNode && i < len(n.Content); i++ {
		if name := child(n.Content[i], "name"); name != nil {
			names = append(names, name.Value)
		}
	}
	return names
}

func (o object) Previous(field amend.FieldPath) (string, error) {
	if v, ok := o.previous[field.String()]; ok {
		return v, nil
	}
	return "", amend.Refusef(amend.ReasonNoHistory, "no earlier value")
}

func (o object) Cause(from, to time.Time) (actions.Commit, error) {
	if !o.commit.At.After(from) || o.commit.At.After(to) {
		return actions.Commit{}, amend.Refusef(amend.ReasonNoHistory, "no commit then")
	}
	c := actions.Commit{SHA: o.commit.SHA, Ours: o.commit.Ours}
	for _, change := range o.commit.Changes {
		field, err := amend.ParseFieldPath(change.Field)
		if err != nil {
			return actions.Commit{}, err
		}
		c.Changes = append(c.Changes, actions.Change{Field: field, Before: scalar(&change.Before), After: scalar(&change.After), Aside: change.Aside})
	}
	return c, nil
}

func (o object) find(field amend.FieldPath) *yaml.Node {
	n := &o.root
	if n.Kind == yaml.DocumentNode {
		n = n.Content[0]
	}
	for _, step := range field {
		if step.Select == "" {
			n = child(n, step.Key)
		} else {
			n = item(n, step.Select, step.Key)
		}
		if n == nil {
			return nil
		}
	}
	return n
}

func child(n *yaml.Node, key string) *yaml.Node {
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func item(n *yaml.Node, key, value string) *yaml.Node {
	if i, err := strconv.Atoi(value); key == "index" && err == nil && i < len(n.Content) {
		return n.Content[i]
	}
	var found *yaml.Node
	for _, it := range n.Content {
		if v := child(it, key); v != nil && v.Value == value {
			if found != nil {
				return nil // it could be either
			}
			found = it
		}
	}
	return found
}
