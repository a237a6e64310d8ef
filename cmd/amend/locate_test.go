package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var (
	repoBlock    = regexp.MustCompile("(?s)```txtar\n(.*?)```")
	consoleBlock = regexp.MustCompile("(?s)```console\n\\$ ([^\n]*)\n(.*?)```")
	quotedArg    = regexp.MustCompile(`'[^']*'|[^ ']+`)
)

// TestLocatePageRuns runs every example of docs/locate.md on the repo that the
// page shows.
func TestLocatePageRuns(t *testing.T) {
	text := page(t, "locate.md")
	dir := t.TempDir()
	if err := unpack(dir, txtar.Parse([]byte(repoBlock.FindStringSubmatch(text)[1])).Files); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	examples := consoleBlock.FindAllStringSubmatch(text, -1)
	if len(examples) < 4 {
		t.Fatalf("%d examples", len(examples))
	}
	for _, e := range examples {
		var args []string
		for _, a := range quotedArg.FindAllString(e[1], -1)[1:] {
			args = append(args, strings.Trim(a, "'"))
		}
		var stdout, stderr bytes.Buffer
		run(args, &stdout, &stderr)
		if diff := cmp.Diff(e[2], stdout.String()+stderr.String()); diff != "" {
			t.Errorf("%s (-page +got):\n%s", e[1], diff)
		}
	}
}

// TestLocatePageNamesEveryFlag, and no flag that neither command has.
func TestLocatePageNamesEveryFlag(t *testing.T) {
	said := documentedFlags(t, "locate.md", "Flags")
	checkFlags(t, newEdit(), said)
	onlyEdit := maps.Clone(said)
	delete(onlyEdit, "set")
	delete(onlyEdit, "write")
	checkFlags(t, newLocate(), onlyEdit)
}

// TestLocatePageNamesEveryReason: those that the scenarios of internal/locate
// end in.
func TestLocatePageNamesEveryReason(t *testing.T) {
	files, err := filepath.Glob("../../internal/locate/testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scenarios, %v", len(files), err)
	}
	text := page(t, "locate.md")
	refused := regexp.MustCompile(`(?m)^(?:edit )?refused ([a-z-]+)`)
	var missing []string
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range refused.FindAllStringSubmatch(string(data), -1) {
			if reason := m[1]; !strings.Contains(text, "\n| `"+reason+"` |") && reason != "no-change" && !slices.Contains(missing, reason) {
				missing = append(missing, reason)
			}
		}
	}
	if len(missing) > 0 {
		t.Errorf("docs/locate.md does not explain %v", missing)
	}
}
