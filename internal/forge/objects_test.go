package forge_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend/internal/forge"
)

func TestObjects(t *testing.T) {
	b := newBench(t, forge.Config{})
	ctx := t.Context()
	first := b.withFiles(map[string]string{"a/b/c.yaml": "x: 1\n", "a.yaml": "y: 1\n", "a-b": "z\n"})

	blob, _, err := b.client.Git.CreateBlob(ctx, "acme", "env", &github.Blob{Content: github.String("eDogMgo="), Encoding: github.String("base64")})
	if err != nil {
		t.Fatal(err)
	}
	raw, _, err := b.client.Git.GetBlobRaw(ctx, "acme", "env", blob.GetSHA())
	if err != nil || !strings.Contains(string(raw), "x: 2") {
		t.Errorf("blob is %q, %v", raw, err)
	}
	got, _, err := b.client.Git.GetBlob(ctx, "acme", "env", blob.GetSHA())
	if err != nil || got.GetContent() != "eDogMgo=\n" {
		t.Errorf("blob is %q, %v", got.GetContent(), err)
	}
	tree, _, err := b.client.Git.CreateTree(ctx, "acme", "env", first, []*github.TreeEntry{
		{Path: github.String("a/b/c.yaml"), Mode: github.String("100644"), Type: github.String("blob"), SHA: blob.SHA},
		{Path: github.String("a/new/d"), Mode: github.String("100755"), Type: github.String("blob"), Content: github.String("d\n")},
		{Path: github.String("a-b"), Mode: github.String("100644"), Type: github.String("blob")}, // sha: null
	})
	if err != nil {
		t.Fatal(err)
	}
	all, _, err := b.client.Git.GetTree(ctx, "acme", "env", tree.GetSHA(), true)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range all.Entries {
		list = append(list, e.GetMode()+" "+e.GetPath())
	}
	want := []string{"100644 a.yaml", "040000 a", "040000 a/b", "100644 a/b/c.yaml", "040000 a/new", "100755 a/new/d"}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}

	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 2*3600))
	commit, _, err := b.client.Git.CreateCommit(ctx, "acme", "env", &github.Commit{
		Message: github.String("Title\n\nAmend-Incident: x\n"), Tree: tree, Parents: []*github.Commit{{SHA: &first}},
		Author: &github.CommitAuthor{Name: github.String("A <b>"), Email: github.String("a@b"), Date: &github.Timestamp{Time: when}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	read, _, err := b.client.Git.GetCommit(ctx, "acme", "env", commit.GetSHA())
	if err != nil || read.GetAuthor().GetDate().Unix() != when.Unix() || read.GetMessage() != "Title\n\nAmend-Incident: x\n" {
		t.Errorf("commit is %v, %v", read, err)
	}
	// Git itself accepts what was written.
	if _, _, err := b.client.Git.UpdateRef(ctx, "acme", "env", ref("main", commit.GetSHA()), false); err != nil {
		t.Fatal(err)
	}
	dir := b.clone()
	b.mustGit(dir, "fsck", "--strict")
	if out := b.mustGit(dir, "log", "-1", "--format=%ad %an", "--date=iso"); out != "2026-01-02 03:04:05 +0200 A b\n" {
		t.Errorf("git shows %q", out)
	}
}

func TestObjectErrors(t *testing.T) {
	b := newBench(t, forge.Config{})
	first := b.withFiles(map[string]string{"a": "1\n"})
	const none = "1111111111111111111111111111111111111111"
	entry := func(path, rest string) string {
		return `{"base_tree":"` + first + `","tree":[{"path":"` + path + `","mode":"100644","type":"blob",` + rest + `}]}`
	}
	tests := []struct {
		method, path, body string
		status             int
		message            string
	}{
		{"POST", "/git/trees", entry("../x", `"content":"x"`), 422, "malformed path component"},
		{"POST", "/git/trees", entry("a//x", `"content":"x"`), 422, "malformed path component"},
		{"POST", "/git/trees", entry(".GIT/config", `"content":"x"`), 422, "malformed path component"},
		{"POST", "/git/trees", entry("b", `"sha":"`+none+`"`), 422, "is not a valid blob"},
		{"POST", "/git/trees", entry("b", `"sha":"`+first+`"`), 422, "is not a valid blob"},
		{"POST", "/git/trees", entry("b", `"sha":null`), 422, "there is no"},
		{"POST", "/git/trees", `{"base_tree":"` + none + `","tree":[{"path":"a","mode":"100644","content":""}]}`, 422, "base_tree"},
		{"POST", "/git/commits", `{"message":"m","tree":"` + none + `"}`, 422, "Tree SHA does not exist"},
		{"POST", "/git/commits", `{"message":"m","tree":"x"}`, 422, "Tree SHA does not exist"},
		{"POST", "/git/commits", `{"message":"m","tree":"` + none + `","parents":["` + none + `"]}`, 422, "Parent SHA"},
		{"POST", "/git/blobs", `{"content":"!","encoding":"base64"}`, 422, "Base64"},
		{"POST", "/git/blobs", `{"content":`, 400, "Problems parsing JSON"},
		{"GET", "/git/blobs/" + none, "", 404, "Not Found"},
		{"GET", "/git/blobs/" + first, "", 404, "Not Found"},
		{"GET", "/git/trees/none", "", 404, "Not Found"},
		{"GET", "/git/commits/" + none, "", 404, "Not Found"},
		{"GET", "/commits/none", "", 422, "No commit found"},
		{"GET", "/compare/main...none", "", 404, "Not Found"},
	}
	for _, test := range tests {
		res, body := b.call(test.method, "/api/v3/repos/acme/env"+test.path, test.body)
		if res.StatusCode != test.status || !strings.Contains(body, test.message) {
			t.Errorf("%s %s %s: %d %s, want %d %q", test.method, test.path, test.body, res.StatusCode, body, test.status, test.message)
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
