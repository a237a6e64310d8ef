package github_test

import (
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/github"
)

func TestStatus(t *testing.T) {
	b := newBench(t)
	sha := b.commit(t, "main", 4)
	const mine, other = "amend/verdict", "ci/build"
	if s, ok, err := b.client.Status(ctx, sha, mine); ok || err != nil {
		t.Errorf("before anything was said: %+v, %v", s, err)
	}
	must(t, b.client.SetStatus(ctx, sha, other, github.Status{State: "failure", Description: "broken"}))
	must(t, b.client.SetStatus(ctx, sha, mine, github.Status{State: "pending", Description: "pending: …"}))
	must(t, b.client.SetStatus(ctx, sha, mine, github.Status{State: "success", Description: "worked: <b>@jo</b>"}))
	must(t, b.client.SetStatus(ctx, sha, mine, github.Status{State: "success", Description: "worked: <b>@jo</b>"}))
	s, ok, err := b.client.Status(ctx, sha, mine)
	must(t, err)
	if !ok || s.State != "success" || s.Description != "worked: <b>@jo</b>" || time.Since(s.At) > time.Hour {
		t.Errorf("the status is %+v, %v", s, ok)
	}

	wantKind(t, b.client.SetStatus(ctx, sha, mine, github.Status{State: "success", Description: strings.Repeat("ü", 141)}), amend.Invalid)
	wantKind(t, b.client.SetStatus(ctx, "main", mine, github.Status{State: "success"}), amend.Invalid)
	_, _, err = b.client.Status(ctx, "../x", mine)
	wantKind(t, err, amend.Invalid)
}

func TestLabel(t *testing.T) {
	b := newBench(t)
	must(t, b.client.CreateBranch(ctx, "amend/x-1", b.commit(t, "main", 4)))
	pr, err := b.client.OpenPullRequest(ctx, github.NewPullRequest{Head: "amend/x-1", Base: "main", Title: "T"})
	must(t, err)
	must(t, b.client.Label(ctx, pr.Number, "amend/worked"))
	must(t, b.client.Label(ctx, pr.Number, "amend/worked"))
	got, _, err := b.plain.PullRequest(ctx, "amend/x-1")
	must(t, err)
	if len(got.Labels) != 1 || got.Labels[0] != "amend/worked" {
		t.Errorf("the labels are %v", got.Labels)
	}
}
