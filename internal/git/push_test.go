package git_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/git"
)

// change writes a commit that puts content into a file.
func change(t testing.TB, m *git.Mirror, parent, file, content string) string {
	t.Helper()
	c, err := m.Write(parent, map[amend.RepoPath][]byte{repoPath(t, file): []byte(content)}, meta)
	must(t, err)
	return c.SHA
}

// posts counts the pushes that reach the host.
func (u *upstream) posts() *atomic.Int64 {
	n := new(atomic.Int64)
	count := func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
			n.Add(1)
		}
		return false
	}
	u.intercept.Store(&count)
	return n
}

// Several commits are one push, and the mirror follows it without a fetch.
func TestPush(t *testing.T) {
	u := newUpstream(t)
	base := u.commit(t, "main", map[string]string{"apps/web/deploy.yaml": "replicas: 1\n", "run.sh": "#!/bin/sh\n"})
	m := open(t, u.config(t))
	fetch(t, m)
	pushes := u.posts()
	first := change(t, m, base, "apps/web/deploy.yaml", "replicas: 2\n")
	second := change(t, m, first, "apps/api/deploy.yaml", "replicas: 9\n")
	must(t, m.Push(context.Background(), "main", base, second))
	if got := u.rev(t, "main"); got != second || head(t, m, "main") != second {
		t.Errorf("main = %s, the mirror has %s, want %s", got, head(t, m, "main"), second)
	}
	if n := pushes.Load(); n != 1 {
		t.Errorf("%d pushes for two commits, want 1", n)
	}
	run(t, u.dir, "fsck", "--strict", "--connectivity-only")
	run(t, u.dir, "merge-base", "--is-ancestor", first, "main")
	third := change(t, m, second, "run.sh", "#!/bin/sh\nexit\n")
	must(t, m.Push(context.Background(), "amend/x-1", "", third))
	if got := u.rev(t, "amend/x-1"); got != third || u.rev(t, "main") != second {
		t.Errorf("the branch is at %s, want %s", got, third)
	}
	must(t, m.Push(context.Background(), "again", "", second)) // of what the host has already
	in := meta
	in.Instead = third
	c, err := m.Write(second, map[amend.RepoPath][]byte{repoPath(t, "run.sh"): []byte("#!/bin/sh\ntrue\n")}, in)
	must(t, err)
	must(t, m.Push(context.Background(), "amend/x-1", third, c.SHA))
	if got := strings.TrimSpace(run(t, u.dir, "log", "-1", "--format=%P", "amend/x-1")); got != second+" "+third {
		t.Errorf("the parents are %s", got)
	}
}

func TestPushComesSecond(t *testing.T) {
	u := newUpstream(t)
	base := u.commit(t, "main", map[string]string{"a.yaml": "one\n"})
	m := open(t, u.config(t))
	fetch(t, m)
	ours := change(t, m, base, "a.yaml", "ours\n")
	theirs := u.commit(t, "main", map[string]string{"b.yaml": "theirs\n"})
	wantKind(t, m.Push(context.Background(), "main", base, ours), amend.Conflict)
	if got := u.rev(t, "main"); got != theirs {
		t.Errorf("main = %s, want what was pushed before, %s", got, theirs)
	}
	must(t, m.Push(context.Background(), "amend/x-1", "", ours))
	wantKind(t, m.Push(context.Background(), "amend/x-1", "", ours), amend.Conflict)
	wantKind(t, m.Push(context.Background(), "amend/x-1", "", theirs), amend.Conflict)
	// A branch that was taken back to an older commit is not where it was either.
	run(t, u.dir, "update-ref", "refs/heads/main", base)
	wantKind(t, m.Push(context.Background(), "main", theirs, change(t, m, theirs, "a.yaml", "ours\n")), amend.Conflict)
	run(t, u.dir, "update-ref", "-d", "refs/heads/main")
	wantKind(t, m.Push(context.Background(), "main", base, ours), amend.Conflict)
}

