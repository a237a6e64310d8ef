package github_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/forge"
	"github.com/amendhq/amend/internal/git"
	"github.com/amendhq/amend/internal/github"
)

// person returns a client of the host's API for somebody else.
func (b *bench) person(t *testing.T, login string) *gh.Client {
	t.Helper()
	b.forge.AddToken("ghp_"+login, forge.Grant{Login: login})
	c, err := gh.NewClient(&http.Client{}).WithAuthToken("ghp_"+login).WithEnterpriseURLs(b.url, b.url)
	must(t, err)
	return c
}

// token returns a file with a token of somebody else.
func (b *bench) token(t *testing.T, login string) string {
	t.Helper()
	b.forge.AddToken("ghp_"+login, forge.Grant{Login: login})
	file := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(file, []byte("ghp_"+login), 0o600))
	return file
}

// openFix opens a pull request and returns its number and head.
func (b *bench) openFix(t *testing.T) (int, string) {
	t.Helper()
	sha := b.commit(t, "main", 4)
	b.branch(t, "amend/x-1", sha)
	pr, err := b.client.OpenPullRequest(ctx, github.NewPullRequest{Head: "amend/x-1", Base: "main", Title: "Raise replicas", Body: "Because."})
	must(t, err)
	return pr.Number, sha
}

func TestReadyAndMerge(t *testing.T) {
	b := newBench(t)
	number, sha := b.openFix(t)
	jo := b.person(t, "jo")
	say := func(service, state string) {
		t.Helper()
		_, _, err := jo.Repositories.CreateStatus(ctx, "acme", "env", sha, &gh.RepoStatus{State: &state, Context: &service})
		must(t, err)
	}
	check := func(conclusion string) {
		t.Helper()
		run := gh.CreateCheckRunOptions{Name: "e2e", HeadSHA: sha}
		if conclusion != "" {
			run.Conclusion = &conclusion
		}
		_, _, err := jo.Checks.CreateCheckRun(ctx, "acme", "env", run)
		must(t, err)
	}
	review := func(event string) {
		t.Helper()
		_, _, err := jo.PullRequests.CreateReview(ctx, "acme", "env", number, &gh.PullRequestReviewRequest{Event: &event, Body: gh.String("x")})
		must(t, err)
	}
	for i, step := range []struct {
		do   func()
		want string // a part of what is missing
	}{
		{func() {}, "No status"},
		{func() { say("amend/verdict", "pending") }, "No status"}, // its own word counts for nothing
		{func() { say("amend/verdict", "success") }, "No status"},
		{func() { say("ci", "pending") }, `"ci" is "pending"`},
		{func() { say("ci", "failure") }, `"ci" is "failure"`},
		{func() { say("ci", "success") }, ""},
		{func() { check("") }, `"e2e" is "queued"`},
		{func() { check("cancelled") }, `"completed" "cancelled"`},
		{func() { check("skipped") }, ""},
		{func() { review("REQUEST_CHANGES") }, `"jo" asks`},
		{func() { review("COMMENT") }, `"jo" asks`},
		{func() { review("APPROVE") }, ""},
	} {
		step.do()
		missing, err := b.client.Ready(ctx, number, sha)
		must(t, err)
		if (missing == "") != (step.want == "") || !strings.Contains(missing, step.want) {
			t.Errorf("step %d: missing is %q, want %q", i, missing, step.want)
		}
	}
	other := strings.Repeat("a", 40)
	if missing, err := b.client.Ready(ctx, number, other); err != nil || !strings.Contains(missing, "other commits") {
		t.Errorf("at another head %q, %v", missing, err)
	}
	wantKind(t, b.client.MergePullRequest(ctx, github.Merge{Number: number, SHA: other}), amend.Conflict)
	wantKind(t, b.client.MergePullRequest(ctx, github.Merge{Number: number, SHA: "main"}), amend.Invalid)
	must(t, b.client.MergePullRequest(ctx, github.Merge{Number: number, SHA: sha}))
	wantKind(t, b.client.MergePullRequest(ctx, github.Merge{Number: number, SHA: sha}), amend.Refused)
	if missing, err := b.client.Ready(ctx, number, sha); err != nil || !strings.Contains(missing, "closed") {
		t.Errorf("after the merge %q, %v", missing, err)
	}
}

// A merge whose answer is lost has happened, or is an error; never both.
func TestMergeWithALostAnswer(t *testing.T) {
	for action, merged := range map[string]bool{forge.FaultDropAfter: true, forge.FaultDropBefore: false} {
		b := newBench(t)
		number, sha := b.openFix(t)
		must(t, b.forge.AddFault(forge.Fault{Method: "PUT", Path: "/merge$", Action: action, Times: 1}))
		err := b.client.MergePullRequest(ctx, github.Merge{Number: number, SHA: sha})
		if (err == nil) != merged {
			t.Errorf("%s: %v", action, err)
		}
	}
}

