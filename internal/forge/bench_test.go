package forge_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend/internal/forge"
)

// BenchmarkCommitByREST is one change as the writer makes it: read the branch,
// write a tree and a commit, move the branch.
func BenchmarkCommitByREST(b *testing.B) {
	server, err := forge.New(forge.Config{Dir: b.TempDir(), RateLimit: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	web := httptest.NewServer(server)
	defer web.Close()
	server.AddToken(token, forge.Grant{Login: "robot"})
	folder := b.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "a.yaml"), []byte("x: 0\n"), 0o644); err != nil {
		b.Fatal(err)
	}
	if _, err := server.ImportRepo(b.Context(), fullName, folder); err != nil {
		b.Fatal(err)
	}
	client, err := github.NewClient(&http.Client{}).WithAuthToken(token).WithEnterpriseURLs(web.URL, web.URL)
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		n++
		if err := commitOnce(b, client, fmt.Sprintf("x: %d\n", n)); err != nil {
			b.Fatal(err)
		}
	}
}

func commitOnce(b *testing.B, client *github.Client, content string) error {
	ctx := b.Context()
	head, _, err := client.Git.GetRef(ctx, "acme", "env", "heads/main")
	if err != nil {
		return err
	}
	tree, _, err := client.Git.CreateTree(ctx, "acme", "env", head.Object.GetSHA(), []*github.TreeEntry{
		{Path: github.String("a.yaml"), Mode: github.String("100644"), Type: github.String("blob"), Content: &content},
	})
	if err != nil {
		return err
	}
	commit, _, err := client.Git.CreateCommit(ctx, "acme", "env", &github.Commit{
		Message: github.String("m"), Tree: tree, Parents: []*github.Commit{{SHA: head.Object.SHA}},
	}, nil)
	if err != nil {
		return err
	}
	_, _, err = client.Git.UpdateRef(ctx, "acme", "env", ref("main", commit.GetSHA()), false)
	return err
}
