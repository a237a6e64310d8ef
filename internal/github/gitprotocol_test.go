package github_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/github"
)

func gitRequest(t *testing.T, ctx context.Context, method, path string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, "https://ghe.example.com"+path, nil)
	must(t, err)
	return r
}

// A time that the host names to the API counts for Git too, and the other way round.
func TestGitKeepsToTheLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t,
			exchange{want: "POST /acme/env.git/git-receive-pack", status: 429, header: map[string]string{"Retry-After": "30"}},
			exchange{want: getRef, status: 200, answer: ref("b", sha1)},
			exchange{want: getRef, status: 429, header: map[string]string{"Retry-After": "30"}},
			exchange{want: "GET /acme/env.git/info/refs?service=git-upload-pack", status: 200},
			exchange{want: "GET /acme/env.git/info/refs?service=git-upload-pack", status: 403},
		)
		c := client(t, s, func(c *github.Config) { c.RetryFor = time.Minute })
		_, err := c.Git().RoundTrip(gitRequest(t, ctx, "POST", "/acme/env.git/git-receive-pack"))
		wantKind(t, err, amend.Transient)
		if at, ok := github.RetryAt(err); !ok || at.Sub(s.times[0]) != 30*time.Second {
			t.Errorf("retry at %v, %v", at, ok)
		}
		_, err = c.Head(ctx, "b")
		must(t, err)
		short := client(t, s, func(c *github.Config) { c.RetryFor = time.Second })
		_, err = short.Head(ctx, "b")
		wantKind(t, err, amend.Transient)
		fetch := "/acme/env.git/info/refs?service=git-upload-pack"
		soon, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		_, err = short.Git().RoundTrip(gitRequest(t, soon, "GET", fetch))
		if _, ok := github.RetryAt(err); !ok || len(s.times) != 3 {
			t.Errorf("it was sent, or it is not said when to try again: %v", err)
		}
		time.Sleep(30 * time.Second)
		for _, want := range []int{200, 403} {
			resp, err := short.Git().RoundTrip(gitRequest(t, ctx, "GET", fetch))
			must(t, err)
			if resp.StatusCode != want {
				t.Errorf("%s, want %d", resp.Status, want)
			}
		}
		for i, want := range []time.Duration{0, 30 * time.Second, 30 * time.Second, 60 * time.Second} {
			if got := s.times[i].Sub(s.times[0]); got != want {
				t.Errorf("request %d left after %v, want %v", i, got, want)
			}
		}
	})
}

// A push is a write among others.
func TestPushesAreSpaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t,
			exchange{want: "POST /acme/env.git/git-receive-pack", status: 200},
			exchange{want: "POST /acme/env.git/git-upload-pack", status: 200},
			exchange{want: "DELETE " + refs + "/heads/b", status: 204},
			exchange{want: "POST /acme/env.git/git-receive-pack", status: 200},
		)
		c := client(t, s, func(c *github.Config) { c.Limiter = github.NewLimiter("", time.Second) })
		send := func(path string) {
			_, err := c.Git().RoundTrip(gitRequest(t, ctx, "POST", path))
			must(t, err)
		}
		send("/acme/env.git/git-receive-pack")
		send("/acme/env.git/git-upload-pack")
		must(t, c.DeleteBranch(ctx, "b"))
		send("/acme/env.git/git-receive-pack")
		for i, want := range []time.Duration{0, 0, time.Second, 2 * time.Second} {
			if got := s.times[i].Sub(s.times[0]); got != want {
				t.Errorf("request %d left after %v, want %v", i, got, want)
			}
		}
	})
}

// slowBody gives a byte after every pause, until its request ends.
type slowBody struct {
	ctx    context.Context
	pauses []time.Duration
}

func (b *slowBody) Read(p []byte) (int, error) {
	if len(b.pauses) == 0 {
		return 0, io.EOF
	}
	select {
	case <-time.After(b.pauses[0]):
		b.pauses = b.pauses[1:]
		return copy(p, "x"), nil
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	}
}

func (b *slowBody) Close() error { return nil }

// A fetch may take as long as it wants while the host says something; one that is
// not served any more ends, before its answer and in the middle of it.
func TestASilentHostIsLeft(t *testing.T) {
	const minute = time.Minute
	for name, s := range map[string]struct {
		answersAfter time.Duration
		pauses       []time.Duration
		silent       bool
	}{
		"slow":           {minute, []time.Duration{minute, minute, minute, minute}, false},
		"no answer":      {time.Hour, nil, true},
		"half an answer": {0, []time.Duration{minute, time.Hour}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				host := roundTripper(func(r *http.Request) (*http.Response, error) {
					select {
					case <-time.After(s.answersAfter):
						return &http.Response{StatusCode: 200, Request: r, Body: &slowBody{r.Context(), s.pauses}}, nil
					case <-r.Context().Done():
						return nil, r.Context().Err()
					}
				})
				c := client(t, nil, func(c *github.Config) { c.Transport = host })
				resp, err := c.Git().RoundTrip(gitRequest(t, ctx, "POST", "/acme/env.git/git-upload-pack"))
				if err == nil {
					_, err = io.ReadAll(resp.Body)
					must(t, resp.Body.Close())
				}
				if !s.silent {
					must(t, err)
					return
				}
				wantKind(t, err, amend.Transient)
				if !strings.Contains(err.Error(), "has said nothing for 2m0s") {
					t.Errorf("the error is %v", err)
				}
			})
		})
	}
}
