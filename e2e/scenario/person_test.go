package scenario

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An edit is a commit that a person makes.
type edit struct {
	message string
	files   map[string]rewrite
}

// A rewrite makes what a file is to hold from what it holds, both empty where
// there is no file.
type rewrite func(old string) (string, error)

// whole is a file that is written anew.
func whole(text string) rewrite { return func(string) (string, error) { return text, nil } }

// swapped is a file in which one text is replaced by another.
func swapped(old, new string) rewrite {
	return func(text string) (string, error) {
		if strings.Count(text, old) != 1 {
			return "", fmt.Errorf("it does not hold %q once:\n%s", old, text)
		}
		return strings.Replace(text, old, new, 1), nil
	}
}

// push commits edits to a branch, on top of what it holds then, and pushes them
// as one. It returns the commits.
func (e *envRepo) push(t *testing.T, branch string, edits ...edit) []string {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	var err error
	for range 20 { // amend and other people push, too
		if _, err = e.run(t.Context(), "fetch", "-q", "origin"); err != nil {
			continue
		}
		_, err = e.run(t.Context(), "reset", "-q", "--hard", "origin/"+branch)
		must(t, err)
		for _, one := range edits {
			must(t, e.commit(t.Context(), one))
		}
		if _, err = e.run(t.Context(), "push", "-q", "origin", "HEAD:"+branch); err == nil {
			break
		}
	}
	must(t, err)
	made, err := e.run(t.Context(), "rev-list", "--reverse", fmt.Sprintf("-%d", len(edits)), "HEAD")
	must(t, err)
	return strings.Fields(made)
}

// commit makes an edit in the clone, for who has it for itself.
func (e *envRepo) commit(ctx context.Context, one edit) error {
	for name, rewrite := range one.files {
		if err := rewriteFile(filepath.Join(e.clone, name), rewrite); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if _, err := e.run(ctx, "add", "-A"); err != nil {
		return err
	}
	_, err := e.run(ctx, "commit", "-q", "-m", one.message)
	return err
}

func rewriteFile(path string, rewrite rewrite) error {
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := rewrite(string(old))
	if err != nil {
		return err
	}
	if text == "" {
		return os.Remove(path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}
