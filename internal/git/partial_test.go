package git_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/git"
)

// long is a history in which every commit changes one of some files to what it never
// was before.
func long(commits int) []stream {
	all := make([]stream, commits)
	for i := range all {
		all[i] = stream{branch: "main", files: map[string]string{
			fmt.Sprintf("apps/app-%d/deploy.yaml", i%7): fmt.Sprintf("replicas: %d\n%s", i, strings.Repeat("#", i%90)),
		}}
	}
	return all
}

// A start costs the files of today and the commits, and not the files of all times.
// What is older comes when it is read, once.
func TestStartTakesNotAllOfTheHistory(t *testing.T) {
	u := newUpstream(t)
	u.stream(t, long(2500)...)
	sha := u.rev(t, "main")
	cfg := u.config(t)
	sizes := &countBytes{}
	cfg.Transport = sizes
	m := open(t, cfg)
	fetch(t, m)
	start := sizes.take()
	count(t, m, sha, "", 2500)
	readAll(t, m, sha, 7)
	if more := sizes.take(); more > 0 {
		t.Errorf("the commits and the files of the head took %d bytes more", more)
	}

	old := u.rev(t, "main~2000")
	tree, err := m.Tree(old)
	must(t, err)
	if got, err := fs.ReadFile(tree, "apps/app-0/deploy.yaml"); err != nil || string(got) != run(t, u.dir, "show", old+":apps/app-0/deploy.yaml") {
		t.Errorf("the file of an old commit: %q, %v", got, err)
	}
	rest := sizes.take()
	if rest < start {
		t.Errorf("the start took %d bytes of %d", start, start+rest)
	}
	versions := 0
	for _, err := range m.Versions(sha, repoPath(t, "apps/app-3/deploy.yaml")) {
		must(t, err)
		versions++
	}
	if more := sizes.take(); versions != 357 || more > 0 {
		t.Errorf("%d versions of a file, and %d bytes for them", versions, more)
	}
	count(t, m, sha, "", 2500)
}

// The first read below the edge brings some of what is there, and not all.
func TestOlderFilesComeInPortions(t *testing.T) {
	u := newUpstream(t)
	u.stream(t, long(4000)...)
	cfg := u.config(t)
	sizes := &countBytes{}
	cfg.Transport = sizes
	m := open(t, cfg)
	fetch(t, m)
	sizes.take()
	taken := make([]int64, 3)
	for i, back := range []int{500, 900, 3900} {
		tree, err := m.Tree(u.rev(t, fmt.Sprintf("main~%d", back)))
		must(t, err)
		_, err = fs.ReadFile(tree, "apps/app-0/deploy.yaml")
		must(t, err)
		taken[i] = sizes.take()
	}
	if taken[0] == 0 || taken[1] != 0 || taken[2] < 2*taken[0] {
		t.Errorf("reads of three commits, each older than the last, took %d bytes", taken)
	}
}

// Hosts differ in what they can leave out; what is read in the end does not.
func TestEveryHostGivesAllOfTheHistory(t *testing.T) {
	for name, config := range map[string][]string{
		"filters":            nil,
		"no filters":         {"uploadpack.allowFilter", "false"},
		"filters, but other": {"uploadpackfilter.tree.allow", "false"},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t)
			if config != nil {
				run(t, u.dir, append([]string{"config"}, config...)...)
			}
			u.stream(t, long(150)...)
			m := open(t, u.config(t))
			fetch(t, m)
			sha := head(t, m, "main")
			count(t, m, sha, "", 150)
			readAll(t, m, sha, 7)
			readAll(t, m, u.rev(t, "main~140"), 7)
			u.stream(t, stream{branch: "main", files: map[string]string{"apps/app-1/deploy.yaml": "replicas: 1\n#"}}) // as it once was
			fetch(t, m)
			readAll(t, m, u.rev(t, "main"), 7)
		})
	}
}

// A host that is away when an old file is read is no reason to doubt the mirror.
func TestOldFileWhileTheHostIsAway(t *testing.T) {
	u := newUpstream(t)
	u.stream(t, long(150)...)
	m := open(t, u.config(t))
	fetch(t, m)
	sha, old := head(t, m, "main"), u.rev(t, "main~140")
	away := func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusBadGateway); return true }
	u.intercept.Store(&away)
	tree, err := m.Tree(old)
	must(t, err)
	_, err = fs.ReadFile(tree, "apps/app-1/deploy.yaml")
	wantKind(t, err, amend.Transient)
	if err != nil && strings.Contains(err.Error(), "lost") {
		t.Errorf("what was not fetched is called lost: %v", err)
	}
	readAll(t, m, sha, 7) // still warm
	u.intercept.Store(nil)
	before := u.requests.Load()
	fetch(t, m)
	if got := u.requests.Load() - before; got != 1 {
		t.Errorf("the next fetch took %d requests, want 1: nothing was lost", got)
	}
	readAll(t, m, old, 7)
}

