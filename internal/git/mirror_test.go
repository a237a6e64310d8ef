package git_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/git"
)

func TestFetchFollowsUpstream(t *testing.T) {
	u := newUpstream(t)
	m := open(t, u.config(t))
	_, err := m.Head("main")
	wantKind(t, err, amend.Transient) // not fetched: unknown is not absent

	fetch(t, m) // empty repository
	_, err = m.Head("main")
	wantKind(t, err, amend.NotFound)

	first := u.commit(t, "main", map[string]string{"a.yaml": "one\n"})
	second := u.commit(t, "amend/x-1", map[string]string{"b.yaml": "two\n"})
	fetch(t, m)
	if got := head(t, m, "main"); got != first {
		t.Errorf("main = %s, want %s", got, first)
	}
	if got := head(t, m, "amend/x-1"); got != second {
		t.Errorf("amend/x-1 = %s, want %s", got, second)
	}

	third := u.commit(t, "main", map[string]string{"a.yaml": "three\n"})
	run(t, u.dir, "update-ref", "-d", "refs/heads/amend/x-1")
	fetch(t, m)
	if got := head(t, m, "main"); got != third || !m.Has(first) {
		t.Errorf("main = %s, want %s on top of the first", got, third)
	}
	_, err = m.Head("amend/x-1")
	wantKind(t, err, amend.NotFound)

	run(t, u.dir, "update-ref", "refs/heads/main", first) // force-pushed back
	fetch(t, m)
	if got := head(t, m, "main"); got != first {
		t.Errorf("main = %s after a forced push, want %s", got, first)
	}

	// A branch "amend" cannot be beside "amend/…" on disk; ours must not mind.
	run(t, u.dir, "update-ref", "refs/heads/amend", third)
	fetch(t, m)
	if got := head(t, m, "amend"); got != third {
		t.Errorf("amend = %s, want %s", got, third)
	}
}

func TestFetchForcedToAnotherHistory(t *testing.T) {
	u := newUpstream(t)
	u.commit(t, "main", map[string]string{"a.yaml": "one\n"})
	m := open(t, u.config(t))
	fetch(t, m)
	run(t, u.dir, "update-ref", "-d", "refs/heads/main")
	other := u.commit(t, "main", map[string]string{"z.yaml": "other\n"})
	fetch(t, m)
	tree, err := m.Tree(head(t, m, "main"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := fs.ReadFile(tree, "z.yaml"); err != nil || string(got) != "other\n" || head(t, m, "main") != other {
		t.Errorf("z.yaml = %q, %v", got, err)
	}
}

func TestFetchUnchangedIsOneRequest(t *testing.T) {
	u := newUpstream(t)
	u.commit(t, "main", map[string]string{"a.yaml": "one\n"})
	m := open(t, u.config(t))
	fetch(t, m)
	before := u.requests.Load()
	fetch(t, m)
	if got := u.requests.Load() - before; got != 1 {
		t.Errorf("an idle fetch took %d requests, want 1", got)
	}
}

// The upload-pack answer to an increment must not grow with the history.
func TestFetchIsIncremental(t *testing.T) {
	u := newUpstream(t)
	commits := make([]stream, 2000)
	for i := range commits {
		commits[i] = stream{branch: "main", files: map[string]string{
			fmt.Sprintf("apps/app-%d/deploy.yaml", i%50): fmt.Sprintf("replicas: %d\n", i),
		}}
	}
	u.stream(t, commits...)
	cfg := u.config(t)
	sizes := &countBytes{}
	cfg.Transport = sizes
	m := open(t, cfg)
	fetch(t, m)
	whole := sizes.take()
	packs := filepath.Join(cfg.Dir, "amend-mirror", "objects", "pack", "*.pack")
	before, _ := filepath.Glob(packs)
	sha := u.commit(t, "main", map[string]string{"apps/app-1/deploy.yaml": "replicas: 9\n"})
	fetch(t, m)
	if part := sizes.take(); part*20 > whole {
		t.Errorf("one commit more took %d bytes, the whole took %d", part, whole)
	}
	n := 0
	for _, err := range m.Log(sha, "") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 2001 {
		t.Errorf("log has %d commits, want 2001", n)
	}
	if after, _ := filepath.Glob(packs); len(before) == 0 || len(after) != len(before) {
		t.Errorf("%d packs after %d: small fetches are unpacked", len(after), len(before))
	}
}

// Few objects that inflate to much are kept as the pack that they came in: held
// in memory, one push to any branch could end the process.
func TestFetchOfFewLargeObjectsIsNotUnpacked(t *testing.T) {
	u := newUpstream(t)
	u.commit(t, "main", map[string]string{"a.yaml": "a: 1\n"})
	cfg := u.config(t)
	m := open(t, cfg)
	fetch(t, m)
	half := strings.Repeat("\x00", 33<<20)
	sha := u.commit(t, "zeros", map[string]string{"a.bin": "a" + half, "b.bin": "b" + half})
	fetch(t, m)
	if packs, _ := filepath.Glob(filepath.Join(cfg.Dir, "amend-mirror", "objects", "pack", "*.pack")); len(packs) != 1 {
		t.Errorf("%d packs, want one", len(packs))
	}
	tree, err := m.Tree(sha)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := fs.ReadFile(tree, "b.bin"); err != nil || string(b) != "b"+half {
		t.Errorf("read %d bytes, %v", len(b), err)
	}
}

type countBytes struct {
	mu sync.Mutex
	n  int64
}

func (c *countBytes) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		resp.Body = &countedBody{resp.Body, c}
	}
	return resp, err
}

