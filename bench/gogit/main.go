// Command gogit changes one line of one file of a repository as programs do that
// use go-git in the usual way: clone the last commit into a folder, edit, commit,
// push. It is a baseline of the benchmarks.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/transport/http"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gogit:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 6 {
		return errors.New("usage: gogit URL TOKEN-FILE DIR FILE OLD NEW")
	}
	url, dir, file, from, to := args[0], args[2], args[3], args[4], args[5]
	token, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	auth := &http.BasicAuth{Username: "x-access-token", Password: strings.TrimSpace(string(token))}
	repo, err := git.PlainClone(dir, false, &git.CloneOptions{URL: url, Auth: auth, Depth: 1, SingleBranch: true, Tags: git.NoTags})
	if err != nil {
		return fmt.Errorf("clone: %w", err)
	}
	if err := edit(filepath.Join(dir, file), from, to); err != nil {
		return err
	}
	tree, err := repo.Worktree()
	if err != nil {
		return err
	}
	if _, err := tree.Add(file); err != nil {
		return fmt.Errorf("add: %w", err)
	}
	who := &object.Signature{Name: "Jo", Email: "jo@example.com", When: time.Now()}
	if _, err := tree.Commit("Raise memory\n", &git.CommitOptions{Author: who}); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if err := repo.Push(&git.PushOptions{Auth: auth}); err != nil {
		return fmt.Errorf("push: %w", err)
	}
	return nil
}

// edit replaces the only occurrence of a text.
func edit(file, from, to string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if n := bytes.Count(data, []byte(from)); n != 1 {
		return fmt.Errorf("%s holds %q %d times", file, from, n)
	}
	return os.WriteFile(file, bytes.Replace(data, []byte(from), []byte(to), 1), 0o644)
}
