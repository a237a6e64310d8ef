package scenario

import (
	"context"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/amendhq/amend/e2e/platform"
)

// envFiles holds the history of the env repo: one archive a commit, its
// comment the message.
//
//go:embed testdata/env/*.txtar
var envFiles embed.FS

// recordFiles are what an env repo takes over from amend to keep its log.
var recordFiles = []string{
	".github/workflows/record-remediation.yml",
	".github/actions/record-remediation/action.yml",
}

const (
	forgePort = ":3000" // what kustomize/overlays/local says
	repoName  = "acme/env"
)

// An envRepo is the env repo on the forge, and a clone of it as a person has one.
type envRepo struct {
	host, url, token, clone string

	mu      sync.Mutex // one program of Git at a time works in the clone
	fetched time.Time
	date    string // that commits are given, "" for their own
}

// startForge starts the Git host with a fresh env repo. The forge serves
// loopback only, so a forwarder lends it the address that pods can reach.
func (w *world) startForge(t *testing.T) {
	t.Helper()
	dir, addr := filepath.Join(w.state, "forge"), filepath.Join(w.state, "forge.addr")
	hooks := w.reach(t, namespace, "amend-github-eventsource-svc", 12000)
	w.start(t, "forge", w.bin("forge"), "serve", "--dir", dir, "--listen", "127.0.0.1:0", "--addr-file", addr,
		"--runner", filepath.Join(w.root, ".build", "bin", "act"), "--app-repo", repoName,
		"--webhook-url", "http://"+hooks+"/pull-request",
		"--webhook-secret-file", w.write(t, "github-webhook", "local-github-webhook"))
	var local []byte
	eventually(t, "the forge listens", func() (err error) {
		local, err = os.ReadFile(addr)
		return err
	})
	host := w.site.Address + forgePort
	forward(t, host, func() (platform.Conn, error) { return dial(strings.TrimSpace(string(local))) })
	token, err := os.ReadFile(filepath.Join(dir, "token"))
	must(t, err)
	w.env = &envRepo{
		host: "http://" + host, url: "http://" + host + "/" + repoName, token: strings.TrimSpace(string(token)), clone: filepath.Join(w.state, "clone"),
	}
	if out, err := exec.Command(w.bin("forge"), "repo", "create", repoName, "--dir", dir).CombinedOutput(); err != nil {
		t.Fatalf("creating the env repo: %v\n%s", err, out)
	}
	w.env.fill(t, w)
}

// fill gives the env repo its history. It is from two days ago, as nothing of it
// is to be taken for the cause of any trouble.
func (e *envRepo) fill(t *testing.T, w *world) {
	t.Helper()
	must(t, os.MkdirAll(e.clone, 0o755))
	e.git(t, "init", "-q", "-b", "main")
	e.git(t, "remote", "add", "origin", e.url+".git")
	archives, err := envFiles.ReadDir("testdata/env")
	must(t, err)
	var history []edit
	for _, a := range archives {
		data, err := envFiles.ReadFile("testdata/env/" + a.Name())
		must(t, err)
		archive := txtar.Parse(data)
		one := edit{message: strings.TrimSpace(string(archive.Comment)), files: map[string]rewrite{}}
		for _, f := range archive.Files {
			one.files[f.Name] = whole(w.here(string(f.Data)))
		}
		history = append(history, one)
	}
	record := edit{message: "Record remediations", files: map[string]rewrite{}}
	for _, name := range recordFiles {
		data, err := os.ReadFile(filepath.Join(w.root, name))
		must(t, err)
		record.files[name] = whole(string(data))
	}
	e.date = time.Now().Add(-48 * time.Hour).Format(time.RFC3339)
	for _, one := range append(history, record) {
		must(t, e.commit(t.Context(), one))
	}
	e.date = ""
	e.git(t, "push", "-q", "origin", "main")
}

// fetch brings the clone up to date. When several wait for news, one of them
// asks for all.
func (e *envRepo) fetch(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Since(e.fetched) < time.Second/4 {
		return nil
	}
	if _, err := e.run(ctx, "fetch", "-q", "--prune", "origin"); err != nil {
		return err
	}
	e.fetched = time.Now()
	return nil
}

// git runs in the clone.
func (e *envRepo) git(t *testing.T, args ...string) string {
	t.Helper()
	out, err := e.tryGit(t.Context(), args...)
	must(t, err)
	return out
}

func (e *envRepo) tryGit(ctx context.Context, args ...string) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.run(ctx, args...)
}