func (c *countBytes) take() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.n
	c.n = 0
	return n
}

type countedBody struct {
	body interface {
		Read([]byte) (int, error)
		Close() error
	}
	c *countBytes
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	b.c.mu.Lock()
	b.c.n += int64(n)
	b.c.mu.Unlock()
	return n, err
}
func (b *countedBody) Close() error { return b.body.Close() }

func TestReopenIsWarm(t *testing.T) {
	u, cfg, m, sha := warm(t)
	_, err := git.OpenMirror(context.Background(), cfg)
	wantKind(t, err, amend.Transient) // the folder is locked
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	left := []string{filepath.Join(cfg.Dir, "amend-mirror", "objects", "tmp_obj_1"), filepath.Join(cfg.Dir, "amend-mirror", ".state.json-1")}
	for _, name := range left {
		must(t, os.WriteFile(name, nil, 0o600))
	}
	before := u.requests.Load()
	if got := head(t, open(t, cfg), "main"); got != sha || u.requests.Load() != before {
		t.Errorf("main = %s after opening again, want %s without a request", got, sha)
	}
	for _, name := range left {
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s, which a dead write left, is still there", name)
		}
	}
}

// Who is asked to end while it opens has found out nothing about the mirror.
func TestMirrorOutlivesAnEndAtTheStart(t *testing.T) {
	_, cfg, m, sha := warm(t)
	must(t, m.Close())
	ended, end := context.WithCancel(context.Background())
	end()
	if m, err := git.OpenMirror(ended, cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("opened %v, %v", m, err)
	}
	if got := head(t, open(t, cfg), "main"); got != sha {
		t.Errorf("main = %s after that, want %s", got, sha)
	}
}

// Whatever happens to the folder, opening works and a fetch makes it whole.
func TestTornMirrorIsRebuilt(t *testing.T) {
	u := newUpstream(t)
	files := map[string]string{}
	for i := range 120 {
		files[fmt.Sprintf("apps/%d.yaml", i)] = fmt.Sprintf("replicas: %d\n", i)
	}
	sha := u.commit(t, "main", files)
	for name, tear := range map[string]func(t *testing.T, dir string){
		"deleted":       func(t *testing.T, dir string) { must(t, os.RemoveAll(dir)) },
		"no state":      func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, "state.json"))) },
		"half a state":  func(t *testing.T, dir string) { must(t, os.Truncate(filepath.Join(dir, "state.json"), 20)) },
		"died halfway":  func(t *testing.T, dir string) { must(t, os.WriteFile(filepath.Join(dir, "installing"), nil, 0o600)) },
		"no objects":    func(t *testing.T, dir string) { must(t, os.RemoveAll(filepath.Join(dir, "objects"))) },
		"another one":   func(t *testing.T, dir string) { sed(t, filepath.Join(dir, "state.json"), "env.git", "ens.git") },
		"packs cut":     func(t *testing.T, dir string) { tearAll(t, filepath.Join(dir, "objects", "pack", "*.pack"), 30) },
		"indexes cut":   func(t *testing.T, dir string) { tearAll(t, filepath.Join(dir, "objects", "pack", "*.idx"), 30) },
		"indexes gone":  func(t *testing.T, dir string) { tearAll(t, filepath.Join(dir, "objects", "pack", "*.idx"), -1) },
		"packs zeroed":  func(t *testing.T, dir string) { tearAll(t, filepath.Join(dir, "objects", "pack", "*.pack"), 0) },
		"format change": func(t *testing.T, dir string) { sed(t, filepath.Join(dir, "state.json"), `"format":2`, `"format":9`) },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := u.config(t)
			m := open(t, cfg)
			fetch(t, m)
			must(t, m.Close())
			keep := filepath.Join(cfg.Dir, "not-ours.txt")
			must(t, os.WriteFile(keep, []byte("x"), 0o600))
			tear(t, filepath.Join(cfg.Dir, "amend-mirror"))

			m = open(t, cfg)
			fetch(t, m)
			if got := head(t, m, "main"); got != sha {
				t.Errorf("main = %s, want %s", got, sha)
			}
			readAll(t, m, sha, 120)
			if _, err := os.Stat(keep); err != nil {
				t.Errorf("a rebuild touched what is not its own: %v", err)
			}
		})
	}
}

