package atomicfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/amendhq/amend/internal/atomicfile"
)

// TestReadersSeeWholeFiles: whoever reads while others write sees what one of them wrote.
func TestReadersSeeWholeFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	contents := []string{strings.Repeat("a", 100_000), strings.Repeat("b", 200_000)}
	if err := atomicfile.Write(name, []byte(contents[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for _, content := range contents {
		writers.Go(func() {
			for range 50 {
				if err := atomicfile.Write(name, []byte(content), 0o640); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 200 {
		got, err := os.ReadFile(name)
		if err != nil || string(got) != contents[0] && string(got) != contents[1] {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	}
	writers.Wait()
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	wantAlone(t, name)
}

// TestFailureLeavesWhatWas: a folder cannot be replaced by a file.
func TestFailureLeavesWhatWas(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := os.Mkdir(name, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Write(name, nil, 0o600); err == nil {
		t.Error("it was replaced")
	}
	wantAlone(t, name)
	if err := atomicfile.Write(filepath.Join(name, "none", "f"), nil, 0o600); err == nil {
		t.Error("it was written into a folder that is not there")
	}
}

// wantAlone fails when there is anything beside the file.
func wantAlone(t *testing.T, name string) {
	t.Helper()
	left, err := os.ReadDir(filepath.Dir(name))
	if err != nil || len(left) != 1 {
		t.Errorf("there are %v, %v", left, err)
	}
}
