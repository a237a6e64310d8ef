package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
)

// audit holds the history on the forge against what amend promises, as anybody
// with a clone can, and shows the outcome in one line.
func (w *world) audit(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, filepath.Join(w.bin, "amend"), "audit",
		"--repo", filepath.Join(w.dir, "forge", "repos", repo+".git"), "--branch", "main", "--grace", "1ms", "-o", "json")
	out, err := cmd.Output()
	var report struct {
		Commits, Changes, Entries int
		Violations                []struct{ Invariant, Commit, Found string }
	}
	if decodeErr := json.Unmarshal(out, &report); decodeErr != nil {
		return fmt.Errorf("amend audit: %w", errors.Join(err, decodeErr))
	}
	for _, v := range report.Violations {
		w.out.line("%s %.10s: %s", v.Invariant, v.Commit, v.Found)
	}
	if err != nil || len(report.Violations) > 0 {
		return fmt.Errorf("amend audit found %s: %w", count(len(report.Violations), "violation"), err)
	}
	w.out.line("amend audit read all %s: %s, %s in the log, no promise broken",
		count(report.Commits, "commit"), count(report.Changes, "change"), count(report.Entries, "record"))
	return nil
}
