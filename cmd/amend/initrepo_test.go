package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInitPinsTheVersion: the action of the env repo installs the amend that wrote it.
func TestInitPinsTheVersion(t *testing.T) {
	for version, want := range map[string]string{
		"v0.0.0-20260301120000-0123456789ab": `default: "v0.0.0-20260301120000-0123456789ab"`,
		"":                                   `default: ""`,
	} {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, ".git"), 0o755); err != nil {
			t.Fatal(err)
		}
		done, err := initRepo(dir, version)
		if err != nil || len(done.Wrote) != 3 {
			t.Fatal(done, err)
		}
		got, err := os.ReadFile(filepath.Join(dir, recordActionFile))
		if err != nil {
			t.Fatal(err)
		}
		_, inputs, _ := strings.Cut(string(got), "\ninputs:\n  version:\n")
		if first, _, _ := strings.Cut(inputs, "\n  login:"); !strings.Contains(first, want) {
			t.Errorf("the input version is\n%s\nwant %s", first, want)
		}
	}
}
