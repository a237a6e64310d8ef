package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// visit runs a program that looks at what the demo has made.
func (w *world) visit(ctx context.Context, program string) error {
	var pulls []struct{ Title, Body string }
	if err := w.call(ctx, http.MethodGet, w.forge+"/api/v3/repos/"+repo+"/pulls?state=all", w.token, nil, &pulls); err != nil {
		return err
	}
	if len(pulls) == 0 {
		return errors.New("there is no pull request to show")
	}
	file := filepath.Join(w.dir, "pull-request.md")
	if err := os.WriteFile(file, []byte("# "+pulls[0].Title+"\n\n"+pulls[0].Body), 0o600); err != nil {
		return err
	}
	if err := w.waitForPage(ctx); err != nil {
		return err
	}
	words := strings.Fields(program)
	cmd := exec.CommandContext(ctx, words[0], append(words[1:], "-page", w.page, "-pull", file)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", words[0], err)
	}
	return nil
}

// waitForPage waits until the page shows all changes of the story.
func (w *world) waitForPage(ctx context.Context) error {
	return poll(ctx, "the changes on the page", func() (bool, error) {
		var o struct{ Total int }
		err := w.call(ctx, http.MethodGet, w.page+"api/overview", "", nil, &o)
		return o.Total == len(alerts), err
	})
}
