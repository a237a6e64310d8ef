package runs

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/amendhq/amend/internal/forge/store"
)

// execute runs one workflow in a fresh clone and returns its conclusion.
func (e *Engine) execute(ctx context.Context, id int64, j job) string {
	run, err := e.Get(j.event.Repo, id)
	if err != nil {
		return "startup_failure"
	}
	log, err := os.Create(filepath.Join(e.folder(id), "log.txt"))
	if err != nil {
		e.cfg.Log.Error("a run has no log", "run", id, "error", err)
		return "startup_failure"
	}
	defer log.Close()
	work, err := filepath.Abs(filepath.Join(e.folder(id), "work"))
	if err != nil {
		return "startup_failure"
	}
	defer os.RemoveAll(work)

	token, revoke := e.cfg.Token(run.Repo, j.scopes)
	defer revoke()
	err = prepare(ctx, work, run, j.event, token)
	if err == nil {
		err = e.act(ctx, work, run, j.event, log)
	}
	if err == nil {
		return "success"
	}
	fmt.Fprintln(log, strings.ReplaceAll(err.Error(), token, "***"))
	if ctx.Err() != nil {
		return "cancelled"
	}
	return "failure"
}

// prepare fills the work folder: repo is the clone at the event's commit, home
// is the job's home, and event.json and secrets are for the runner. The token
// is in files that only this user reads, in no argument and in no URL.
func prepare(ctx context.Context, work string, run Run, event Event, token string) error {
	if err := os.MkdirAll(filepath.Join(work, "home"), 0o700); err != nil {
		return err
	}
	repo := filepath.Join(work, "repo")
	origin := event.URL + "/" + event.Repo + ".git"
	for _, args := range [][]string{
		// The objects are borrowed from the host's own copy, which no run outlives.
		{"clone", "--quiet", "--no-checkout", "--shared", event.Dir, repo},
		{"-C", repo, "remote", "set-url", "origin", origin},
		{"-C", repo, "checkout", "--quiet", "-B", event.Branch, event.SHA},
	} {
		cmd := exec.CommandContext(ctx, "git", args...)
		cmd.Env = append(store.Environ(), "HOME="+work)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w: %s", args[0], err, out)
		}
	}
	doc, err := eventDocument(event)
	if err != nil {
		return err
	}
	basic := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + token))
	header := fmt.Sprintf("[http %q]\n\textraheader = \"AUTHORIZATION: basic %s\"\n", event.URL+"/", basic)
	workflow, err := forRunner(event.Files[run.Path])
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(work, "event.json"), doc, 0o600),
		os.WriteFile(filepath.Join(work, path.Base(run.Path)), workflow, 0o600),
		os.WriteFile(filepath.Join(work, "secrets"), []byte("GITHUB_TOKEN="+token+"\n"), 0o600),
		appendFile(filepath.Join(repo, ".git", "config"), header),
	)
}

func appendFile(path, text string) error {
	if err := os.Chmod(path, 0o600); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// eventDocument is what the job reads at GITHUB_EVENT_PATH.
func eventDocument(event Event) ([]byte, error) {
	owner, name, _ := strings.Cut(event.Repo, "/")
	type account struct {
		Login string `json:"login"`
	}
	type repository struct {
		Name          string  `json:"name"`
		FullName      string  `json:"full_name"`
		DefaultBranch string  `json:"default_branch"`
		Owner         account `json:"owner"`
	}
	return json.Marshal(struct {
		Action     string          `json:"action"`
		Branch     string          `json:"branch"`
		Payload    json.RawMessage `json:"client_payload"`
		Repository repository      `json:"repository"`
		Sender     account         `json:"sender"`
	}{event.Type, event.Branch, event.Payload, repository{name, event.Repo, event.Branch, account{owner}}, account{event.Actor}})
}

// act calls the runner. It reads its defaults from files in the folder where
// it starts, so it starts in ours and not in the clone.
func (e *Engine) act(ctx context.Context, work string, run Run, event Event, log io.Writer) error {
	host, err := url.Parse(event.URL)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, e.cfg.Runner, "repository_dispatch",
		"--directory", filepath.Join(work, "repo"), "--workflows", filepath.Join(work, path.Base(run.Path)),
		"--eventpath", filepath.Join(work, "event.json"), "--secret-file", filepath.Join(work, "secrets"),
		"--env-file", os.DevNull, "--var-file", os.DevNull, "--input-file", os.DevNull,
		"--platform", "ubuntu-latest=-self-hosted", "--no-cache-server", "--pull=false", "--action-offline-mode",
		"--actor", event.Actor, "--defaultbranch", event.Branch, "--github-instance", host.Host,
		"--env", "GITHUB_SERVER_URL="+event.URL, "--env", "GITHUB_API_URL="+event.URL+"/api/v3",
		"--env", "GITHUB_REPOSITORY="+event.Repo, "--env", fmt.Sprintf("GITHUB_RUN_ID=%d", run.ID))
	cmd.Dir = work
	home := filepath.Join(work, "home")
	cmd.Env = append(append([]string{}, e.cfg.Env...), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home,
		"GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0")
	cmd.Stdout, cmd.Stderr = log, log
	// The steps are processes of their own: a cancelled run ends all of them.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the runner: %w", err)
	}
	return nil
}
