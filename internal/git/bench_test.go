package git_test

import (
	"fmt"
	"io/fs"
	"testing"

	"github.com/amendhq/amend"
)

// BenchmarkFix reads one file at the head of a branch, changes it, and moves
// the branch. It must not grow with the repository.
func BenchmarkFix(b *testing.B) {
	for _, n := range []int{100, 10_000, 50_000} {
		b.Run(fmt.Sprintf("files=%d", n), func(b *testing.B) {
			u := newUpstream(b)
			files := map[string]string{}
			for i := range n {
				files[fmt.Sprintf("envs/e%d/apps/app-%d/deploy.yaml", i%10, i/10)] = fmt.Sprintf("replicas: %d\n", i)
			}
			u.commit(b, "main", files)
			m := open(b, u.config(b))
			fetch(b, m)
			path := repoPath(b, "envs/e3/apps/app-7/deploy.yaml")
			for i := 0; b.Loop(); i++ {
				parent := head(b, m, "main")
				view, err := m.Tree(parent)
				must(b, err)
				_, err = fs.ReadFile(view, path.String())
				must(b, err)
				c, err := m.Write(parent, map[amend.RepoPath][]byte{path: fmt.Append(nil, i)}, meta)
				must(b, err)
				must(b, m.Advance("main", c.SHA))
			}
		})
	}
}