// A repository that only squashes keeps the trailers of the one commit.
func TestMergeSquashes(t *testing.T) {
	const repo, pull = "/repos/acme/env", "/repos/acme/env/pulls/7/merge"
	for _, tc := range []struct {
		answer, body string
		want         amend.Kind
	}{
		{`{"allow_merge_commit":true,"allow_squash_merge":true}`, `{"merge_method":"merge","sha":"` + sha1 + `"}`, ""},
		{`{"allow_squash_merge":true}`, `{"merge_method":"squash","sha":"` + sha1 + `","commit_title":"Raise","commit_message":"Why\n\nAmend-Incident: x"}`, ""},
		{`{"allow_rebase_merge":true}`, "", amend.Refused},
	} {
		steps := []exchange{{want: "GET " + repo, status: 200, answer: tc.answer}}
		if tc.body != "" {
			steps = append(steps, exchange{want: "PUT " + pull, body: tc.body, status: 200, answer: `{"merged":true}`})
		}
		c := client(t, newScript(t, steps...))
		wantKind(t, c.MergePullRequest(ctx, github.Merge{Number: 7, SHA: sha1, Message: "Raise\n\nWhy\n\nAmend-Incident: x\n"}), tc.want)
	}
}

func TestRequestReviews(t *testing.T) {
	b := newBench(t, func(c *forge.Config) { c.Outsiders = map[string]bool{"eve": true, "mallory": true} })
	number, _ := b.openFix(t)
	left, err := b.client.RequestReviews(ctx, number, []string{"jo", "eve", "acme/sre", "other/team", "jo@example.com", "a/b/c"})
	must(t, err)
	slices.Sort(left)
	if want := []string{"a/b/c", "eve", "jo@example.com", "other/team"}; !slices.Equal(left, want) {
		t.Errorf("left out %q, want %q", left, want)
	}
	if left, err := b.client.RequestReviews(ctx, number, []string{"mallory"}); err != nil || len(left) != 1 {
		t.Errorf("left out %q, %v", left, err)
	}
	if left, err := b.client.RequestReviews(ctx, number, []string{"@"}); err != nil || len(left) != 1 {
		t.Errorf("left out %q, %v", left, err)
	}
	pr, _, err := b.person(t, "jo").PullRequests.Get(ctx, "acme", "env", number)
	must(t, err)
	if len(pr.RequestedReviewers) != 1 || len(pr.RequestedTeams) != 1 {
		t.Errorf("asked are %v and %v", pr.RequestedReviewers, pr.RequestedTeams)
	}
}

func TestAuthorOf(t *testing.T) {
	b := newBench(t)
	head, err := b.mirror.Head("main")
	must(t, err)
	theirs, err := b.mirror.Write(head, map[amend.RepoPath][]byte{repoPath(t, "run.sh"): nil}, git.CommitMeta{
		Message: "x", Author: git.Person{Name: "jo", Email: "jo@users.noreply.localhost"}, Time: time.Now(),
	})
	must(t, err)
	b.branch(t, "theirs", theirs.SHA)
	for sha, want := range map[string]string{theirs.SHA: "jo", b.commit(t, "main", 4): ""} {
		if got, err := b.client.AuthorOf(ctx, sha); err != nil || got != want {
			t.Errorf("the author is %q, %v; want %q", got, err, want)
		}
	}
	_, err = b.client.AuthorOf(ctx, "main")
	wantKind(t, err, amend.Invalid)
}

func TestOpenPullRequestsAndTheirBodies(t *testing.T) {
	b := newBench(t)
	number, sha := b.openFix(t)
	must(t, b.client.SetBody(ctx, number, "Because, ü."))
	open, err := b.plain.OpenPullRequests(ctx, "main")
	must(t, err)
	if len(open) != 1 || open[0].Number != number || open[0].HeadSHA != sha || open[0].Body != "Because, ü." {
		t.Errorf("open are %+v", open)
	}
	must(t, b.client.Close(ctx, number, nil))
	if open, err = b.client.OpenPullRequests(ctx, "main"); err != nil || len(open) != 0 {
		t.Errorf("after closing it, open are %+v, %v", open, err)
	}
	_, err = b.client.OpenPullRequests(ctx, "..")
	wantKind(t, err, amend.Invalid)
}

// A commit in place of another stands on both, and has the files of the first
// parent only; the pull request of the other follows.
func TestCommitInstead(t *testing.T) {
	b := newBench(t)
	_, old := b.openFix(t)
	base, err := b.mirror.Head("main")
	must(t, err)
	made, err := b.mirror.Write(base, map[amend.RepoPath][]byte{repoPath(t, "apps/web/deploy.yaml"): []byte("replicas: 9\n")}, git.CommitMeta{
		Message: "Again", Author: git.Person{Name: "amend", Email: "amend@example.com"}, Time: time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC), Instead: old,
	})
	must(t, err)
	must(t, b.mirror.Push(ctx, "amend/x-1", old, made.SHA))
	pr, _, err := b.person(t, "jo").PullRequests.Get(ctx, "acme", "env", 1)
	must(t, err)
	if pr.GetHead().GetSHA() != made.SHA || pr.GetChangedFiles() != 1 || !pr.GetMergeable() {
		t.Errorf("the pull request is at %s with %d files, mergeable %v", pr.GetHead().GetSHA(), pr.GetChangedFiles(), pr.GetMergeable())
	}
}
