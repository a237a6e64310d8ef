package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// A search is what a person in a hurry would look for: the value, in the folder
// of the application.
type search struct{ field, value, folder string }

// compare shows the line that the search finds first beside the one that amend
// locate answers. It is an error if they are the same, because then the story
// would show nothing, or if the log names another line as edited.
func (w *world) compare(ctx context.Context, s search, target workload, entry string) error {
	first, err := w.firstHit(ctx, s)
	if err != nil {
		return err
	}
	located, err := w.locate(ctx, s.field, target)
	if err != nil {
		return err
	}
	if place(first) == place(located) {
		return fmt.Errorf("grep and amend locate both answer %s", place(first))
	}
	if !strings.Contains(entry, `edited: "`+place(located)+`"`) {
		return fmt.Errorf("amend locate answers %s, and the log has another line:\n%s", place(located), entry)
	}
	w.out.line("which line?  git grep -n %s %s, first hit (shared with staging):", s.value, s.folder)
	w.out.line("               %s", first)
	w.out.line("             amend locate:")
	w.out.line("               %s", located)
	return nil
}

// place cuts the text of the line off FILE:LINE:TEXT.
func place(hit string) string {
	file, rest, _ := strings.Cut(hit, ":")
	line, _, _ := strings.Cut(rest, ":")
	return file + ":" + line
}

// firstHit searches the clone, which is as it was before the alerts.
func (w *world) firstHit(ctx context.Context, s search) (string, error) {
	out, err := w.git(ctx, "grep", "-n", "-F", s.value, "--", s.folder)
	if err != nil {
		return "", err
	}
	hit, _, _ := strings.Cut(out, "\n")
	return tidy(hit), nil
}

// locate asks amend about the clone and returns FILE:LINE:TEXT.
func (w *world) locate(ctx context.Context, field string, target workload) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(w.bin, "amend"), "locate", "--repo", w.clone(),
		"--resource", fmt.Sprintf("%s/%s/%s", target.Kind, target.Namespace, target.Name), "--field", field, "-o", "json")
	out, err := cmd.Output()
	var answer struct {
		File, Reason string
		Line         int
	}
	if err := errors.Join(err, json.Unmarshal(out, &answer)); err != nil {
		return "", fmt.Errorf("amend locate: %w: %s", err, answer.Reason)
	}
	// The empty pattern matches every line, so this numbers the file's lines.
	lines, err := w.git(ctx, "grep", "-n", "-e", "", "--", answer.File)
	for line := range strings.Lines(lines) {
		if place(line) == fmt.Sprintf("%s:%d", answer.File, answer.Line) {
			return tidy(line), err
		}
	}
	return "", fmt.Errorf("%s has no line %d", answer.File, answer.Line)
}

// tidy takes the indentation out of FILE:LINE:TEXT.
func tidy(hit string) string {
	at := place(hit)
	return at + ":  " + strings.TrimSpace(strings.TrimPrefix(hit, at+":"))
}