// Nor is a host whose branches are gone, of which nothing more can be asked.
func TestOldFileWhenTheHostHasNoBranch(t *testing.T) {
	for name, tagged := range map[string]bool{"empty": false, "tags only": true} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t)
			u.stream(t, long(150)...)
			m := open(t, u.config(t))
			fetch(t, m)
			tree, err := m.Tree(u.rev(t, "main~140"))
			must(t, err)
			sha := u.rev(t, "main")
			if tagged {
				run(t, u.dir, "tag", "v1", sha)
			}
			run(t, u.dir, "update-ref", "-d", "refs/heads/main")
			_, err = fs.ReadFile(tree, "apps/app-1/deploy.yaml")
			wantKind(t, err, amend.Transient)
			run(t, u.dir, "update-ref", "refs/heads/main", sha)
			if content, err := fs.ReadFile(tree, "apps/app-1/deploy.yaml"); err != nil || len(content) == 0 {
				t.Errorf("when the branch is there again: %q, %v", content, err)
			}
		})
	}
}

// Nor does a host that is away for a moment have to send all of its history at once.
func TestHostThatIsAwayDuringTheStart(t *testing.T) {
	u := newUpstream(t)
	u.stream(t, long(150)...)
	cfg := u.config(t)
	posts := 0
	cfg.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPost {
			if posts++; posts == 2 {
				return nil, errors.New("connection reset")
			}
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	m := open(t, cfg)
	wantKind(t, m.Fetch(context.Background()), amend.Transient)
	if posts != 2 {
		t.Errorf("%d requests for objects, want 2", posts)
	}
	fetch(t, m)
	readAll(t, m, head(t, m, "main"), 7)
	count(t, m, head(t, m, "main"), "", 150)
}

// An end of the mirror's life ends a read that waits for the host.
func TestEndStopsAReadOfOldFiles(t *testing.T) {
	u := newUpstream(t)
	u.stream(t, long(150)...)
	life, end := context.WithCancel(context.Background())
	m, err := git.OpenMirror(life, u.config(t))
	must(t, err)
	t.Cleanup(func() { _ = m.Close() })
	fetch(t, m)
	tree, err := m.Tree(u.rev(t, "main~140"))
	must(t, err)
	hang := func(_ http.ResponseWriter, r *http.Request) bool { end(); <-r.Context().Done(); return true }
	u.intercept.Store(&hang)
	_, err = fs.ReadFile(tree, "apps/app-1/deploy.yaml")
	wantKind(t, err, amend.Transient)
}

// What is pushed on top of a commit below the edge is not claimed before a fetch: of
// what lies below that commit only the messages are here.
func TestPushOnTopOfAnOldCommit(t *testing.T) {
	u := newUpstream(t)
	var commits []stream
	for i := range 150 {
		commits = append(commits, stream{branch: "main", files: map[string]string{"a.yaml": fmt.Sprintln("replicas:", i)}})
	}
	again := stream{branch: "main", files: map[string]string{"a.yaml": "replicas: 7\n"}} // so the files of an old commit are here
	u.stream(t, append(commits, again)...)
	m := open(t, u.config(t))
	fetch(t, m)
	ours := change(t, m, u.rev(t, "main~143"), "b.yaml", "ours: 1\n")
	must(t, m.Push(context.Background(), "ours", "", ours))
	must(t, m.Push(context.Background(), "old", "", u.rev(t, "main~142")))
	u.stream(t, stream{branch: "main", files: map[string]string{"a.yaml": "replicas: 3\n"}}) // as it was below both
	fetch(t, m)
	for branch, files := range map[string]int{"main": 1, "old": 1, "ours": 2} {
		readAll(t, m, head(t, m, branch), files)
	}
}

// A host that has forgotten a branch does not send what is below the edge of it, so that
// stays the edge when all else comes.
func TestBranchThatTheHostForgotComesBack(t *testing.T) {
	u := newUpstream(t)
	u.stream(t, long(1300)...)
	other := make([]stream, 150)
	for i := range other {
		other[i] = stream{branch: "other", files: map[string]string{"a.yaml": fmt.Sprintln("other:", i)}}
	}
	u.stream(t, other...)
	m := open(t, u.config(t))
	fetch(t, m)
	back := u.rev(t, "other~120")
	elsewhere := t.TempDir()
	run(t, elsewhere, "clone", "-q", "--mirror", u.dir, ".")
	run(t, u.dir, "update-ref", "-d", "refs/heads/other")
	run(t, u.dir, "gc", "-q", "--prune=now")
	fetch(t, m)
	readAll(t, m, u.rev(t, "main~1250"), 7)
	run(t, elsewhere, "push", "-q", u.dir, back+":refs/heads/other")
	fetch(t, m)
	readAll(t, m, back, 1)
}

// Whatever happens to the branches of the host, each fetch leaves the files of every
// head here, and what is older can be read. Above all: Git leaves out what it believes
// to be here, so amend must not claim a commit of which it only has the message.
func TestPartialMirrorFollowsAnyHistory(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := &wanderer{u: newUpstream(t), r: rand.New(rand.NewPCG(seed, 0))}
			w.u.stream(t, long(130+w.r.IntN(100))...)
			cfg := w.u.config(t)
			m := open(t, cfg)
			for range 12 {
				fetch(t, m)
				w.check(t, m)
				if w.r.IntN(4) == 0 {
					must(t, m.Close())
					m = open(t, cfg)
				}
				for range 1 + w.r.IntN(3) {
					w.step(t)
				}
			}
		})
	}
}

