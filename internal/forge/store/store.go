// Package store keeps one bare Git repository and makes the object-level calls
// of a Git host cheap: two long-lived git processes answer reads and change
// references, and the commits of merges are written straight into the object
// folder, so that no call grows with the repository.
//
// Git itself changes every reference, under its own lock files, so that a
// concurrent push through git http-backend and a call here see each other.
// It needs git 2.38 or newer, for merges without a work tree.
package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/amendhq/amend"
)

// An ID is the name of an object: 40 lower-case hexadecimal digits.
type ID string

var idPattern = regexp.MustCompile(`^[0-9a-f]{40}$`)

// ParseID accepts the full name of an object, and nothing that Git could read
// as an expression.
func ParseID(s string) (ID, error) {
	if !idPattern.MatchString(s) {
		return "", amend.Errorf(amend.Invalid, "parse object id", "%q is not 40 hexadecimal digits", s)
	}
	return ID(s), nil
}

// A Repo is one bare repository. Its methods may be called concurrently. Their
// errors are amend.NotFound for a missing object or reference, amend.Conflict
// for a lost race, amend.Invalid for what Git would not accept.
type Repo struct {
	dir     string
	objects reader
	refs    updater
	change  sync.Mutex // held while a reference is read, judged and changed
}

// settings are what a Git host allows its users, and the reflog that Previous
// reads. Automatic repacking is off: a repository here lives for a demo, and a
// background process would outlive the test that made it.
const settings = `
[core]
	logAllRefUpdates = always
[http]
	receivepack = true
[uploadpack]
	allowFilter = true
	allowAnySHA1InWant = true
[receive]
	autogc = false
[gc]
	auto = 0
`

// Create makes an empty repository with the default branch main in dir, which
// must not exist yet. The folder appears whole or not at all.
func Create(ctx context.Context, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return amend.Errorf(amend.Internal, "create repository", "%w", err)
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), ".new-")
	if err != nil {
		return amend.Errorf(amend.Internal, "create repository", "%w", err)
	}
	defer os.RemoveAll(temp)
	if _, err := run(ctx, temp, nil, "init", "--quiet", "--bare", "--template=", "--initial-branch=main", "."); err != nil {
		return err
	}
	config, err := os.OpenFile(filepath.Join(temp, "config"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return amend.Errorf(amend.Internal, "create repository", "%w", err)
	}
	_, err = config.WriteString(settings)
	if err := errors.Join(err, config.Close(), os.Chmod(temp, 0o755)); err != nil {
		return amend.Errorf(amend.Internal, "create repository", "%w", err)
	}
	if err := os.Rename(temp, dir); err != nil {
		return amend.Errorf(amend.Conflict, "create repository", "%w", err)
	}
	return nil
}

// Open returns the repository in dir, or amend.NotFound.
func Open(dir string) (*Repo, error) {
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); err != nil {
		return nil, amend.Errorf(amend.NotFound, "open repository", "%w", err)
	}
	return &Repo{dir: dir, objects: reader{dir: dir}, refs: updater{dir: dir}}, nil
}

// Dir is the folder of the repository.
func (r *Repo) Dir() string { return r.dir }

// Close ends the git processes. A later call starts them again.
func (r *Repo) Close() {
	r.objects.close()
	r.refs.close()
}

// DefaultBranch is the branch that HEAD names, without refs/heads/.
func (r *Repo) DefaultBranch() (string, error) {
	head, err := os.ReadFile(filepath.Join(r.dir, "HEAD"))
	if err != nil {
		return "", amend.Errorf(amend.Internal, "read HEAD", "%w", err)
	}
	branch, ok := strings.CutPrefix(strings.TrimSpace(string(head)), "ref: refs/heads/")
	if !ok {
		return "", amend.Errorf(amend.Internal, "read HEAD", "HEAD names no branch")
	}
	return branch, nil
}

// Import commits the files below folder, as they are, as the first commit of
// the default branch.
func (r *Repo) Import(ctx context.Context, folder, message string) error {
	work, err := filepath.Abs(folder)
	if err != nil {
		return amend.Errorf(amend.Invalid, "import", "%w", err)
	}
	branch, err := r.DefaultBranch()
	if err != nil {
		return err
	}
	if _, err := run(ctx, r.dir, nil, "-c", "core.bare=false", "--git-dir=.", "--work-tree="+work, "add", "--all", "--force"); err != nil {
		return err
	}
	defer os.Remove(filepath.Join(r.dir, "index"))
	tree, err := run(ctx, r.dir, nil, "write-tree")
	if err != nil {
		return err
	}
	commit, err := run(ctx, r.dir, []byte(message), "commit-tree", strings.TrimSpace(string(tree)))
	if err != nil {
		return err
	}
	return r.CreateRef("refs/heads/"+branch, ID(strings.TrimSpace(string(commit))))
}

// run calls git once. Its standard error becomes part of the error; arguments
// never hold a secret.
func run(ctx context.Context, dir string, stdin []byte, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = Environ()
	cmd.Stdin = bytes.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.Bytes(), fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return stdout.Bytes(), nil
}

// exitCode is the code that git ended with, or -1 when it did not end itself.
func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}

// Environ is the environment of every git process of the host: the user's PATH
// and nothing of the user's Git configuration, so that a run on one machine
// equals a run on another.
func Environ() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_TERMINAL_PROMPT=0",
		"GIT_LITERAL_PATHSPECS=1",
		"GIT_AUTHOR_NAME=forge", "GIT_AUTHOR_EMAIL=forge@localhost",
		"GIT_COMMITTER_NAME=forge", "GIT_COMMITTER_EMAIL=forge@localhost",
	}
}