// An object that rots while the mirror is open is noticed by its hash, never
// returned, and healed by the next fetch.
func TestRotIsNoticedAndHealed(t *testing.T) {
	u := newUpstream(t)
	sha := u.commit(t, "main", map[string]string{"a.yaml": "replicas: 3\n"})
	cfg := u.config(t)
	m := open(t, cfg)
	fetch(t, m)
	blob := u.rev(t, "main:a.yaml")
	other := strings.TrimSpace(run(t, u.dir, "rev-parse", "main^{tree}"))
	objects := filepath.Join(cfg.Dir, "amend-mirror", "objects")
	rotten, err := os.ReadFile(filepath.Join(objects, other[:2], other[2:]))
	must(t, err)
	path := filepath.Join(objects, blob[:2], blob[2:])
	must(t, os.Chmod(path, 0o600))
	must(t, os.WriteFile(path, rotten, 0o600))

	unpushed := change(t, m, sha, "b.yaml", "replicas: 4\n")
	if _, err := m.Tree(unpushed); err != nil {
		t.Error(err)
	}
	tree, err := m.Tree(sha)
	must(t, err)
	_, err = fs.ReadFile(tree, "a.yaml")
	wantKind(t, err, amend.Transient)
	if err == nil || strings.Contains(err.Error(), fs.ErrNotExist.Error()) {
		t.Errorf("a lost object reads as a missing file: %v", err)
	}
	fetch(t, m)
	readAll(t, m, sha, 1)
	_, err = m.Tree(unpushed) // it is gone
	wantKind(t, err, amend.NotFound)
}

func TestConcurrentUse(t *testing.T) {
	u := newUpstream(t)
	sha := u.commit(t, "main", map[string]string{"a/b/c.yaml": "one\n", "d.yaml": "two\n"})
	m := open(t, u.config(t))
	fetch(t, m)
	path := repoPath(t, "a/b/c.yaml")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 5 {
				if i == 0 {
					u.stream(t, stream{branch: "main", from: "refs/heads/main^0", files: map[string]string{"d.yaml": fmt.Sprint(j)}})
				}
				if err := m.Fetch(context.Background()); err != nil {
					t.Error(err)
				}
				readAll(t, m, sha, 2)
				got, err := m.Write(sha, map[amend.RepoPath][]byte{path: fmt.Appendf(nil, "%d", i)}, meta)
				if err == nil {
					err = m.Advance(fmt.Sprintf("w%d", i), got.SHA)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got, want := head(t, m, "main"), u.rev(t, "main"); got != want {
		fetch(t, m)
		if got = head(t, m, "main"); got != want {
			t.Errorf("main = %s, want %s", got, want)
		}
	}
}

func TestConfigRefused(t *testing.T) {
	for _, url := range []string{
		"", "env.git", "file:///tmp/x", "ssh://git@h/x", "git@h:x", "https://user:pw@h/x", "https://h/x?token=1", "ext::sh -c x", "http://[::1",
	} {
		_, err := git.OpenMirror(context.Background(), git.Config{Dir: t.TempDir(), URL: url})
		wantKind(t, err, amend.Invalid)
		if err != nil && strings.Contains(err.Error(), "pw") {
			t.Errorf("the error tells the secret: %v", err)
		}
	}
}

// What Advance says while a fetch is under way is newer than the fetch's answer.
func TestAdvanceDuringFetch(t *testing.T) {
	u := newUpstream(t)
	parent := u.commit(t, "main", map[string]string{"a.yaml": "one\n"})
	cfg := u.config(t)
	asked, answer := make(chan struct{}), make(chan struct{})
	cfg.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		asked <- struct{}{}
		<-answer
		return resp, err
	})
	m := open(t, cfg)
	go func() { <-asked; answer <- struct{}{}; <-asked; answer <- struct{}{} }()
	fetch(t, m)
	c, err := m.Write(parent, map[amend.RepoPath][]byte{repoPath(t, "a.yaml"): []byte("two\n")}, meta)
	must(t, err)
	done := make(chan error)
	go func() { done <- m.Fetch(context.Background()) }()
	<-asked
	must(t, m.Advance("main", c.SHA))
	answer <- struct{}{}
	must(t, <-done)
	if got := head(t, m, "main"); got != c.SHA {
		t.Errorf("main = %s, want the advanced %s", got, c.SHA)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
