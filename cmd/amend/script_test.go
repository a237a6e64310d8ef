package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/intake"
	"github.com/amendhq/amend/internal/steps"
)

// demoRepo holds the commits of the demo's env repo, one file each.
const demoRepo = "../../tools/demo/envrepo/*.txtar"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"amend": func() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) },
		"amend-gateway": func() {
			os.Exit(cli.Run(intake.New("amend-gateway"), os.Args[1:], os.Stdout, os.Stderr))
		},
		"amend-step": func() { os.Exit(cli.Run(steps.New("amend-step"), os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs testdata/script: what people type, and what they get.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", os.Getenv("GORACE"))
			env.Setenv("GIT_CONFIG_NOSYSTEM", "1")
			env.Setenv("GIT_AUTHOR_NAME", "Ada")
			env.Setenv("GIT_AUTHOR_EMAIL", "ada@example.com")
			env.Setenv("GIT_COMMITTER_NAME", "Ada")
			env.Setenv("GIT_COMMITTER_EMAIL", "ada@example.com")
			// Whatever asked the network would fail, and show.
			for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
				env.Setenv(name, "http://127.0.0.1:1")
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    exits,
			"envrepo":  envrepo,
			"snapshot": snapshot,
		},
	})
}

// exits CODE PROGRAM ARG... runs a program that must end with the exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG...")
	}
	got, err := 0, ts.Exec(args[1], args[2:]...)
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		got = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// envrepo DIR makes a clone of the demo's env repo, with its history.
func envrepo(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: envrepo DIR")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(ts.Exec("git", "init", "--quiet", "--initial-branch=main", dir))
	commits, err := filepath.Glob(demoRepo)
	ts.Check(err)
	if len(commits) == 0 {
		ts.Fatalf("no commits in %s", demoRepo)
	}
	for _, path := range commits {
		archive, err := txtar.ParseFile(path)
		ts.Check(err)
		ts.Check(unpack(dir, archive.Files))
		ts.Check(ts.Exec("git", "-C", dir, "add", "--all"))
		ts.Check(ts.Exec("git", "-C", dir, "commit", "--quiet", "--message", strings.TrimSpace(string(archive.Comment))))
	}
}

// unpack writes files below dir, over those that are there.
func unpack(dir string, files []txtar.File) error {
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// snapshot DIR FILE lists all that is under DIR, with content and time.
func snapshot(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: snapshot DIR FILE")
	}
	var b strings.Builder
	dir := ts.MkAbs(args[0])
	ts.Check(filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		var data []byte
		if e.Type().IsRegular() {
			if data, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		fmt.Fprintf(&b, "%s %s %s %x\n", path, info.Mode(), info.ModTime(), sha256.Sum256(data))
		return nil
	}))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(b.String()), 0o644))
}
