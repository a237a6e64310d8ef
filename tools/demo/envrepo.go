package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/tools/txtar"
)

// envrepo holds the history of the env repo: one archive a commit, its comment
// the message.
//
//go:embed envrepo/*.txtar
var envrepo embed.FS

// recordFiles are what an env repo takes over from amend to keep its log.
var recordFiles = []string{
	".github/workflows/record-remediation.yml",
	".github/actions/record-remediation/action.yml",
}

// makeRepo fills the env repo on the forge with its history.
func (w *world) makeRepo(ctx context.Context) error {
	create := exec.CommandContext(ctx, filepath.Join(w.bin, "forge"), "repo", "create", repo, "--dir", filepath.Join(w.dir, "forge"))
	if out, err := create.CombinedOutput(); err != nil {
		return fmt.Errorf("creating the env repo: %w: %s", err, out)
	}
	clone := w.clone()
	if err := os.MkdirAll(clone, 0o755); err != nil {
		return err
	}
	if _, err := w.git(ctx, "init", "-q", "-b", "main"); err != nil {
		return err
	}
	archives, err := envrepo.ReadDir("envrepo")
	if err != nil {
		return err
	}
	for _, a := range archives {
		data, err := envrepo.ReadFile("envrepo/" + a.Name())
		if err != nil {
			return err
		}
		archive := txtar.Parse(data)
		files := map[string][]byte{}
		for _, f := range archive.Files {
			files[f.Name] = f.Data
		}
		if err := w.commit(ctx, strings.TrimSpace(string(archive.Comment)), files); err != nil {
			return err
		}
	}
	if err := w.addRecordWorkflow(ctx); err != nil {
		return err
	}
	if _, err := w.git(ctx, "remote", "add", "origin", w.forge+"/"+repo+".git"); err != nil {
		return err
	}
	_, err = w.git(ctx, "push", "-q", "origin", "main")
	return err
}

func (w *world) addRecordWorkflow(ctx context.Context) error {
	files := map[string][]byte{}
	for _, name := range recordFiles {
		data, err := os.ReadFile(filepath.Join(w.root, name))
		if err != nil {
			return err
		}
		files[name] = bytes.ReplaceAll(data, []byte("login: amend[bot]"), []byte("login: demo"))
	}
	return w.commit(ctx, "Record remediations", files)
}

func (w *world) commit(ctx context.Context, message string, files map[string][]byte) error {
	for name, data := range files {
		path := filepath.Join(w.clone(), name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	if _, err := w.git(ctx, "add", "-A"); err != nil {
		return err
	}
	_, err := w.git(ctx, "commit", "-q", "-m", message)
	return err
}

func (w *world) clone() string { return filepath.Join(w.dir, "clone") }

// git runs in the clone. The token travels in the environment, where a process
// list does not show it.
func (w *world) git(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = w.clone()
	basic := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + w.token))
	cmd.Env = append(os.Environ(),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Dana", "GIT_AUTHOR_EMAIL=dana@example.com", "GIT_COMMITTER_NAME=Dana", "GIT_COMMITTER_EMAIL=dana@example.com",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.extraHeader", "GIT_CONFIG_VALUE_0=Authorization: Basic "+basic)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, stderr.String())
	}
	return string(out), nil
}
