package github_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/github"
)

func TestNewRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(file, []byte("x"), 0o600))
	good := github.Config{Owner: "acme", Repo: "env", Auth: github.Auth{TokenFile: file}}
	for name, change := range map[string]func(*github.Config){
		"no owner":             func(c *github.Config) { c.Owner = "" },
		"owner that climbs":    func(c *github.Config) { c.Owner = ".." },
		"repository with path": func(c *github.Config) { c.Repo = "env/../../other/x" },
		"repository and query": func(c *github.Config) { c.Repo = "env?x=y" },
		"password in address":  func(c *github.Config) { c.BaseURL = "https://u:" + secret + "@h/" },
		"address of a file":    func(c *github.Config) { c.BaseURL = "file:///x" },
		"no credential":        func(c *github.Config) { c.Auth = github.Auth{} },
		"two credentials":      func(c *github.Config) { c.Auth.AppID = 1 },
		"app without a key":    func(c *github.Config) { c.Auth = github.Auth{AppID: 1, KeyFile: "none"} },
		"app with a bad key":   func(c *github.Config) { c.Auth = github.Auth{AppID: 1, KeyFile: file} },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			change(&cfg)
			_, err := github.New(cfg)
			wantKind(t, err, amend.Invalid)
		})
	}
	if _, err := github.New(good); err != nil {
		t.Error(err)
	}
}

// Nothing that is not a branch reaches the host.
func TestBadNamesSendNothing(t *testing.T) {
	c := client(t, newScript(t))
	for _, branch := range []string{"", "..", "a/../b", "../../other/git/refs/heads/x", "/a", "a/", "a//b", "a b", "a?b", "a*", "a~1", "a^", "a:b",
		"a[b", `a\b`, "a\nb", ".a", "a/.b", "a.lock", "a.lock/b", "@", "a@{1}", "-x", "a.", "a\x7f"} {
		_, err := c.Head(ctx, branch)
		wantKind(t, err, amend.Invalid)
		wantKind(t, c.DeleteBranch(ctx, branch), amend.Invalid)
		_, _, err = c.PullRequest(ctx, branch)
		wantKind(t, err, amend.Invalid)
		_, err = c.OpenPullRequest(ctx, github.NewPullRequest{Head: branch, Base: "main"})
		wantKind(t, err, amend.Invalid)
		_, err = c.OpenPullRequest(ctx, github.NewPullRequest{Head: "main", Base: branch})
		wantKind(t, err, amend.Invalid)
	}
}

const (
	refs   = "/repos/acme/env/git/refs"
	getRef = "GET /repos/acme/env/git/ref/heads/b"
)

func TestDeleteBranch(t *testing.T) {
	del := exchange{want: "DELETE " + refs + "/heads/amend/x-1"}
	for name, tc := range map[string]struct {
		status int
		answer string
		want   amend.Kind
	}{
		"deleted":   {204, "", ""},
		"missing":   {422, message("Reference does not exist"), ""},
		"not found": {404, message("Not Found"), ""},
		"protected": {422, message("Cannot delete this protected branch"), amend.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			del.status, del.answer = tc.status, tc.answer
			wantKind(t, client(t, newScript(t, del)).DeleteBranch(ctx, "amend/x-1"), tc.want)
		})
	}
}

func TestReadBranch(t *testing.T) {
	get := exchange{want: getRef, status: 200, answer: ref("b", sha1)}
	if got, err := client(t, newScript(t, get)).Head(ctx, "b"); err != nil || got != sha1 {
		t.Errorf("head = %s, %v", got, err)
	}
	get.answer = ref("bb", sha1) // a host that matches prefixes
	_, err := client(t, newScript(t, get)).Head(ctx, "b")
	wantKind(t, err, amend.NotFound)
}

func TestDispatch(t *testing.T) {
	type payload struct {
		Record any `json:"record"`
	}
	const post = "POST /repos/acme/env/dispatches"
	c := client(t, newScript(t, exchange{want: post, body: `{"event_type":"record","client_payload":{"record":{"a":1}}}`, status: 204}))
	must(t, c.Dispatch(ctx, "record", payload{map[string]int{"a": 1}}))

	c = client(t, newScript(t, exchange{want: post, status: 204}))
	frame := len(`{"record":""}`)
	must(t, c.Dispatch(ctx, strings.Repeat("e", 100), payload{strings.Repeat("x", 59_999-frame)}))

	eleven := map[string]int{}
	for i := range 11 {
		eleven[fmt.Sprint(i)] = i
	}
	c = client(t, newScript(t)) // nothing is sent
	for _, bad := range []struct {
		event   string
		payload any
	}{
		{"record", payload{strings.Repeat("x", 60_000-frame)}},
		{strings.Repeat("e", 101), payload{}},
		{"", payload{}},
		{"record", "text"}, {"record", []int{1}}, {"record", nil}, {"record", eleven}, {"record", func() {}},
	} {
		wantKind(t, c.Dispatch(ctx, bad.event, bad.payload), amend.Invalid)
	}
}