// A wanderer does to a repository what people do.
type wanderer struct {
	u *upstream
	r *rand.Rand
	n int
}

func (w *wanderer) step(t *testing.T) {
	w.n++
	branch := []string{"main", "main", "a", "b"}[w.r.IntN(4)]
	if !w.u.has(branch) {
		branch = "main"
	}
	anywhere := w.u.rev(t, fmt.Sprintf("%s~%d", branch, w.r.IntN(w.depth(t, branch))))
	file := fmt.Sprintf("apps/app-%d/deploy.yaml", w.r.IntN(7))
	other := []string{"a", "b"}[w.r.IntN(2)]
	switch w.r.IntN(7) {
	case 0, 1: // a change
		w.u.stream(t, stream{branch: branch, files: map[string]string{file: fmt.Sprintln("new:", w.n)}})
	case 2: // a revert to what was once
		content := w.u.show(t, anywhere, file)
		if content == "" {
			content = "again\n"
		}
		w.u.stream(t, stream{branch: branch, files: map[string]string{file: content}})
	case 3: // a branch at some commit
		run(t, w.u.dir, "update-ref", "refs/heads/"+other, anywhere)
	case 4: // a branch from some commit
		run(t, w.u.dir, "update-ref", "refs/heads/"+other, anywhere)
		w.u.stream(t, stream{branch: other, files: map[string]string{file: fmt.Sprintln("other:", w.n)}})
	case 5: // a merge
		if w.u.has(other) && other != branch {
			w.u.stream(t, stream{branch: branch, merge: "refs/heads/" + other + "^0", files: map[string]string{file: fmt.Sprintln("merged:", w.n)}})
		}
	case 6: // a rewound branch, or one that is deleted
		if branch == "main" {
			run(t, w.u.dir, "update-ref", "refs/heads/main", w.u.rev(t, fmt.Sprintf("main~%d", w.r.IntN(5))))
		} else {
			run(t, w.u.dir, "update-ref", "-d", "refs/heads/"+branch)
		}
	}
}

func (w *wanderer) depth(t *testing.T, branch string) int {
	var n int
	_, err := fmt.Sscan(run(t, w.u.dir, "rev-list", "--first-parent", "--count", branch), &n)
	must(t, err)
	return n
}

// show returns a file of a commit, "" when it has none.
func (u *upstream) show(t *testing.T, commit, file string) string {
	t.Helper()
	if run(t, u.dir, "ls-tree", commit, file) == "" {
		return ""
	}
	return run(t, u.dir, "show", commit+":"+file)
}

// check compares every head with the host's, for which nothing may be fetched, and
// once in a while an old commit.
func (w *wanderer) check(t *testing.T, m *git.Mirror) {
	t.Helper()
	before := w.u.requests.Load()
	for branch := range strings.FieldsSeq(run(t, w.u.dir, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads")) {
		sha := w.u.rev(t, "refs/heads/"+branch)
		if got := head(t, m, branch); got != sha {
			t.Fatalf("%s = %s, want %s", branch, got, sha)
		}
		w.same(t, m, sha)
		count(t, m, sha, "", w.commits(t, sha))
	}
	if got := w.u.requests.Load() - before; got != 0 {
		t.Errorf("to read the heads took %d requests", got)
	}
	if w.r.IntN(6) == 0 {
		w.same(t, m, w.u.rev(t, fmt.Sprintf("main~%d", w.r.IntN(w.depth(t, "main")))))
	}
}

func (w *wanderer) commits(t *testing.T, sha string) int {
	return strings.Count(run(t, w.u.dir, "rev-list", sha), "\n")
}

// same compares all files of a commit.
func (w *wanderer) same(t *testing.T, m *git.Mirror, sha string) {
	t.Helper()
	tree, err := m.Tree(sha)
	must(t, err)
	var got strings.Builder
	must(t, fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(tree, name)
		fmt.Fprintf(&got, "100644 blob %s\t%s\n", plumbing.ComputeHash(plumbing.BlobObject, content), name)
		return err
	}))
	if want := run(t, w.u.dir, "ls-tree", "-r", sha); got.String() != want {
		t.Fatalf("files of %s:\n%swant:\n%s", sha, got.String(), want)
	}
}
