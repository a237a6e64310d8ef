package github_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/forge"
	"github.com/amendhq/amend/internal/github"
)

// A review against the host's own rules, each call held against the contract.
func TestReview(t *testing.T) {
	b := newBench(t)
	sha := b.commit(t, "main", 4)
	b.branch(t, "amend/x-1", sha)
	pr, err := b.client.OpenPullRequest(ctx, github.NewPullRequest{Head: "amend/x-1", Base: "main", Title: "T", Body: "B"})
	must(t, err)
	review := github.Review{Commit: sha, Body: "Look.", Comments: []github.LineComment{
		{Path: repoPath(t, "run.sh"), Line: 2, EndLine: 2, Body: "one"}, {Path: repoPath(t, "run.sh"), Line: 1, EndLine: 2, Body: "two"},
	}}
	must(t, b.client.Review(ctx, pr.Number, review))

	elsewhere := review
	elsewhere.Comments = []github.LineComment{{Path: repoPath(t, "other"), Line: 1, EndLine: 1, Body: "x"}}
	wantKind(t, b.client.Review(ctx, pr.Number, elsewhere), amend.Invalid)
	wantKind(t, b.client.Review(ctx, pr.Number, github.Review{Commit: "main", Body: "x"}), amend.Invalid)

	// A lost answer may mean that it is there, so it is not sent again.
	must(t, b.forge.AddFault(forge.Fault{Method: http.MethodPost, Path: "/reviews$", Action: forge.FaultDropAfter, Times: 1}))
	wantKind(t, b.client.Review(ctx, pr.Number, github.Review{Commit: sha, Body: "x"}), amend.Transient)
	const route = "POST /repos/{owner}/{repo}/pulls/{number}/reviews"
	if diff := cmp.Diff(3, b.forge.Stats().Calls[route]); diff != "" {
		t.Error(diff)
	}
}