// Of many pushes from the same commit one wins, and nothing of it is lost.
func TestPushesRace(t *testing.T) {
	u := newUpstream(t)
	base := u.commit(t, "main", map[string]string{"a.yaml": "one\n"})
	m := open(t, u.config(t))
	fetch(t, m)
	errs, shas := make([]error, 6), make([]string, 6)
	for i := range shas {
		shas[i] = change(t, m, base, "a.yaml", fmt.Sprint(i))
	}
	var wg sync.WaitGroup
	for i, sha := range shas {
		wg.Go(func() { errs[i] = m.Push(context.Background(), "main", base, sha) })
	}
	wg.Wait()
	won := 0
	for i, err := range errs {
		if err == nil {
			won++
			if got := u.rev(t, "main"); got != shas[i] {
				t.Errorf("main = %s, the winner is %s", got, shas[i])
			}
		} else {
			wantKind(t, err, amend.Conflict)
		}
	}
	if won != 1 {
		t.Errorf("%d of them won", won)
	}
}

// Whatever is lost on the way, the branch moves once, and Push knows.
func TestPushWithoutAnAnswer(t *testing.T) {
	for _, done := range []bool{false, true} {
		for _, lost := range []int64{1, 2} {
			t.Run(fmt.Sprintf("done %v, lost %d", done, lost), func(t *testing.T) {
				u := newUpstream(t)
				base := u.commit(t, "main", map[string]string{"a.yaml": "one\n"})
				var n atomic.Int64
				cfg := u.config(t)
				cfg.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
					lose := strings.HasSuffix(r.URL.Path, "/git-receive-pack") && n.Add(1) <= lost
					if lose && !done {
						return nil, fmt.Errorf("connection refused")
					}
					resp, err := http.DefaultTransport.RoundTrip(r)
					if lose && err == nil {
						return nil, fmt.Errorf("connection reset")
					}
					return resp, err
				})
				m := open(t, cfg)
				fetch(t, m)
				ours := change(t, m, base, "a.yaml", "ours\n")
				must(t, m.Push(context.Background(), "main", base, ours))
				if got := u.rev(t, "main"); got != ours {
					t.Errorf("main = %s, want %s", got, ours)
				}
				if want := map[bool]int64{true: 1, false: lost + 1}[done]; n.Load() != want {
					t.Errorf("pushed %d times, want %d", n.Load(), want)
				}
			})
		}
	}
}

// Others may push on top of a push whose answer is lost.
func TestPushedUponWithoutAnAnswer(t *testing.T) {
	u := newUpstream(t)
	base := u.commit(t, "main", map[string]string{"a.yaml": "one\n"})
	cfg := u.config(t)
	cfg.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err == nil && strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
			u.commit(t, "main", map[string]string{"b.yaml": "theirs\n"})
			return nil, fmt.Errorf("connection reset")
		}
		return resp, err
	})
	m := open(t, cfg)
	fetch(t, m)
	ours := change(t, m, base, "a.yaml", "ours\n")
	must(t, m.Push(context.Background(), "main", base, ours))
	if theirs := u.rev(t, "main"); head(t, m, "main") != theirs || u.rev(t, "main^") != ours {
		t.Errorf("main = %s on %s, the mirror has %s", theirs, u.rev(t, "main^"), head(t, m, "main"))
	}
}

