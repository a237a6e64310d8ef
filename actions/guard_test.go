package actions_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/actions"
)

const catalogueDoc = "../docs/actions.md"

// TestEveryActionIsComplete holds each action to the guide in docs/actions.md.
// What it prints is what the author of a new action has to do next.
func TestEveryActionIsComplete(t *testing.T) {
	doc, err := os.ReadFile(catalogueDoc)
	if err != nil {
		t.Fatal(err)
	}
	fixtures := map[string]int{}
	for _, f := range loadFixtures(t) {
		fixtures[f.Request.Action]++
	}
	for _, todo := range guard(actions.All(), fixtures, string(doc)) {
		t.Error(todo)
	}
}

// TestGuard proves that each rule of the guard fails on an action that breaks it.
func TestGuard(t *testing.T) {
	anyField := []amend.FieldPattern{"**"}
	good := actions.Action{Name: "drain-node", Summary: "Drain it.", Kinds: []string{"Node"}, Fields: anyField}
	for _, c := range []struct {
		name     string
		action   actions.Action
		fixtures int
		doc      string
		want     []string
	}{
		{"complete", good, 1, row(good) + "\n", nil},
		{"camel case", actions.Action{Name: "drainNode", Summary: "Drain it.", Kinds: []string{"Node"}, Fields: anyField}, 1,
			"| `drainNode` | Drain it. | Node | none |", []string{"is not a kebab-case command"}},
		{"not a command", actions.Action{Name: "draining-node", Summary: "Drain it.", Kinds: []string{"Node"}, Fields: anyField}, 1,
			"| `draining-node` | Drain it. | Node | none |", []string{"is not a kebab-case command"}},
		{"no fixture", good, 0, row(good), []string{"add actions/testdata/drain-node.txtar"}},
		{"no row", good, 1, "", []string{"has 0 rows"}},
		{"two rows", good, 1, row(good) + "\n" + row(good), []string{"has 2 rows"}},
		{"stale row", good, 1, "| `drain-node` | Something else. | Node | none |", []string{"replace the row"}},
		{"no kinds", actions.Action{Name: "drain-node", Summary: "Drain it.", Fields: anyField}, 1, "| `drain-node` | Drain it. |  | none |",
			[]string{"names no workload kinds"}},
		{"no fields", actions.Action{Name: "drain-node", Summary: "Drain it.", Kinds: []string{"Node"}}, 1, row(good), []string{"names no fields"}},
		{"bad default", with(good, amend.Param{Name: "by", Type: amend.ParamInt, Min: 1, Default: "0", Help: "h"}), 1, "", []string{"is not a whole number of at least 1"}},
		{"no help", with(good, amend.Param{Name: "by", Type: amend.ParamInt}), 1, "", []string{"needs a kebab-case name and a Help"}},
		{"long summary", actions.Action{Name: "drain-node", Summary: "a\nb", Kinds: []string{"Node"}, Fields: anyField}, 1, "| `drain-node` | a\nb | Node | none |",
			[]string{"one sentence on one line", "has 1 rows"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := guard([]actions.Action{c.action}, map[string]int{c.action.Name: c.fixtures}, c.doc)
			if len(got) < len(c.want) || (len(c.want) == 0) != (len(got) == 0) {
				t.Fatalf("guard said %q, want %q", got, c.want)
			}
			if len(c.want) > 0 && !strings.Contains(got[0], c.want[0]) {
				t.Errorf("guard said %q, want %q", got[0], c.want[0])
			}
		})
	}
}

func with(a actions.Action, p amend.Param) actions.Action {
	a.Params = []amend.Param{p}
	return a
}

var (
	kebab    = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	noun     = regexp.MustCompile(`^[a-z]+(ing|tion|ment)(-|$)`)
	sentence = regexp.MustCompile(`^[A-Z][^\n|]{1,98}\.$`)
)

// guard returns one instruction for everything that an action lacks.
func guard(all []actions.Action, fixtures map[string]int, doc string) []string {
	var todo []string
	say := func(format string, args ...any) { todo = append(todo, fmt.Sprintf(format, args...)) }
	for _, a := range all {
		if !kebab.MatchString(a.Name) || noun.MatchString(a.Name) {
			say("the name %q is not a kebab-case command; name what the action does, e.g. restart, scale-replicas, roll-back-image", a.Name)
		}
		if !sentence.MatchString(a.Summary) {
			say("the summary of %s, %q, is not one sentence on one line: start with a capital, end with a full stop, at most 100 characters", a.Name, a.Summary)
		}
		if len(a.Kinds) == 0 {
			say("%s names no workload kinds: set Kinds in its register call", a.Name)
		}
		if len(a.Fields) == 0 {
			say("%s names no fields: set Fields in its register call to all that its Plan may set", a.Name)
		}
		for _, p := range a.Params {
			if p.Help == "" || !kebab.MatchString(p.Name) {
				say("parameter %q of %s needs a kebab-case name and a Help", p.Name, a.Name)
			}
			if p.Default != "" && !p.Accepts(p.Default) {
				say("the default %q of parameter %q of %s is not %s", p.Default, p.Name, a.Name, p.Wants())
			}
		}
		if fixtures[a.Name] == 0 {
			say("%s has no fixture: add actions/testdata/%s.txtar with a request.json and an object.yaml (copy another one), then run: go test ./actions -update", a.Name, a.Name)
		}
		rows := rowsOf(a.Name, doc)
		if len(rows) != 1 {
			say("%s has %d rows in docs/actions.md, it needs exactly this one:\n%s", a.Name, len(rows), row(a))
		} else if rows[0] != row(a) {
			say("docs/actions.md is behind the source of %s: replace the row\n%s\nby\n%s", a.Name, rows[0], row(a))
		}
	}
	return todo
}

// row is the line of docs/actions.md that describes a.
func row(a actions.Action) string {
	params := make([]string, 0, len(a.Params))
	for _, p := range a.Params {
		need := "required"
		if p.Default != "" {
			need = "default " + p.Default
		}
		params = append(params, fmt.Sprintf("`%s` (%s, %s): %s", p.Name, p.Type, need, p.Help))
	}
	if len(params) == 0 {
		params = []string{"none"}
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |", a.Name, a.Summary, strings.Join(a.Kinds, ", "), strings.Join(params, "; "))
}

func rowsOf(name, doc string) []string {
	return slices.DeleteFunc(strings.Split(doc, "\n"), func(line string) bool { return !strings.HasPrefix(line, "| `"+name+"` |") })
}

func TestCatalogueIsSortedAndFound(t *testing.T) {
	var names []string
	for _, a := range actions.All() {
		names = append(names, a.Name)
		if found, ok := actions.Lookup(a.Name); !ok || found.Name != a.Name {
			t.Errorf("Lookup(%q) = %q, %v", a.Name, found.Name, ok)
		}
	}
	if want := slices.Sorted(slices.Values(names)); len(names) == 0 || !cmp.Equal(names, want) {
		t.Errorf("All() lists %q, want the sorted %q", names, want)
	}
	if a, ok := actions.Lookup("delete-cluster"); ok {
		t.Errorf("Lookup found %q, which nobody registered", a.Name)
	}
}

func TestEveryActionRefusesForeignKinds(t *testing.T) {
	req := amend.Request{Workload: amend.Workload{ObjectRef: amend.ObjectRef{Kind: "Secret", Name: "s"}}}
	for _, a := range actions.All() {
		if _, err := a.Plan(req, nil); amend.ReasonOf(err) != amend.ReasonNoWorkload {
			t.Errorf("%s planned a change of a Secret: %v", a.Name, err)
		}
	}
}
