package github_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/forge"
	"github.com/amendhq/amend/internal/github"
)

// A proposal as the forge shows it, and merged by the commit that was looked at.
func TestProposalAndItsMerge(t *testing.T) {
	b := newBench(t)
	base, err := b.mirror.Head("main")
	must(t, err)
	sha := b.commit(t, "main", 4)
	b.branch(t, "amend/x-1", sha)
	pr, err := b.plain.OpenPullRequest(ctx, github.NewPullRequest{Head: "amend/x-1", Base: "main", Title: "T", Body: "B"})
	must(t, err)
	for _, text := range []string{"one", "two"} {
		must(t, b.client.Comment(ctx, pr.Number, text))
	}
	p, err := b.plain.Proposal(ctx, pr.Number)
	must(t, err)
	var files []string
	for _, f := range p.Files {
		files = append(files, f.String())
	}
	if diff := cmp.Diff([]string{"apps/web/deploy.yaml", "new/latin-1.yaml", "run.sh"}, files); diff != "" {
		t.Error(diff)
	}
	if p.HeadSHA != sha || p.MergeBase != base || p.Base != "main" || p.Title != "T" || p.State != github.Open || !strings.HasPrefix(p.Message, "Raise replicas\n") {
		t.Errorf("the proposal is %+v", p)
	}
	if diff := cmp.Diff([]string{"one", "two"}, p.Comments); diff != "" || len(p.Logins) == 0 {
		t.Errorf("%s, by %v", diff, p.Logins)
	}

	note := "T\n\nApproved-by: Ada (ada)"
	wantKind(t, b.plain.MergePullRequest(ctx, github.Merge{Number: pr.Number, SHA: base, Note: note}), amend.Conflict)
	must(t, b.forge.AddFault(forge.Fault{Method: http.MethodPut, Path: "/merge$", Action: forge.FaultDropAfter, Times: 1}))
	must(t, b.plain.MergePullRequest(ctx, github.Merge{Number: pr.Number, SHA: sha, Note: note}))
	p, err = b.plain.Proposal(ctx, pr.Number)
	must(t, err)
	if p.State != github.Merged || p.HeadSHA != sha {
		t.Errorf("merged: %+v", p)
	}
	_, err = b.plain.Proposal(ctx, 99)
	wantKind(t, err, amend.NotFound)
}
