package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"golang.org/x/tools/txtar"
)

// TestCausePage: the page names every flag and shows what the tested script
// prints.
func TestCausePage(t *testing.T) {
	text := page(t, "cause.md")
	newCause().Flags().VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(text, "`--"+f.Name+"`") && f.Name != "help" && f.Name != "repo" && f.Name != "output" && !strings.Contains(f.Usage, "with --cluster") {
			t.Errorf("the page does not name --%s", f.Name)
		}
	})
	script, err := txtar.ParseFile("testdata/script/cause.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range script.Files {
		if f.Name == "named.txt" && !strings.Contains(text, string(f.Data)) {
			t.Errorf("the page does not show what is printed:\n%s", f.Data)
		}
	}
}
