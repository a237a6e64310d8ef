package gitlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/amendhq/amend"
)

// settings keep what a user configured for people from changing what we do:
// hooks, and work in the background that would outlive us.
var settings = []string{
	"-c", "core.hooksPath=" + os.DevNull,
	"-c", "core.fsmonitor=false",
	"-c", "gc.auto=0",
	"-c", "maintenance.auto=false",
}

// redirections are the variables by which an outer Git, whose hook may have
// started us, would send us to another repository than Dir.
var redirections = []string{
	"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
	"GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS",
}

// A clone runs git in one folder.
type clone struct {
	dir string
	env []string
}

func newClone(opt Options) clone {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(redirections, name)
	})
	env = append(env, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_NO_REPLACE_OBJECTS=1")
	if opt.Name != "" {
		env = append(env, "GIT_AUTHOR_NAME="+opt.Name, "GIT_COMMITTER_NAME="+opt.Name)
	}
	if opt.Email != "" {
		env = append(env, "GIT_AUTHOR_EMAIL="+opt.Email, "GIT_COMMITTER_EMAIL="+opt.Email)
	}
	return clone{dir: opt.Dir, env: env}
}

// A gitError is a git command that failed. Its text holds the one line of what git
// said that tells most, without the credentials that a URL in it may carry, and none
// of the arguments but the first.
type gitError struct {
	command string
	said    string
	err     error
}

func (e *gitError) Error() string {
	return fmt.Sprintf("git %s: %v: %q", e.command, e.err, e.said)
}

func (e *gitError) Unwrap() error { return e.err }

var credentials = regexp.MustCompile(`://[^/\s@]*@`)

// run runs git with exactly these arguments and returns what it printed, also
// when it failed.
func (c clone) run(ctx context.Context, stdin []byte, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", slices.Concat([]string{"-C", c.dir}, settings, args)...)
	cmd.Env = c.env
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.WaitDelay = 5 * time.Second // for what git itself started
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil, amend.Errorf(amend.Transient, "git "+args[0], "%w", context.Cause(ctx))
	}
	if err != nil {
		err = &gitError{command: args[0], said: credentials.ReplaceAllString(gist(said.String()), "://***@"), err: err}
	}
	return out.Bytes(), err
}

// gist returns the line of what git said that names the cause: the first one that calls
// itself fatal, which advice may follow, or else the last.
func gist(said string) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	for _, l := range lines {
		if strings.HasPrefix(l, "fatal: ") {
			return l
		}
	}
	return lines[len(lines)-1]
}

// wrap classifies the failure of a git command, unless run has done so.
func wrap(kind amend.Kind, op string, err error) error {
	var known *amend.Error
	if errors.As(err, &known) {
		return err
	}
	return amend.Errorf(kind, op, "%w", err)
}

// line runs git and returns the one line that it printed.
func (c clone) line(ctx context.Context, stdin []byte, args ...string) (string, error) {
	out, err := c.run(ctx, stdin, args...)
	return strings.TrimSpace(string(out)), err
}

// fetch brings refs of the remote here with all of their history, and what the
// remote is set up to fetch when none is named.
func (c clone) fetch(ctx context.Context, remote string, refs ...string) error {
	args := []string{"fetch", "--quiet", "--no-tags", "--no-recurse-submodules"}
	shallow, err := c.shallow(ctx)
	if err != nil {
		return err
	}
	if shallow {
		args = append(args, "--unshallow")
	}
	if _, err = c.run(ctx, nil, slices.Concat(args, []string{"--", remote}, refs)...); err == nil {
		return nil
	}
	var failed *gitError
	if errors.As(err, &failed) && strings.Contains(failed.said, "couldn't find remote ref") {
		return wrap(amend.NotFound, "fetch", err)
	}
	return wrap(amend.Transient, "fetch", err)
}

// shallow reports whether part of the history is not here.
func (c clone) shallow(ctx context.Context) (bool, error) {
	answer, err := c.line(ctx, nil, "rev-parse", "--is-shallow-repository")
	if err != nil {
		return false, wrap(amend.Invalid, "open clone", err)
	}
	return answer == "true", nil
}

// remoteHead returns the head of the branch as the remote has it now.
func (c clone) remoteHead(ctx context.Context, opt Options) (string, error) {
	if err := c.fetch(ctx, opt.Remote, "refs/heads/"+opt.Branch); err != nil {
		return "", err
	}
	return c.resolve(ctx, "FETCH_HEAD")
}

// localHead returns the commit that the clone is at, with all of its history.
func (c clone) localHead(ctx context.Context, opt Options) (string, error) {
	shallow, err := c.shallow(ctx)
	if err != nil {
		return "", err
	}
	if shallow {
		if err := c.fetch(ctx, opt.Remote); err != nil {
			return "", err
		}
	}
	head, err := c.resolve(ctx, "HEAD")
	if amend.KindOf(err) == amend.NotFound {
		return "", amend.Errorf(amend.NotFound, "open clone", "%s has no commit yet", c.dir)
	}
	return head, err
}

func (c clone) resolve(ctx context.Context, name string) (string, error) {
	commit, err := c.line(ctx, nil, "rev-parse", "--quiet", "--verify", name+"^{commit}")
	if err != nil {
		return "", wrap(amend.NotFound, "find "+name, err)
	}
	return commit, nil
}

// push makes commit the head of the branch of the remote. It fails with
// Conflict if the branch has moved, and with Refused if the host forbids it.
func (c clone) push(ctx context.Context, opt Options, commit string) error {
	out, err := c.run(ctx, nil, "push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-recurse-submodules",
		"--", opt.Remote, commit+":refs/heads/"+opt.Branch)
	if err == nil {
		return nil
	}
	// The status of a ref that was not updated: "!<tab>from:to<tab>[why] (why)".
	for line := range strings.Lines(string(out)) {
		parts := strings.SplitN(strings.TrimSpace(line), "\t", 3)
		if len(parts) < 3 || parts[0] != "!" {
			continue
		}
		kind := amend.Transient
		switch status := parts[2]; {
		case strings.HasPrefix(status, "[rejected]"), lostRace(status):
			kind = amend.Conflict
		case strings.Contains(status, "declined"):
			kind = amend.Refused
		}
		return amend.Errorf(kind, "push", "%s", parts[2])
	}
	return wrap(amend.Transient, "push", err)
}

// lostRace reports whether the other side refused because somebody else was
// updating the branch at the same moment.
func lostRace(status string) bool {
	for _, why := range []string{"lock ref", "failed to update ref", "incorrect old value"} {
		if strings.Contains(status, why) {
			return true
		}
	}
	return false
}
