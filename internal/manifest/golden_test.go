package manifest_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/manifest"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden output in testdata")

// TestGolden runs the commands in the head of each testdata file, each on the
// file as it is, and compares what they print: a diff or the refusal.
//
//	documents | leaves | keys DOC FIELD KEY
//	set DOC FIELD string|number|bool VALUE
//	setpath PATH string|number|bool VALUE
//	insert DOC FIELD string|number|bool VALUE
//	item DOC FIELD KEY=STRING|KEY:=NUMBER…
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			in, want := archived(ar, "in"), archived(ar, "out")
			got := runScript(string(ar.Comment), in)
			if *update {
				ar.Files = []txtar.File{{Name: "in", Data: in}, {Name: "out", Data: []byte(got)}}
				if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("output differs from %s (-want +got):\n%s", name, d)
			}
		})
	}
}

func archived(ar *txtar.Archive, name string) []byte {
	for _, f := range ar.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

func runScript(script string, in []byte) string {
	var out strings.Builder
	f, parseErr := manifest.Parse(in)
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fmt.Fprintf(&out, "> %s\n", line)
		if parseErr != nil {
			fmt.Fprintf(&out, "%s: %v\n", amend.KindOf(parseErr), parseErr)
			continue
		}
		out.WriteString(runCommand(f, strings.Fields(line)))
	}
	return out.String()
}

func runCommand(f *manifest.File, args []string) string {
	var res manifest.Result
	var err error
	switch args[0] {
	case "documents":
		return listDocuments(f)
	case "leaves":
		return listLeaves(f)
	case "keys":
		return fmt.Sprintf("%q\n", f.Keys(atoi(args[1]), field(args[2]), args[3]))
	case "set":
		l, ok := f.Leaf(atoi(args[1]), field(args[2]))
		if !ok {
			return "no leaf\n"
		}
		res, err = f.Set(l, scalar(args[3:]))
	case "setpath":
		res, err = f.Set(leafAt(f, args[1]), scalar(args[2:]))
	case "insert":
		res, err = f.Insert(atoi(args[1]), field(args[2]), scalar(args[3:]))
	case "item":
		res, err = f.InsertItem(atoi(args[1]), field(args[2]), item(args[3:]))
	default:
		return "unknown command\n"
	}
	if err != nil {
		return fmt.Sprintf("%s: %v\n", amend.KindOf(err), err)
	}
	diff := manifest.Diff("f", f.Bytes(), res.Data)
	if _, hunks, ok := strings.Cut(diff, "+++ b/f\n"); ok {
		diff = hunks
	}
	return fmt.Sprintf("lines %d-%d\n%s", res.Line, res.EndLine, diff)
}

func listDocuments(f *manifest.File) string {
	var b strings.Builder
	for _, d := range f.Documents() {
		fmt.Fprintf(&b, "%d %s\n", d.Index, d.Object)
	}
	return b.String()
}

func listLeaves(f *manifest.File) string {
	var b strings.Builder
	for l := range f.Leaves() {
		fmt.Fprintf(&b, "%d %s = %q %s %d-%d", l.Doc, l.Path, l.Value, l.Kind, l.Line, l.EndLine)
		if l.Shared {
			b.WriteString(" shared")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func leafAt(f *manifest.File, path string) manifest.Leaf {
	for l := range f.Leaves() {
		if string(l.Path) == path {
			return l
		}
	}
	return manifest.Leaf{}
}

func scalar(args []string) amend.Scalar {
	text := strings.Join(args[1:], " ")
	if unquoted, err := strconv.Unquote(text); err == nil {
		text = unquoted
	}
	return amend.Scalar{Text: text, Number: args[0] == "number", Boolean: args[0] == "bool"}
}

func item(args []string) []manifest.KeyValue {
	var out []manifest.KeyValue
	for _, a := range args {
		k, v, _ := strings.Cut(a, "=")
		k, number := strings.CutSuffix(k, ":")
		out = append(out, manifest.KeyValue{Key: k, Value: amend.Scalar{Text: v, Number: number}})
	}
	return out
}

func field(s string) amend.FieldPath {
	p, err := amend.ParseFieldPath(s)
	if err != nil {
		panic(err) // a mistake in the test data
	}
	return p
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err) // a mistake in the test data
	}
	return n
}
