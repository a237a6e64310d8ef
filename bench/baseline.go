package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
)

// A step is one command of a baseline.
type step []string

// shallow is the usual script: clone the last commit, edit, commit, push.
func (w *world) shallow(dir string, app int) []step {
	return append([]step{{"git", "clone", "--quiet", "--depth", "1", w.url() + ".git", dir}}, w.editAndPush(dir, app)...)
}

// sparse is the best that git offers a script: no history, no blobs but those
// of one folder.
func (w *world) sparse(dir string, app int) []step {
	return append([]step{
		{"git", "clone", "--quiet", "--depth", "1", "--filter=blob:none", "--sparse", w.url() + ".git", dir},
		{"git", "-C", dir, "sparse-checkout", "set", filepath.Dir(appFile(app))},
	}, w.editAndPush(dir, app)...)
}

// gogit does what shallow does in one process, without git.
func (w *world) gogit(dir string, app int) []step {
	return []step{{filepath.Join(w.bench.bin, "gogit"), w.url() + ".git", filepath.Join(w.dir, "forge", "token"),
		dir, appFile(app), "memory: " + memoryBefore, "memory: " + memoryAfter}}
}

func (w *world) editAndPush(dir string, app int) []step {
	return []step{
		{filepath.Join(w.bench.bin, "yq"), "-i", fmt.Sprintf("%s = %q", memoryPath, memoryAfter), filepath.Join(dir, appFile(app))},
		{"git", "-C", dir, "commit", "--quiet", "--all", "--message", "Raise memory"},
		{"git", "-C", dir, "push", "--quiet", "origin", "HEAD:main"},
	}
}

// env holds the credential for git, which a list of processes does not show.
func (w *world) env() []string {
	basic := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + w.token))
	return append(gitEnv(), "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.extraHeader", "GIT_CONFIG_VALUE_0=Authorization: Basic "+basic)
}

// script runs a baseline in a new folder, with the host's CPU time in its
// effort, and checks what it did.
func (w *world) script(ctx context.Context, steps func(string, int) []step, app int) (effort, error) {
	dir, err := os.MkdirTemp(w.dir, "script-")
	if err != nil {
		return effort{}, err
	}
	defer os.RemoveAll(dir)
	before, err := cpuOf(w.forge.pid)
	if err != nil {
		return effort{}, err
	}
	var sum effort
	for _, s := range steps(filepath.Join(dir, "clone"), app) {
		_, e, err := w.bench.measure(ctx, w.env(), "", s[0], s[1:]...)
		if err != nil {
			return effort{}, err
		}
		sum.wall += e.wall
		sum.cpu += e.cpu
		sum.memory = max(sum.memory, e.memory)
	}
	after, err := cpuOf(w.forge.pid)
	if err != nil {
		return effort{}, err
	}
	sum.cpu += after - before
	return sum, w.checkFix(ctx, "main", app)
}

// checkFix proves that a commit changed the one line of the app and nothing else.
func (w *world) checkFix(ctx context.Context, commit string, app int) error {
	stat, err := w.git(ctx, "diff", "--numstat", commit+"^", commit)
	if err != nil {
		return err
	}
	if want := "1\t1\t" + appFile(app); stat != want {
		return fmt.Errorf("the commit %s changed %q, want %q", commit, stat, want)
	}
	line, err := w.git(ctx, "diff", "--unified=0", commit+"^", commit)
	if want := "+              memory: " + memoryAfter; err != nil || line[max(0, len(line)-len(want)):] != want {
		return fmt.Errorf("the commit %s does not end with %q: %s (%v)", commit, want, line, err)
	}
	return nil
}
