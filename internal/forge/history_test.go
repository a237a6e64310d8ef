package forge_test

import (
	"net/http"
	"testing"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend/internal/forge"
)

func TestUnknownCommits(t *testing.T) {
	b := newBench(t, forge.Config{})
	b.withFiles(map[string]string{"a": "1\n"})
	for path, want := range map[string]int{"/commits/none": 422, "/compare/main...none": 404} {
		if res, body := b.call("GET", "/api/v3/repos/acme/env"+path, ""); res.StatusCode != want {
			t.Errorf("%s: %d %s, want %d", path, res.StatusCode, body, want)
		}
	}
}

func TestHistory(t *testing.T) {
	b := newBench(t, forge.Config{})
	ctx := t.Context()
	first := b.withFiles(map[string]string{"a": "1\n2\n", "b": "1\n"})
	second := b.commit(first, "a", "1\n3\n")
	third := b.commit(second, "b", "2\n")
	side := b.commit(first, "c", "new\n")
	for branch, sha := range map[string]string{"next": third, "side": side} {
		b.branch(branch, sha)
	}
	page, res, err := b.client.Repositories.ListCommits(ctx, "acme", "env", &github.CommitsListOptions{SHA: "next", ListOptions: github.ListOptions{PerPage: 2}})
	if err != nil || len(page) != 2 || page[0].GetSHA() != third || res.NextPage != 2 {
		t.Errorf("first page: %d commits, next page %d, %v", len(page), res.NextPage, err)
	}
	page, res, err = b.client.Repositories.ListCommits(ctx, "acme", "env", &github.CommitsListOptions{SHA: "next", ListOptions: github.ListOptions{PerPage: 2, Page: 2}})
	if err != nil || len(page) != 1 || page[0].GetSHA() != first || res.NextPage != 0 {
		t.Errorf("second page: %d commits, next page %d, %v", len(page), res.NextPage, err)
	}
	page, _, err = b.client.Repositories.ListCommits(ctx, "acme", "env", &github.CommitsListOptions{SHA: "next", Path: "a"})
	if err != nil || len(page) != 2 || page[0].GetSHA() != second {
		t.Errorf("commits of one file: %d, %v", len(page), err)
	}
	commit, _, err := b.client.Repositories.GetCommit(ctx, "acme", "env", "next", nil)
	if err != nil || commit.GetStats().GetTotal() != 2 || len(commit.Files) != 1 || commit.Files[0].GetFilename() != "b" {
		t.Errorf("commit: %v, %v", commit, err)
	}
	if sha, _, err := b.client.Repositories.GetCommitSHA1(ctx, "acme", "env", "next", ""); err != nil || sha != third {
		t.Errorf("sha of next: %s, %v", sha, err)
	}
	diff, _, err := b.client.Repositories.CompareCommits(ctx, "acme", "env", "side", "next", nil)
	if err != nil || diff.GetStatus() != "diverged" || diff.GetAheadBy() != 2 || diff.GetBehindBy() != 1 ||
		diff.GetMergeBaseCommit().GetSHA() != first || diff.Commits[0].GetSHA() != second || len(diff.Files) != 2 {
		t.Errorf("comparison: %v, %v", diff, err)
	}
	repo, _, err := b.client.Repositories.Get(ctx, "acme", "env")
	if err != nil || repo.GetDefaultBranch() != "main" {
		t.Errorf("repository: %v, %v", repo, err)
	}
	if res, _ := b.call(http.MethodGet, "/api/v3/repos/acme/none", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("a missing repository: %s", res.Status)
	}
}
