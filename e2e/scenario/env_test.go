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
	eventually(t, "the forge listens", 20*time.Second, func() (err error) {
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

func (e *envRepo) fill(t *testing.T, w *world) {
	t.Helper()
	must(t, os.MkdirAll(e.clone, 0o755))
	e.git(t, "init", "-q", "-b", "main")
	e.git(t, "remote", "add", "origin", e.url+".git")
	archives, err := envFiles.ReadDir("testdata/env")
	must(t, err)
	for _, a := range archives {
		data, err := envFiles.ReadFile("testdata/env/" + a.Name())
		must(t, err)
		archive := txtar.Parse(data)
		files := map[string]string{}
		for _, f := range archive.Files {
			files[f.Name] = w.here(string(f.Data))
		}
		e.commit(t, strings.TrimSpace(string(archive.Comment)), files)
	}
	record := map[string]string{}
	for _, name := range recordFiles {
		data, err := os.ReadFile(filepath.Join(w.root, name))
		must(t, err)
		record[name] = string(data)
	}
	e.commit(t, "Record remediations", record)
	e.git(t, "push", "-q", "origin", "main")
}

// commit writes files to the clone and commits them. It pushes nothing.
func (e *envRepo) commit(t *testing.T, message string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(e.clone, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(text), 0o644))
	}
	e.git(t, "add", "-A")
	e.git(t, "commit", "-q", "-m", message)
}

// git runs in the clone. The token travels in the environment, where a process
// list does not show it.
func (e *envRepo) git(t *testing.T, args ...string) string {
	t.Helper()
	out, err := e.tryGit(t.Context(), args...)
	must(t, err)
	return out
}

func (e *envRepo) tryGit(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = e.clone
	basic := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + e.token))
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
	return strings.TrimSpace(string(out)), nil
}

// A change is a commit of amend on the branch.
type change struct {
	commit, incident, target string
}

// changes lists amend's commits on the branch that are for one workload, given
// as its incident begins: the playbook. Newest first.
func (e *envRepo) changes(t *testing.T, playbook string) []change {
	t.Helper()
	e.git(t, "fetch", "-q", "--prune", "origin")
	const format = "%H%x09%(trailers:key=Amend-Incident,valueonly,separator=%x20)%x09%(trailers:key=Amend-Target,valueonly,separator=%x20)"
	var found []change
	for line := range strings.Lines(e.git(t, "log", "--format="+format, "origin/main")) {
		fields := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(fields) == 3 && strings.HasPrefix(fields[1], playbook+"-") {
			found = append(found, change{commit: fields[0], incident: fields[1], target: fields[2]})
		}
	}
	return found
}

// changed waits for the first commit of a playbook on the branch.
func (e *envRepo) changed(t *testing.T, playbook string, limit time.Duration) change {
	t.Helper()
	var found []change
	eventually(t, "a commit of "+playbook, limit, func() error {
		if found = e.changes(t, playbook); len(found) == 0 {
			return fmt.Errorf("none on %s", e.git(t, "rev-parse", "--short", "origin/main"))
		}
		return nil
	})
	return found[0]
}

// recorded waits until remediation-log.yaml names a commit.
func (e *envRepo) recorded(t *testing.T, incident string, limit time.Duration) {
	t.Helper()
	eventually(t, "the record of "+incident, limit, func() error {
		e.git(t, "fetch", "-q", "origin")
		log, err := e.tryGit(t.Context(), "show", "origin/main:remediation-log.yaml")
		if err == nil && !strings.Contains(log, incident) {
			err = fmt.Errorf("remediation-log.yaml does not name it")
		}
		return err
	})
}

func (e *envRepo) show(t *testing.T, file string) string {
	t.Helper()
	e.git(t, "fetch", "-q", "origin")
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
func (e *envRepo) proposed(t *testing.T, playbook string, limit time.Duration) pull {
	t.Helper()
	var found []pull
	eventually(t, "a pull request of "+playbook, limit, func() error {
		if found = e.pulls(t, playbook); len(found) != 1 {
			return fmt.Errorf("there are %d", len(found))
		}
		return nil
	})
	return found[0]
}

func (e *envRepo) merge(t *testing.T, p pull) {
	t.Helper()
	e.call(t, http.MethodPut, fmt.Sprintf("/pulls/%d/merge", p.Number), map[string]string{"merge_method": "merge"}, nil)
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
