package forge_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend/internal/forge"
	"github.com/amendhq/amend/internal/forge/forgetest"
	"github.com/amendhq/amend/internal/openapi"
)

var loadContract = sync.OnceValues(openapi.Load)

const (
	token    = "ghp_test"
	fullName = "acme/env"
)

// A bench is a running forge with one repository and a client whose every call
// is checked against GitHub's description.
type bench struct {
	t      *testing.T
	server *forge.Server
	url    string
	client *github.Client
	repo   string // the folder of the repository
}

func newBench(t *testing.T, cfg forge.Config) *bench {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	server, err := forge.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	server.AddToken(token, forge.Grant{Login: "robot"})
	b := &bench{t: t, server: server, url: web.URL, repo: filepath.Join(cfg.Dir, "repos", fullName+".git")}
	b.client = b.clientFor(token)
	return b
}

func (b *bench) clientFor(token string) *github.Client {
	b.t.Helper()
	contract, err := loadContract()
	if err != nil {
		b.t.Fatal(err)
	}
	transport := contract.Validator(b.t).Transport(&http.Transport{DisableKeepAlives: true})
	client, err := github.NewClient(&http.Client{Transport: transport}).WithAuthToken(token).WithEnterpriseURLs(b.url, b.url)
	if err != nil {
		b.t.Fatal(err)
	}
	return client
}

// withFiles makes the repository with a first commit and returns that commit.
func (b *bench) withFiles(files map[string]string) string {
	b.t.Helper()
	folder := b.t.TempDir()
	for name, content := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
	if _, err := b.server.ImportRepo(b.t.Context(), fullName, folder); err != nil {
		b.t.Fatal(err)
	}
	return b.head("main")
}

func (b *bench) head(branch string) string {
	b.t.Helper()
	ref, _, err := b.client.Git.GetRef(b.t.Context(), "acme", "env", "heads/"+branch)
	if err != nil {
		b.t.Fatal(err)
	}
	return ref.GetObject().GetSHA()
}

// commit makes a commit that sets one file, without moving any branch.
func (b *bench) commit(parent, path, content string) string {
	b.t.Helper()
	return b.commitAs("Set "+path, parent, path, content)
}

func (b *bench) commitAs(message, parent, path, content string) string {
	b.t.Helper()
	return forgetest.Commit(b.t, b.repo, parent, forgetest.Change{By: "robot", Message: message, Files: map[string]string{path: content}})
}

func (b *bench) branch(name, sha string) {
	b.t.Helper()
	if _, _, err := b.client.Git.CreateRef(b.t.Context(), "acme", "env", ref(name, sha)); err != nil {
		b.t.Fatal(err)
	}
}

func ref(branch, sha string) *github.Reference {
	return &github.Reference{Ref: github.String("refs/heads/" + branch), Object: &github.GitObject{SHA: &sha}}
}

// call makes a raw REST call and returns status and body. It is checked against
// the contract, too.
func (b *bench) call(method, path, body string, header ...string) (*http.Response, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	contract, err := loadContract()
	if err != nil {
		b.t.Fatal(err)
	}
	res, err := contract.Validator(b.t).Transport(&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res, string(data)
}

// wantError checks the status and a part of the message of a failed call.
func wantError(t *testing.T, err error, status int, message string) {
	t.Helper()
	var res *github.ErrorResponse
	if !asError(err, &res) || res.Response.StatusCode != status || !strings.Contains(err.Error(), message) {
		t.Errorf("got error %v, want %d %q", err, status, message)
	}
}

// git runs the real git with the token in the environment, never in arguments.
func (b *bench) git(dir string, args ...string) (string, error) {
	b.t.Helper()
	return b.gitAs(token, dir, args...)
}

func (b *bench) gitAs(token, dir string, args ...string) (string, error) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + b.t.TempDir(), "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.extraheader", "GIT_CONFIG_VALUE_0=Authorization: Basic " + basic(token),
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

func (b *bench) mustGit(dir string, args ...string) string {
	b.t.Helper()
	out, err := b.git(dir, args...)
	if err != nil {
		b.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return out
}

// clone clones the repository over HTTP.
func (b *bench) clone() string {
	b.t.Helper()
	dir := filepath.Join(b.t.TempDir(), "clone")
	b.mustGit(b.t.TempDir(), "clone", "--quiet", b.url+"/"+fullName+".git", dir)
	return dir
}
func basic(token string) string {
	return base64.StdEncoding.EncodeToString([]byte("x-access-token:" + token))
}

func asError[E error](err error, target *E) bool { return errors.As(err, target) }
