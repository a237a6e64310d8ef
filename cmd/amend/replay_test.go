package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/amendhq/amend/internal/alert"
)

// What serve records is what a replay reads.
func TestServeRecordsEvents(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1, "", nil)
	events := filepath.Join(s.dir, "events")
	s.start("--record-events", events)
	a := firing("AppStuck", app(1))
	s.post(a)
	s.decided(app(1), 1)
	s.post(resolved(a))
	s.decided(app(1), 2)
	got, err := readEvents(events, alert.NewIdentity(alert.DefaultVolatile()))
	if err != nil || len(got) != 2 || got[0].Alert.Name() != "AppStuck" || got[0].Identity != got[1].Identity || got[0].ID == got[1].ID {
		t.Fatalf("%+v, %v", got, err)
	}
	files, err := filepath.Glob(filepath.Join(events, "*"))
	s.must(err)
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
	if len(files) != 2 {
		t.Errorf("the folder holds %v", files)
	}
}

// TestPolicyReviewPage: docs/policy-review.md shows what the script gets.
func TestPolicyReviewPage(t *testing.T) {
	_, rest, _ := strings.Cut(page(t, "policy-review.md"), "$ amend simulate --replay events\n")
	shown, _, _ := strings.Cut(rest, "```\n")
	script, err := txtar.ParseFile("testdata/script/replay.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range script.Files {
		if f.Name == "want.txt" {
			if diff := cmp.Diff(string(f.Data), shown); diff != "" {
				t.Errorf("-printed +shown:\n%s", diff)
			}
			return
		}
	}
	t.Error("the script has no want.txt")
}
