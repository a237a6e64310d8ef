package forge_test

import (
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend/internal/forge"
)

// openFix makes a repository with one open pull request and returns its head.
func (b *bench) openFix() string {
	b.t.Helper()
	fix := b.commit(b.withFiles(map[string]string{"a": "1\n"}), "a", "2\n")
	b.branch("amend/i-1", fix)
	b.openPull("amend/i-1", "Fix")
	return fix
}

// as returns a client of somebody else.
func (b *bench) as(login string) *github.Client {
	b.server.AddToken("ghp_"+login, forge.Grant{Login: login})
	return b.clientFor("ghp_" + login)
}

func TestReviews(t *testing.T) {
	b := newBench(t, forge.Config{Outsiders: map[string]bool{"eve": true}})
	b.openFix()
	ctx := t.Context()
	_, _, err := b.client.PullRequests.RequestReviewers(ctx, "acme", "env", 1, github.ReviewersRequest{Reviewers: []string{"jo", "eve"}})
	wantError(t, err, 422, "not a collaborator")
	_, _, err = b.client.PullRequests.RequestReviewers(ctx, "acme", "env", 1, github.ReviewersRequest{Reviewers: []string{"robot"}})
	wantError(t, err, 422, "author")
	asked, _, err := b.client.PullRequests.RequestReviewers(ctx, "acme", "env", 1, github.ReviewersRequest{Reviewers: []string{"jo"}, TeamReviewers: []string{"sre"}})
	if err != nil || len(asked.RequestedReviewers) != 1 || len(asked.RequestedTeams) != 1 || asked.RequestedTeams[0].GetSlug() != "sre" {
		t.Errorf("asked %v, %v, %v", asked.RequestedReviewers, asked.RequestedTeams, err)
	}
	jo := b.as("jo")
	for _, event := range []string{"REQUEST_CHANGES", "APPROVE"} {
		if _, _, err := jo.PullRequests.CreateReview(ctx, "acme", "env", 1, &github.PullRequestReviewRequest{Event: &event, Body: github.String("hm")}); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err = jo.PullRequests.CreateReview(ctx, "acme", "env", 1, &github.PullRequestReviewRequest{Event: github.String("SHRUG")})
	wantError(t, err, 422, "Unprocessable")
	reviews, _, err := b.client.PullRequests.ListReviews(ctx, "acme", "env", 1, nil)
	if err != nil || len(reviews) != 2 || reviews[0].GetState() != "CHANGES_REQUESTED" || reviews[1].GetState() != "APPROVED" || reviews[1].GetUser().GetLogin() != "jo" {
		t.Errorf("reviews %v, %v", reviews, err)
	}
	if left := b.pull(1).RequestedReviewers; len(left) != 0 {
		t.Errorf("who has reviewed is still asked: %v", left)
	}
}

func TestStatusesAndChecks(t *testing.T) {
	b := newBench(t, forge.Config{})
	sha := b.openFix()
	ctx := t.Context()
	state := func() (string, string) {
		t.Helper()
		combined, _, err := b.client.Repositories.GetCombinedStatus(ctx, "acme", "env", sha, nil)
		if err != nil {
			t.Fatal(err)
		}
		return combined.GetState(), b.pull(1).GetMergeableState()
	}
	say := func(service, word string) {
		t.Helper()
		if _, _, err := b.client.Repositories.CreateStatus(ctx, "acme", "env", sha, &github.RepoStatus{State: &word, Context: &service}); err != nil {
			t.Fatal(err)
		}
	}
	check := func(name, conclusion string) {
		t.Helper()
		run := github.CreateCheckRunOptions{Name: name, HeadSHA: sha}
		if conclusion != "" {
			run.Conclusion = &conclusion
		}
		if _, _, err := b.client.Checks.CreateCheckRun(ctx, "acme", "env", run); err != nil {
			t.Fatal(err)
		}
	}
	for i, step := range []struct {
		do             func()
		combined, pull string
	}{
		{func() {}, "pending", "clean"},
		{func() { say("ci", "pending") }, "pending", "unstable"},
		{func() { say("lint", "failure") }, "failure", "unstable"},
		{func() { say("lint", "success") }, "pending", "unstable"},
		{func() { say("ci", "success") }, "success", "clean"},
		{func() { check("e2e", "") }, "success", "unstable"},
		{func() { check("e2e", "failure") }, "success", "unstable"},
		{func() { check("e2e", "success") }, "success", "clean"},
	} {
		step.do()
		if combined, pull := state(); combined != step.combined || pull != step.pull {
			t.Errorf("step %d: statuses %s, pull request %s; want %s, %s", i, combined, pull, step.combined, step.pull)
		}
	}
	runs, _, err := b.client.Checks.ListCheckRunsForRef(ctx, "acme", "env", sha, nil)
	if err != nil || runs.GetTotal() != 1 || runs.CheckRuns[0].GetConclusion() != "success" {
		t.Errorf("runs %v, %v", runs, err)
	}
	if commit, _, err := b.client.Repositories.GetCommit(ctx, "acme", "env", sha, nil); err != nil || commit.GetAuthor().GetLogin() != "robot" {
		t.Errorf("the author of %v is unknown, %v", commit.GetSHA(), err)
	}
}

func TestCommentsOnLines(t *testing.T) {
	b := newBench(t, forge.Config{})
	lines := strings.Repeat("same\n", 20)
	fix := b.commit(b.withFiles(map[string]string{"a": "1\n" + lines + "2\n", "b": "1\n"}), "a", "one\n"+lines+"two\n")
	b.branch("amend/i-1", fix)
	b.openPull("amend/i-1", "Fix")
	ctx := t.Context()
	write := func(comments ...*github.DraftReviewComment) error {
		_, _, err := b.client.PullRequests.CreateReview(ctx, "acme", "env", 1, &github.PullRequestReviewRequest{
			CommitID: &fix, Event: github.String("COMMENT"), Body: github.String("Look."), Comments: comments,
		})
		return err
	}
	on := func(path string, first, last int) *github.DraftReviewComment {
		c := &github.DraftReviewComment{Path: &path, Line: &last, Side: github.String("RIGHT"), Body: github.String("hm")}
		if first != last {
			c.StartLine, c.StartSide = &first, c.Side
		}
		return c
	}
	if err := write(on("a", 1, 1), on("a", 20, 22)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		comment *github.DraftReviewComment
		want    string
	}{{on("b", 1, 1), "Path"}, {on("../a", 1, 1), "Path"}, {on("a", 10, 10), "Line"}, {on("a", 1, 22), "Line"}, {on("a", 3, 1), "Line"}} {
		wantError(t, write(c.comment), 422, c.want)
	}
	got, _, err := b.client.PullRequests.ListComments(ctx, "acme", "env", 1, nil)
	if err != nil || len(got) != 2 || got[0].GetLine() != 1 || got[0].GetUser().GetLogin() != "robot" || got[1].GetStartLine() != 20 || !strings.HasPrefix(got[1].GetDiffHunk(), "@@ ") {
		t.Errorf("the comments are %v, %v", got, err)
	}
}
