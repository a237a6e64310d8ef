package ledger_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend/internal/git"
	"github.com/amendhq/amend/internal/ledger"
)

// A generated is a bare clone with a long history, of which every tenth commit is
// a change of amend.
type generated struct {
	testing.TB
	dir  string
	made int
}

func (g *generated) git(stdin []byte, args ...string) string {
	g.Helper()
	cmd := exec.Command("git", append([]string{"-C", g.dir}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + g.dir, "GIT_CONFIG_NOSYSTEM=1"}
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		g.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// grow adds so many commits and returns the head.
func (g *generated) grow(commits int) string {
	g.Helper()
	var in bytes.Buffer
	for n := range commits {
		g.made++
		message := fmt.Sprintf("fix %d\n\n%s\n", g.made, strings.Repeat("as somebody asked for in a ticket\n", 4))
		if g.made%10 == 0 {
			message = text(fmt.Sprintf("web-%d", g.made%500), g.made/500+1)
		}
		fmt.Fprintf(&in, "commit refs/heads/main\ncommitter T <t@example.org> %d +0000\ndata %d\n%s\n", noon.Unix()+int64(g.made), len(message), message)
		if n == 0 && g.made > 1 {
			in.WriteString("from refs/heads/main^0\n")
		}
		content := fmt.Sprintf("replicas: %d\n", g.made)
		fmt.Fprintf(&in, "M 644 inline apps/%d/web.yaml\ndata %d\n%s\n", g.made%200, len(content), content)
	}
	g.git(in.Bytes(), "fast-import", "--quiet")
	return g.git(nil, "rev-parse", "refs/heads/main")
}

func (g *generated) open() *git.Clone {
	g.Helper()
	clone, err := git.OpenDir(g.dir)
	if err != nil {
		g.Fatal(err)
	}
	return clone
}

// read adds what is between two commits to the index, as the writer does.
func (g *generated) read(clone *git.Clone, x *ledger.Index, head, until string) (commits int) {
	g.Helper()
	for c, err := range clone.Log(head, until) {
		if err != nil {
			g.Fatal(err)
		}
		x.Add(ledger.Commit{SHA: c.SHA, Parents: c.Parents, At: c.Time, Message: c.Message})
		commits++
	}
	return commits
}

// BenchmarkHistory reads a history of 100,000 commits from a bare clone: all of it,
// with the clone opened for it, and then the 10 commits that came after the last
// time, with the clone kept open.
func BenchmarkHistory(b *testing.B) {
	const commits = 100_000
	g := &generated{TB: b, dir: b.TempDir()}
	g.git(nil, "init", "-q", "--bare", "-b", "main")
	head := g.grow(commits)
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			var x ledger.Index
			if n := g.read(g.open(), &x, head, ""); n != commits || len(x.Records()) != commits/10 {
				b.Fatalf("%d commits, %d changes", n, len(x.Records()))
			}
		}
	})
	b.Run("then", func(b *testing.B) {
		var x ledger.Index
		g.read(g.open(), &x, head, "")
		after := g.grow(10)
		clone := g.open()
		g.read(clone, &x, after, head) // the packs are found once
		for b.Loop() {
			if n := g.read(clone, &x, after, head); n != 10 || len(x.Since(noon.Add((commits+1)*time.Second))) != 1 {
				b.Fatalf("%d commits, %d changes since", n, len(x.Since(noon.Add(commits*time.Second))))
			}
		}
	})
}
