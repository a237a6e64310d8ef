package forge_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend/internal/forge"
)

func (b *bench) openPull(head, title string) *github.PullRequest {
	b.t.Helper()
	pr, _, err := b.client.PullRequests.Create(b.t.Context(), "acme", "env", &github.NewPullRequest{
		Title: &title, Head: &head, Base: github.String("main"), Body: github.String("why"),
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return pr
}

func (b *bench) pull(number int) *github.PullRequest {
	b.t.Helper()
	pr, _, err := b.client.PullRequests.Get(b.t.Context(), "acme", "env", number)
	if err != nil {
		b.t.Fatal(err)
	}
	return pr
}

func TestPullRequestLife(t *testing.T) {
	b := newBench(t, forge.Config{})
	ctx := t.Context()
	first := b.withFiles(map[string]string{"a": "1\n"})
	fix := b.commit(first, "a", "2\n")
	b.branch("amend/i-1", fix)
	pr := b.openPull("amend/i-1", "Fix")
	if pr.GetNumber() != 1 || !pr.GetMergeable() || pr.GetCommits() != 1 || pr.GetHead().GetSHA() != fix || pr.GetChangedFiles() != 1 {
		t.Errorf("opened %v", pr)
	}
	_, _, err := b.client.PullRequests.Create(ctx, "acme", "env", &github.NewPullRequest{Title: pr.Title, Head: github.String("acme:amend/i-1"), Base: github.String("main")})
	wantError(t, err, 422, "A pull request already exists for acme:amend/i-1")

	labels, _, err := b.client.Issues.AddLabelsToIssue(ctx, "acme", "env", 1, []string{"amend", "Amend", "bug"})
	if err != nil || len(labels) != 2 {
		t.Errorf("labels: %v, %v", labels, err)
	}
	if labels, _, err = b.client.Issues.ListLabelsByIssue(ctx, "acme", "env", 1, nil); err != nil || len(labels) != 2 {
		t.Errorf("labels: %v, %v", labels, err)
	}
	if _, _, err = b.client.Issues.CreateComment(ctx, "acme", "env", 1, &github.IssueComment{Body: github.String("hello")}); err != nil {
		t.Error(err)
	}
	comments, _, err := b.client.Issues.ListComments(ctx, "acme", "env", 1, nil)
	if err != nil || len(comments) != 1 || comments[0].GetBody() != "hello" {
		t.Errorf("comments: %v, %v", comments, err)
	}
	_, _, err = b.client.Issues.CreateComment(ctx, "acme", "env", 1, &github.IssueComment{Body: github.String("")})
	wantError(t, err, 422, "Validation Failed")
	_, _, err = b.client.Issues.ListComments(ctx, "acme", "env", 9, nil)
	wantError(t, err, 404, "Not Found")
	_, _, err = b.client.Issues.AddLabelsToIssue(ctx, "acme", "env", 9, []string{"x"})
	wantError(t, err, 404, "Not Found")
	_, _, err = b.client.Issues.ListLabelsByIssue(ctx, "acme", "env", 9, nil)
	wantError(t, err, 404, "Not Found")

	edited, _, err := b.client.PullRequests.Edit(ctx, "acme", "env", 1, &github.PullRequest{Title: github.String("Better"), State: github.String("closed")})
	if err != nil || edited.GetState() != "closed" || edited.GetTitle() != "Better" || edited.GetClosedAt().IsZero() {
		t.Errorf("edited: %v, %v", edited, err)
	}
	_, _, err = b.client.PullRequests.Merge(ctx, "acme", "env", 1, "", nil)
	wantError(t, err, 405, "not mergeable")
	_, _, err = b.client.PullRequests.Edit(ctx, "acme", "env", 1, &github.PullRequest{State: github.String("gone")})
	wantError(t, err, 422, "Validation Failed")
	if pr, _, err := b.client.PullRequests.Edit(ctx, "acme", "env", 1, &github.PullRequest{State: github.String("open")}); err != nil || pr.ClosedAt != nil {
		t.Errorf("reopened: %v, %v", pr, err)
	}
	if _, err := b.client.Git.DeleteRef(ctx, "acme", "env", "heads/amend/i-1"); err != nil {
		t.Fatal(err)
	}
	if pr := b.pull(1); pr.GetState() != "closed" || pr.GetMerged() {
		t.Errorf("without its branch the pull request is %s", pr.GetState())
	}
}

func TestPullRequestRefusals(t *testing.T) {
	b := newBench(t, forge.Config{})
	first := b.withFiles(map[string]string{"a": "1\n"})
	b.branch("same", first)
	for _, test := range []struct{ title, head, base, want string }{
		{"x", "same", "main", "No commits between main and same"},
		{"x", "none", "main", "head"},
		{"x", "same", "none", "base"},
		{"", "same", "main", "title"},
	} {
		_, _, err := b.client.PullRequests.Create(t.Context(), "acme", "env", &github.NewPullRequest{Title: &test.title, Head: &test.head, Base: &test.base})
		wantError(t, err, 422, test.want)
	}
	_, _, err := b.client.PullRequests.Get(t.Context(), "acme", "env", 7)
	wantError(t, err, 404, "Not Found")
}

func TestMerge(t *testing.T) {
	b := newBench(t, forge.Config{})
	ctx := t.Context()
	base := b.withFiles(map[string]string{"a": "1\n", "b": "1\n"})
	for i, method := range []string{"merge", "squash"} {
		head := fmt.Sprintf("fix-%d", i)
		sha := b.commit(base, "file-"+method, "x\n")
		b.branch(head, sha)
		number := b.openPull(head, "Fix").GetNumber()
		_, _, err := b.client.PullRequests.Merge(ctx, "acme", "env", number, "", &github.PullRequestOptions{SHA: base})
		wantError(t, err, 409, "Head branch was modified")
		_, _, err = b.client.PullRequests.Merge(ctx, "acme", "env", number, "", &github.PullRequestOptions{MergeMethod: "rebase"})
		wantError(t, err, 405, "Rebase merges are not allowed")
		result, _, err := b.client.PullRequests.Merge(ctx, "acme", "env", number, "text", &github.PullRequestOptions{MergeMethod: method, SHA: sha})
		if err != nil || !result.GetMerged() {
			t.Fatalf("merge: %v, %v", result, err)
		}
		commit, _, err := b.client.Repositories.GetCommit(ctx, "acme", "env", b.head("main"), nil)
		if err != nil || commit.GetSHA() != result.GetSHA() || len(commit.Parents) != 2-i {
			t.Errorf("%s made %v, %v", method, commit, err)
		}
		if pr := b.pull(number); !pr.GetMerged() || pr.GetMergeCommitSHA() != result.GetSHA() || pr.GetMergedBy().GetLogin() != "robot" {
			t.Errorf("after the merge: %v", pr)
		}
	}
	b.branch("clash", b.commit(base, "file-merge", "y\n"))
	number := b.openPull("clash", "Clash").GetNumber()
	if pr := b.pull(number); pr.GetMergeable() || pr.GetMergeableState() != "dirty" {
		t.Errorf("a conflict is %s", pr.GetMergeableState())
	}
	_, _, err := b.client.PullRequests.Merge(ctx, "acme", "env", number, "", nil)
	wantError(t, err, 405, "not mergeable")
}

// TestSquashKeepsMessages: without words of the caller GitHub proposes those of
// the commits, so trailers survive.
func TestSquashKeepsMessages(t *testing.T) {
	b := newBench(t, forge.Config{})
	ctx := t.Context()
	base := b.withFiles(map[string]string{"a": "1\n"})
	for _, test := range []struct {
		name, title string
		messages    []string
		opts        *github.PullRequestOptions
		text, want  string
	}{
		{"one commit", "Shown", []string{"Fix a\n\nWhy.\n\nAmend-Incident: x-1\n"}, nil, "",
			"Fix a (#1)\n\nWhy.\n\nAmend-Incident: x-1"},
		{"one commit without a body", "Shown", []string{"Fix a"}, nil, "", "Fix a (#2)"},
		{"several commits", "Shown", []string{"One", "Two\n\nWhy."}, nil, "", "Shown (#3)\n\n* One\n\n* Two\n\nWhy."},
		{"the caller's words", "Shown", []string{"Fix a\n\nWhy."}, &github.PullRequestOptions{CommitTitle: "Said"}, "Mine", "Said\n\nMine"},
	} {
		t.Run(test.name, func(t *testing.T) {
			at := base
			for i, message := range test.messages {
				at = b.commitAs(message, at, fmt.Sprintf("%s-%d", test.name, i), "x\n")
			}
			head := strings.NewReplacer(" ", "-", "'", "").Replace(test.name)
			b.branch(head, at)
			number := b.openPull(head, test.title).GetNumber()
			opts := github.PullRequestOptions{}
			if test.opts != nil {
				opts = *test.opts
			}
			opts.MergeMethod = "squash"
			if _, _, err := b.client.PullRequests.Merge(ctx, "acme", "env", number, test.text, &opts); err != nil {
				t.Fatal(err)
			}
			commit, _, err := b.client.Repositories.GetCommit(ctx, "acme", "env", b.head("main"), nil)
			if err != nil || commit.GetCommit().GetMessage() != test.want {
				t.Errorf("got %q, %v, want %q", commit.GetCommit().GetMessage(), err, test.want)
			}
			var proposed []string // which the host shows as it was, whatever the merge made of it
			commits, _, err := b.client.PullRequests.ListCommits(ctx, "acme", "env", number, nil)
			for _, c := range commits {
				proposed = append(proposed, c.GetCommit().GetMessage())
			}
			if err != nil || !slices.Equal(proposed, test.messages) {
				t.Errorf("its commits are %q, %v, want %q", proposed, err, test.messages)
			}
		})
	}
}

func TestMergedByPush(t *testing.T) {
	b := newBench(t, forge.Config{})
	first := b.withFiles(map[string]string{"a": "1\n"})
	fix := b.commit(first, "a", "2\n")
	b.branch("fix", fix)
	b.openPull("fix", "Fix")
	if _, _, err := b.client.Git.UpdateRef(t.Context(), "acme", "env", ref("main", fix), false); err != nil {
		t.Fatal(err)
	}
	if pr := b.pull(1); !pr.GetMerged() || pr.GetState() != "closed" {
		t.Errorf("after a push of the head to the base it is %s", pr.GetState())
	}
}

func TestListPullRequests(t *testing.T) {
	b := newBench(t, forge.Config{})
	ctx := t.Context()
	first := b.withFiles(map[string]string{"a": "1\n"})
	for i := range 3 {
		head := fmt.Sprintf("fix-%d", i)
		b.branch(head, b.commit(first, "a", head))
		b.openPull(head, head)
	}
	if _, _, err := b.client.PullRequests.Edit(ctx, "acme", "env", 2, &github.PullRequest{State: github.String("closed")}); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		opts     github.PullRequestListOptions
		want     []int
		nextPage int
	}{
		{"open by default, newest first", github.PullRequestListOptions{}, []int{3, 1}, 0},
		{"all, oldest first", github.PullRequestListOptions{State: "all", Direction: "asc"}, []int{1, 2, 3}, 0},
		{"closed", github.PullRequestListOptions{State: "closed"}, []int{2}, 0},
		{"of one head", github.PullRequestListOptions{State: "all", Head: "acme:fix-1"}, []int{2}, 0},
		{"of another base", github.PullRequestListOptions{Base: "other"}, nil, 0},
		{"a page", github.PullRequestListOptions{State: "all", ListOptions: github.ListOptions{PerPage: 2}}, []int{3, 2}, 2},
	}
	for _, test := range tests {
		list, res, err := b.client.PullRequests.List(ctx, "acme", "env", &test.opts)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, pr := range list {
			got = append(got, pr.GetNumber())
		}
		if fmt.Sprint(got) != fmt.Sprint(test.want) || res.NextPage != test.nextPage {
			t.Errorf("%s: %v next %d, want %v next %d", test.name, got, res.NextPage, test.want, test.nextPage)
		}
	}
}