func TestPushIsRefused(t *testing.T) {
	const secret = "ghs_verysecret"
	report := func(why string) string {
		line := func(s string) string { return fmt.Sprintf("%04x%s", len(s)+4, s) }
		return line("unpack ok\n") + line("ng refs/heads/main "+why+"\n") + "0000"
	}
	for name, tc := range map[string]struct {
		status int
		answer string
		want   amend.Kind
	}{
		"unauthorized":      {401, "", amend.Refused},
		"forbidden":         {403, "", amend.Refused},
		"no such repo":      {404, "", amend.NotFound},
		"moved":             {301, "", amend.Refused},
		"server error":      {500, "", amend.Transient},
		"a limit":           {429, "", amend.Transient},
		"protected":         {200, report("protected branch hook declined"), amend.Refused},
		"a rule":            {200, report("push declined due to repository rule violations"), amend.Refused},
		"a hook":            {200, report("pre-receive hook declined"), amend.Refused},
		"a lock":            {200, report("failed to update ref"), amend.Transient},
		"endless words":     {200, report(strings.Repeat("denied ", 2000)), amend.Refused},
		"nothing":           {200, "", amend.Transient},
		"half an answer":    {200, report("x")[:20], amend.Transient},
		"another's outcome": {200, "000eunpack ok\n0017ok refs/heads/other\n0000", amend.Transient},
		"no Git":            {200, "<html>", amend.Transient},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUpstream(t)
			base := u.commit(t, "main", map[string]string{"a.yaml": "one\n"})
			cfg := u.config(t)
			cfg.Auth = func(context.Context) (string, string, error) { return "x-access-token", secret, nil }
			m := open(t, cfg)
			fetch(t, m)
			deny := func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
					return false
				}
				w.WriteHeader(tc.status)
				fmt.Fprint(w, tc.answer)
				return true
			}
			u.intercept.Store(&deny)
			ours := change(t, m, base, "a.yaml", "ours\n")
			err := m.Push(context.Background(), "main", base, ours)
			wantKind(t, err, tc.want)
			if s := fmt.Sprint(err); strings.Contains(s, secret) || len(s) > 1000 {
				t.Errorf("the error is %.2000s", s)
			}
			if amend.KindOf(err) == amend.Refused && amend.ReasonOf(err) == "" {
				t.Errorf("%v has no reason", err)
			}
			u.intercept.Store(nil)
			must(t, m.Push(context.Background(), "main", base, ours)) // and it recovers
		})
	}
}

func TestPushOfNonsense(t *testing.T) {
	u := newUpstream(t)
	base := u.commit(t, "main", map[string]string{"a.yaml": "one\n"})
	m := open(t, u.config(t))
	fetch(t, m)
	pushes := u.posts()
	for _, branch := range []string{"", "..", "a/../b", "/a", "a/", "a b", "a\nb", "a\x00b", "a~1", "a:b", "a.lock", "-a", "a\x7f"} {
		wantKind(t, m.Push(context.Background(), branch, base, base), amend.Invalid)
	}
	for _, sha := range []string{"x", base[:7], base + "\n"} {
		wantKind(t, m.Push(context.Background(), "b", "", sha), amend.Invalid)
		wantKind(t, m.Push(context.Background(), "b", sha, base), amend.Invalid)
	}
	wantKind(t, m.Push(context.Background(), "b", base, ""), amend.Invalid)
	if pushes.Load() != 0 {
		t.Error("nonsense reached the host")
	}
	// What was never here cannot be packed, and the host takes no half.
	wantKind(t, m.Push(context.Background(), "b", "", strings.Repeat("1", 40)), amend.Transient)
}

// A fetch and a push leave the connection to the next ones, and the host is asked
// once what it understands.
func TestOneConnection(t *testing.T) {
	u := newUpstream(t)
	base := u.commit(t, "main", map[string]string{"a.yaml": "one\n"})
	var opened, asked atomic.Int64
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("service") == "git-receive-pack" {
			asked.Add(1)
		}
		u.Config.Handler.ServeHTTP(w, r)
	}))
	front.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	front.Start()
	t.Cleanup(front.Close)
	cfg := u.config(t)
	cfg.URL, cfg.Transport = front.URL+"/env.git", &http.Transport{}
	m := open(t, cfg)
	fetch(t, m)
	for i := range 3 {
		next := change(t, m, base, "a.yaml", fmt.Sprint(i))
		must(t, m.Push(context.Background(), "main", base, next))
		base = u.commit(t, "main", map[string]string{"b.yaml": fmt.Sprint(i)})
		fetch(t, m)
	}
	if opened.Load() != 1 || asked.Load() != 1 {
		t.Errorf("%d connections, %d times asked; want one of each", opened.Load(), asked.Load())
	}
}