// run is tryGit for who has the clone for itself. The token travels in the
// environment, where a process list does not show it.
func (e *envRepo) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = e.clone
	basic := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + e.token))
	cmd.Env = append(os.Environ(),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Dana", "GIT_AUTHOR_EMAIL=dana@example.com", "GIT_COMMITTER_NAME=Dana", "GIT_COMMITTER_EMAIL=dana@example.com",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.extraHeader", "GIT_CONFIG_VALUE_0=Authorization: Basic "+basic)
	if e.date != "" {
		cmd.Env = append(cmd.Env, "GIT_AUTHOR_DATE="+e.date, "GIT_COMMITTER_DATE="+e.date)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// A change is a commit of amend on the branch.
type change struct {
	commit, incident, workload string
}

// changes lists amend's commits on the branch that are for one workload, given
// as its incident begins: the playbook. Newest first.
func (e *envRepo) changes(t *testing.T, playbook string) []change {
	t.Helper()
	must(t, e.fetch(t.Context()))
	const format = "%H%x09%(trailers:key=Amend-Incident,valueonly,separator=%x20)%x09%(trailers:key=Amend-Workload,valueonly,separator=%x20)"
	var found []change
	for line := range strings.Lines(e.git(t, "log", "--format="+format, "origin/main")) {
		fields := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(fields) == 3 && strings.HasPrefix(fields[1], playbook+"-") {
			found = append(found, change{commit: fields[0], incident: fields[1], workload: fields[2]})
		}
	}
	return found
}

// changed waits for a commit of a playbook on the branch.
func (e *envRepo) changed(t *testing.T, playbook string) change {
	t.Helper()
	return e.changedFor(t, playbook, "")
}

// changedFor waits for a commit of a playbook that is for a workload, given as
// NAMESPACE/NAME.
func (e *envRepo) changedFor(t *testing.T, playbook, workload string) (c change) {
	t.Helper()
	eventually(t, "a commit of "+playbook+" for "+workload, func() error {
		for _, c = range e.changes(t, playbook) {
			if strings.HasSuffix(c.workload, workload) {
				return nil
			}
		}
		return fmt.Errorf("none on %s", e.git(t, "rev-parse", "--short", "origin/main"))
	})
	return c
}

// recorded waits until remediation-log.yaml names a commit.
func (e *envRepo) recorded(t *testing.T, incident string) {
	t.Helper()
	eventually(t, "the record of "+incident, func() error {
		must(t, e.fetch(t.Context()))
		log, err := e.tryGit(t.Context(), "show", "origin/main:remediation-log.yaml")
		if err == nil && !strings.Contains(log, incident) {
			err = fmt.Errorf("remediation-log.yaml does not name it")
		}
		return err
	})
}

func (e *envRepo) show(t *testing.T, file string) string {
	t.Helper()
	must(t, e.fetch(t.Context()))
	return e.git(t, "show", "origin/main:"+file)
}

// A pull is what the host says about a pull request.
type pull struct {
	Number   int       `json:"number"`
	State    string    `json:"state"`
	MergedAt time.Time `json:"merged_at"`
	MergeSHA string    `json:"merge_commit_sha"`
	Title    string    `json:"title"`
	Body     string    `json:"body"`
	Head     struct {
		Ref string `json:"ref"`
		SHA string `json:"sha"`
	} `json:"head"`
}

// pulls lists the pull requests whose branch is of a playbook.
func (e *envRepo) pulls(t *testing.T, playbook string) []pull {
	t.Helper()
	var all, found []pull
	e.call(t, http.MethodGet, "/pulls?state=all&per_page=100", nil, &all)
	for _, p := range all {
		if strings.HasPrefix(p.Head.Ref, "amend/"+playbook+"-") {
			found = append(found, p)
		}
	}
	return found
}

// proposed waits for the one pull request of a playbook.
func (e *envRepo) proposed(t *testing.T, playbook string) pull {
	t.Helper()
	var found []pull
	eventually(t, "a pull request of "+playbook, func() error {
		if found = e.pulls(t, playbook); len(found) != 1 {
			return fmt.Errorf("there are %d", len(found))
		}
		return nil
	})
	return found[0]
}

// pull reads a pull request.
func (e *envRepo) pull(t *testing.T, number int) (p pull) {
	t.Helper()
	e.call(t, http.MethodGet, fmt.Sprintf("/pulls/%d", number), nil, &p)
	return p
}

// merge merges a pull request as a person, and returns the commit of the merge.
func (e *envRepo) merge(t *testing.T, p pull) string {
	t.Helper()
	var merged struct{ SHA string }
	e.call(t, http.MethodPut, fmt.Sprintf("/pulls/%d/merge", p.Number), map[string]string{"merge_method": "merge"}, &merged)
	return merged.SHA
}

// call asks the host's REST API about the env repo.
func (e *envRepo) call(t *testing.T, method, path string, body, answer any) {
	t.Helper()
	url := e.host + "/api/v3/repos/" + repoName + path
	must(t, call(t.Context(), method, url, e.token, body, answer))
}

// call sends JSON and reads JSON.
func call(ctx context.Context, method, url, token string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, url, response.Status, data)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(data, answer)
}
