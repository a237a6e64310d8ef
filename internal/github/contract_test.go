package github_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/forge"
	"github.com/amendhq/amend/internal/git"
	"github.com/amendhq/amend/internal/github"
	"github.com/amendhq/amend/internal/openapi"
)

var contract = sync.OnceValues(openapi.Load)

// A bench is a forge with the repository acme/env, a client that is an
// installed app, and a mirror with the client's token. Every call is checked
// against GitHub's description.
type bench struct {
	forge  *forge.Server
	client *github.Client
	// plain is not checked: a list of pull requests shows labels without a
	// description, which GitHub's description of lists does not foresee.
	plain  *github.Client
	mirror *git.Mirror
	url    string
}

func newBench(t *testing.T, settings ...func(*forge.Config)) *bench {
	t.Helper()
	cfg := forge.Config{Dir: t.TempDir()}
	for _, set := range settings {
		set(&cfg)
	}
	host, err := forge.New(cfg)
	must(t, err)
	t.Cleanup(func() { must(t, host.Close()) })
	folder := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(folder, "apps", "web"), 0o755))
	must(t, os.WriteFile(filepath.Join(folder, "apps", "web", "deploy.yaml"), []byte("replicas: 3\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(folder, "run.sh"), []byte("#!/bin/sh\n"), 0o755))
	clone, err := host.ImportRepo(ctx, "acme/env", folder)
	must(t, err)
	file, key := appKey(t)
	host.AddApp(forge.App{ID: 1, Slug: "amend", Key: &key.PublicKey})
	host.AddInstallation(forge.Installation{
		ID: 42, AppID: 1, Account: "acme", Repos: []string{"acme/env", "acme/other"},
		Permissions: map[string]string{"contents": "write", "pull_requests": "write", "metadata": "read", "checks": "read", "statuses": "write"},
	})
	srv := httptest.NewServer(host)
	t.Cleanup(srv.Close)

	rules, err := contract()
	must(t, err)
	b := &bench{forge: host, url: srv.URL}
	config := func(c *github.Config) {
		c.BaseURL, c.Auth = srv.URL+"/api/v3", github.Auth{AppID: 1, KeyFile: file}
	}
	b.client = client(t, rules.Validator(t).Transport(http.DefaultTransport), config)
	b.plain = client(t, http.DefaultTransport, config)
	b.mirror, err = git.OpenMirror(ctx, git.Config{
		Dir: t.TempDir(), URL: srv.URL + clone, Log: slog.New(slog.DiscardHandler),
		Auth: func(ctx context.Context) (string, string, error) {
			token, err := b.client.Token(ctx)
			return "x-access-token", token, err
		},
	})
	must(t, err)
	t.Cleanup(func() { must(t, b.mirror.Close()) })
	must(t, b.mirror.Fetch(ctx))
	return b
}

// commit makes a commit and has the host know it.
func (b *bench) commit(t *testing.T, branch string, replicas int) string {
	t.Helper()
	parent, err := b.mirror.Head(branch)
	must(t, err)
	made, err := b.mirror.Write(parent, map[amend.RepoPath][]byte{
		repoPath(t, "apps/web/deploy.yaml"): fmt.Appendf(nil, "replicas: %d # ü\n", replicas),
		repoPath(t, "run.sh"):               fmt.Appendf(nil, "#!/bin/sh\necho %d\n", replicas),
		repoPath(t, "new/latin-1.yaml"):     []byte("name: \xe9\n"),
	}, git.CommitMeta{
		Message: "Raise replicas\n\nAmend-Incident: x\n", Author: git.Person{Name: "amend", Email: "amend@example.com"},
		Time: time.Date(2026, 5, 1, 10, 0, replicas, 0, time.UTC),
	})
	must(t, err)
	b.branch(t, "commits/"+made.SHA, made.SHA)
	return made.SHA
}

// branch makes a branch on the host.
func (b *bench) branch(t *testing.T, name, sha string) {
	t.Helper()
	must(t, b.mirror.Push(ctx, name, "", sha))
}

// Every method, against a host that behaves, checked against the contract.
func TestContract(t *testing.T) {
	b := newBench(t)
	c := b.client
	first, err := c.Head(ctx, "main")
	must(t, err)
	sha := b.commit(t, "main", 4)

	const branch = "amend/x-1"
	b.branch(t, branch, sha)
	if _, err := c.OpenPullRequest(ctx, github.NewPullRequest{Head: branch, Base: branch, Title: "T"}); err == nil {
		t.Error("a pull request from a branch to itself")
	}
	_, ok, err := c.PullRequest(ctx, branch)
	must(t, err)
	if ok {
		t.Error("there is a pull request before one was opened")
	}
	want := github.NewPullRequest{Head: branch, Base: "main", Title: "Raise replicas", Body: "Because.", Labels: []string{"amend"}}
	pr, err := c.OpenPullRequest(ctx, want)
	must(t, err)
	again, err := b.plain.OpenPullRequest(ctx, want)
	must(t, err)
	if again.Number != pr.Number || pr.State != github.Open || pr.HeadSHA != sha {
		t.Errorf("opened %+v, then %+v", pr, again)
	}
	recent, err := c.PullRequestsSince(ctx, "main", time.Now().Add(-time.Hour))
	must(t, err)
	if len(recent) != 1 || recent[0].Number != pr.Number || recent[0].Branch != branch {
		t.Errorf("the pull requests of the last hour are %+v", recent)
	}
	commits, err := c.PullRequestCommits(ctx, pr.Number)
	must(t, err)
	made := github.PullRequestCommit{SHA: sha, Parents: []string{first}, Message: "Raise replicas\n\nAmend-Incident: x\n", Time: time.Date(2026, 5, 1, 10, 0, 4, 0, time.UTC), Committer: "amend@example.com"}
	if d := cmp.Diff([]github.PullRequestCommit{made}, commits); d != "" {
		t.Errorf("the commits (-want +got):\n%s", d)
	}
	must(t, c.Comment(ctx, pr.Number, "Still firing."))
	must(t, c.Close(ctx, pr.Number, []string{"amend/withdrawn"}))
	pr, ok, err = b.plain.PullRequest(ctx, branch)
	must(t, err)
	if d := cmp.Diff([]string{"amend", "amend/withdrawn"}, pr.Labels); !ok || pr.State != github.Closed || pr.ClosedAt.IsZero() || d != "" {
		t.Errorf("closed: %+v %s", pr, d)
	}
	must(t, c.Unlabel(ctx, pr.Number, "amend/withdrawn", "amend/withdrawn", "amend/stale"))
	pr, _, err = b.plain.PullRequest(ctx, branch)
	must(t, err)
	if d := cmp.Diff([]string{"amend"}, pr.Labels); d != "" {
		t.Error(d)
	}
	must(t, c.DeleteBranch(ctx, branch))
	must(t, c.DeleteBranch(ctx, branch))
	_, err = c.Head(ctx, branch)
	wantKind(t, err, amend.NotFound)

	must(t, b.mirror.Push(ctx, "main", first, sha))
	if got, err := c.Head(ctx, "main"); err != nil || got != sha {
		t.Errorf("main = %s, %v; want %s", got, err, sha)
	}
	must(t, c.Dispatch(ctx, "amend-record", map[string]any{"record": map[string]string{"incident": "x"}}))

	must(t, b.mirror.Fetch(ctx))
	if got, err := b.mirror.Head("main"); err != nil || got != sha {
		t.Errorf("main = %s, %v; want %s", got, err, sha)
	}
	view, err := b.mirror.Tree(sha)
	must(t, err)
	if info, err := fs.Stat(view, "run.sh"); err != nil || info.Mode() != 0o755 {
		t.Errorf("run.sh has mode %v, %v", info.Mode(), err)
	}
}

// Whatever is lost on the way, the write happens once and ends in success.
func TestLostAnswersOnTheHost(t *testing.T) {
	for _, action := range []string{forge.FaultDropBefore, forge.FaultDropAfter, forge.FaultTruncate} {
		t.Run(action, func(t *testing.T) {
			b := newBench(t)
			c := b.client
			for _, path := range []string{"/git/refs", "/pulls$", "/labels$", "/labels/amend$", "/pulls/1$", "/dispatches$"} {
				for _, method := range []string{"POST", "PATCH", "DELETE"} {
					must(t, b.forge.AddFault(forge.Fault{Method: method, Path: path, Action: action, Times: 1}))
				}
			}
			sha := b.commit(t, "main", 4)
			b.branch(t, "amend/x-1", sha)
			pr, err := c.OpenPullRequest(ctx, github.NewPullRequest{Head: "amend/x-1", Base: "main", Title: "T", Body: "B", Labels: []string{"amend"}})
			must(t, err)
			if pr.Number != 1 {
				t.Errorf("pull request %d was opened, want one alone", pr.Number)
			}
			must(t, c.Unlabel(ctx, pr.Number, "amend"))
			must(t, c.Close(ctx, pr.Number, nil))
			must(t, c.DeleteBranch(ctx, "amend/x-1"))
			must(t, c.Dispatch(ctx, "amend-record", map[string]int{"n": 1}))
		})
	}
}
