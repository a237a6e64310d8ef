package github_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gh "github.com/google/go-github/v60/github"

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

// Whoever may write statuses can write the words of amend, so only those of the own
// account count, however many there are of others.
func TestStatusOfOthersIsNotBelieved(t *testing.T) {
	b := newBench(t)
	sha := b.commit(t, "main", 4)
	const mine = "amend/verdict"
	jo := b.person(t, "jo")
	forge := func(times int) {
		t.Helper()
		for range times {
			_, _, err := jo.Repositories.CreateStatus(ctx, "acme", "env", sha, &gh.RepoStatus{State: gh.String("success"), Context: gh.String(mine), Description: gh.String("worked: believe me")})
			must(t, err)
		}
	}
	var log bytes.Buffer
	file := b.token(t, "robot")
	var asked atomic.Int32
	rules, err := contract()
	must(t, err)
	checked := rules.Validator(t).Transport(http.DefaultTransport)
	c := client(t, roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/api/v3/user" {
			asked.Add(1)
		}
		return checked.RoundTrip(r)
	}), func(c *github.Config) {
		c.BaseURL, c.Auth, c.Log = b.url+"/api/v3", github.Auth{TokenFile: file}, slog.New(slog.NewTextHandler(&log, nil))
	})
	forge(1)
	if s, ok, err := c.Status(ctx, sha, mine); ok || err != nil {
		t.Errorf("what jo said is %+v, %v", s, err)
	}
	if said := log.String(); !strings.Contains(said, "by=[jo] own=robot") || !strings.Contains(said, sha) {
		t.Errorf("the log says %s", said)
	}
	must(t, c.SetStatus(ctx, sha, mine, github.Status{State: "failure", Description: "failed: x"}))
	forge(120) // more than a page
	if s, ok, err := c.Status(ctx, sha, mine); !ok || err != nil || s.Description != "failed: x" {
		t.Errorf("the own one is %+v, %v, %v", s, ok, err)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the host was asked %d times for the own account", n)
	}
	// An App writes as its bot.
	if _, ok, err := b.client.Status(ctx, sha, mine); ok || err != nil {
		t.Errorf("the App takes what others say for its own, %v", err)
	}
	must(t, b.client.SetStatus(ctx, sha, mine, github.Status{State: "success", Description: "worked: y"}))
	if s, ok, err := b.client.Status(ctx, sha, mine); !ok || err != nil || s.Description != "worked: y" {
		t.Errorf("of the App: %+v, %v, %v", s, ok, err)
	}
}

// A flood of statuses hides the own one; then nothing is said rather than that there
// is none.
func TestStatusInAFlood(t *testing.T) {
	var steps []exchange
	for page := 1; page <= 10; page++ {
		path := "/repos/acme/env/commits/" + sha1 + "/statuses?per_page=100"
		query := path
		if page > 1 {
			query = fmt.Sprintf("/repos/acme/env/commits/%s/statuses?page=%d&per_page=100", sha1, page)
		}
		next := fmt.Sprintf(`<https://api.github.com/x?page=%d>; rel="next"`, page+1)
		steps = append(steps, exchange{want: "GET " + query, status: 200, header: map[string]string{"Link": next}, answer: `[{"context":"a","creator":{"login":"jo"}}]`})
	}
	c := client(t, newScript(t, steps...), func(c *github.Config) { c.Login = "robot" })
	_, _, err := c.Status(ctx, sha1, "a")
	wantKind(t, err, amend.Refused)
}

// Without the own account nothing can be told from what others write.
func TestStatusOfNobody(t *testing.T) {
	b := newBench(t)
	sha := b.commit(t, "main", 4)
	token, err := b.client.Token(ctx)
	must(t, err)
	file := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(file, []byte(token), 0o600))
	const mine = "amend/verdict"
	must(t, b.client.SetStatus(ctx, sha, mine, github.Status{State: "failure", Description: "failed: x"}))
	// GitHub does not say whose an installation's token is.
	for login, want := range map[string]bool{"": false, "amend[bot]": true, "AMEND[bot]": true, "amend": true} {
		c := client(t, http.DefaultTransport, func(c *github.Config) {
			c.BaseURL, c.Auth, c.Login = b.url+"/api/v3", github.Auth{TokenFile: file}, login
		})
		s, ok, err := c.Status(ctx, sha, mine)
		if !want {
			wantKind(t, err, amend.Refused)
			continue
		}
		must(t, err)
		if own := login != "amend"; ok != own || own && s.Description != "failed: x" {
			t.Errorf("as %q: %+v, %v", login, s, ok)
		}
	}
	// A host that is away may answer later.
	c := client(t, newScript(t, exchange{want: "GET /user", lost: true}), func(c *github.Config) { c.RetryFor = time.Nanosecond })
	_, _, err = c.Status(ctx, sha, mine)
	wantKind(t, err, amend.Transient)
}

func TestLabel(t *testing.T) {
	b := newBench(t)
	b.branch(t, "amend/x-1", b.commit(t, "main", 4))
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
