package github_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

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

// Nothing that is not a branch or a commit reaches the host.
func TestBadNamesSendNothing(t *testing.T) {
	c := client(t, newScript(t))
	for _, branch := range []string{"", "..", "a/../b", "../../other/git/refs/heads/x", "/a", "a/", "a//b", "a b", "a?b", "a*", "a~1", "a^", "a:b",
		"a[b", `a\b`, "a\nb", ".a", "a/.b", "a.lock", "a.lock/b", "@", "a@{1}", "-x", "a.", "a\x7f"} {
		_, err := c.Head(ctx, branch)
		wantKind(t, err, amend.Invalid)
		wantKind(t, c.CreateBranch(ctx, branch, sha1), amend.Invalid)
		wantKind(t, c.UpdateBranch(ctx, branch, sha1), amend.Invalid)
		wantKind(t, c.DeleteBranch(ctx, branch), amend.Invalid)
		_, _, err = c.PullRequest(ctx, branch)
		wantKind(t, err, amend.Invalid)
		_, err = c.OpenPullRequest(ctx, github.NewPullRequest{Head: branch, Base: "main"})
		wantKind(t, err, amend.Invalid)
		_, err = c.OpenPullRequest(ctx, github.NewPullRequest{Head: "main", Base: branch})
		wantKind(t, err, amend.Invalid)
	}
	for _, sha := range []string{"", "main", sha1[:39], sha1 + "/", strings.ToUpper("a" + sha1[1:])} {
		wantKind(t, c.CreateBranch(ctx, "b", sha), amend.Invalid)
		wantKind(t, c.UpdateBranch(ctx, "b", sha), amend.Invalid)
	}
}

func commitInput(t *testing.T) github.CommitInput {
	return github.CommitInput{
		Parent: sha1, BaseTree: sha2,
		Tree: fstest.MapFS{"run.sh": {Mode: 0o755}, "a/web.yaml": {Mode: 0o644}, "link": {Mode: fs.ModeIrregular}},
		Files: map[amend.RepoPath][]byte{
			repoPath(t, "run.sh"):       []byte("#!/bin/sh\r\n"),
			repoPath(t, "a/web.yaml"):   []byte("replicas: 3 # <&> ü\n"),
			repoPath(t, "new.yaml"):     {},
			repoPath(t, "latin-1.yaml"): []byte("name: \xe9\n"),
		},
		Message: "Raise replicas\n", Author: github.Author{Name: "amend", Email: "amend@example.com"},
		Time: time.Date(2026, 5, 1, 12, 0, 0, 999, time.FixedZone("", 7200)),
	}
}

func TestCommit(t *testing.T) {
	who := `{"name":"amend","email":"amend@example.com","date":"2026-05-01T10:00:00Z"}`
	c := client(t, newScript(t,
		exchange{
			want: "POST /repos/acme/env/git/blobs", body: `{"content":"bmFtZTog6Qo=","encoding":"base64"}`,
			status: 201, answer: `{"sha":"` + sha3 + `"}`,
		},
		exchange{want: "POST /repos/acme/env/git/trees", body: `{"base_tree":"` + sha2 + `","tree":[
			{"path":"a/web.yaml","mode":"100644","type":"blob","content":"replicas: 3 # <&> ü\n"},
			{"path":"latin-1.yaml","mode":"100644","type":"blob","sha":"` + sha3 + `"},
			{"path":"new.yaml","mode":"100644","type":"blob","content":""},
			{"path":"run.sh","mode":"100755","type":"blob","content":"#!/bin/sh\r\n"}]}`,
			status: 201, answer: `{"sha":"` + sha3 + `"}`},
		exchange{want: "POST /repos/acme/env/git/commits", body: `{"message":"Raise replicas\n","tree":"` + sha3 + `","parents":["` + sha1 + `"],
			"author":` + who + `,"committer":` + who + `}`, status: 201, answer: `{"sha":"` + sha2 + `"}`},
	))
	got, err := c.Commit(ctx, commitInput(t))
	must(t, err)
	if d := cmp.Diff(github.CommitResult{SHA: sha2, TreeSHA: sha3}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestCommitRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*github.CommitInput)
		want   amend.Kind
	}{
		"no files":   {func(in *github.CommitInput) { in.Files = nil }, amend.Invalid},
		"no tree":    {func(in *github.CommitInput) { in.Tree = nil }, amend.Invalid},
		"no author":  {func(in *github.CommitInput) { in.Author = github.Author{} }, amend.Invalid},
		"no message": {func(in *github.CommitInput) { in.Message = "" }, amend.Invalid},
		"no time":    {func(in *github.CommitInput) { in.Time = time.Time{} }, amend.Invalid},
		"parent":     {func(in *github.CommitInput) { in.Parent = "main" }, amend.Invalid},
		"base":       {func(in *github.CommitInput) { in.BaseTree = "" }, amend.Invalid},
		"zero path":  {func(in *github.CommitInput) { in.Files = map[amend.RepoPath][]byte{{}: nil} }, amend.Invalid},
		"link": {func(in *github.CommitInput) {
			in.Files = map[amend.RepoPath][]byte{repoPath(t, "link"): []byte("x")}
		}, amend.Refused},
		"folder": {func(in *github.CommitInput) {
			in.Files = map[amend.RepoPath][]byte{repoPath(t, "a"): []byte("x")}
		}, amend.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			in := commitInput(t)
			tc.change(&in)
			_, err := client(t, newScript(t)).Commit(ctx, in)
			wantKind(t, err, tc.want)
		})
	}
}

// A lost answer to a call that makes the same object again is just repeated.
func TestCommitSurvivesLostAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := commitInput(t)
		in.Files = map[amend.RepoPath][]byte{repoPath(t, "x"): []byte("y")}
		tree, commit := "POST /repos/acme/env/git/trees", "POST /repos/acme/env/git/commits"
		_, err := client(t, newScript(t,
			exchange{want: tree, lost: true},
			exchange{want: tree, status: 502, answer: "<html>"},
			exchange{want: tree, status: 201, answer: `{"sha":"` + sha3 + `"}`},
			exchange{want: commit, status: 500},
			exchange{want: commit, status: 201, answer: `{"sha":"` + sha3 + `"}`},
		)).Commit(ctx, in)
		must(t, err)
	})
}

const (
	refs    = "/repos/acme/env/git/refs"
	getRef  = "GET /repos/acme/env/git/ref/heads/b"
	compare = "GET /repos/acme/env/compare/" + sha1 + "..." + sha2 + "?per_page=1"
)

func TestBranches(t *testing.T) {
	create := exchange{want: "POST " + refs, body: `{"ref":"refs/heads/b","sha":"` + sha1 + `"}`}
	update := exchange{want: "PATCH " + refs + "/heads/b", body: `{"sha":"` + sha1 + `","force":false}`}
	get := exchange{want: getRef, status: 200}
	as := func(e exchange, status int, answer string) exchange { e.status, e.answer = status, answer; return e }
	lost := func(e exchange) exchange { e.lost = true; return e }
	exists, notFF := message("Reference already exists"), message("Update is not a fast forward")

	for name, tc := range map[string]struct {
		create bool
		steps  []exchange
		want   amend.Kind
	}{
		"created":                       {true, []exchange{as(create, 201, ref("b", sha1))}, ""},
		"exists":                        {true, []exchange{as(create, 422, exists)}, amend.Conflict},
		"created, answer lost":          {true, []exchange{lost(create), as(get, 200, ref("b", sha1))}, ""},
		"created, 502":                  {true, []exchange{as(create, 502, ""), as(get, 200, ref("b", sha1))}, ""},
		"not created, answer lost":      {true, []exchange{lost(create), as(get, 404, ""), as(create, 201, ref("b", sha1))}, ""},
		"somebody else's, answer lost":  {true, []exchange{lost(create), as(get, 200, ref("b", sha2)), as(fastCompare(), 200, `{"status":"diverged"}`), as(create, 422, exists), as(get, 200, ref("b", sha2)), as(fastCompare(), 200, `{"status":"diverged"}`)}, amend.Conflict},
		"created late":                  {true, []exchange{lost(create), as(get, 404, ""), as(create, 422, exists), as(get, 200, ref("b", sha1))}, ""},
		"created, stale reads":          {true, []exchange{lost(create), as(get, 404, ""), as(create, 422, exists), as(get, 404, ""), as(create, 422, exists), as(get, 200, ref("b", sha1))}, ""},
		"created, answer lost for good": {true, []exchange{lost(create), as(get, 404, ""), lost(create), as(get, 404, ""), lost(create), as(get, 404, ""), lost(create), as(get, 404, "")}, amend.Transient},
		"updated":                       {false, []exchange{as(update, 200, ref("b", sha1))}, ""},
		"moved":                         {false, []exchange{as(update, 422, notFF)}, amend.Conflict},
		"gone":                          {false, []exchange{as(update, 422, message("Reference does not exist"))}, amend.NotFound},
		"protected":                     {false, []exchange{as(update, 422, message("Protected branch update failed for refs/heads/b."))}, amend.Refused},
		"updated, answer lost":          {false, []exchange{lost(update), as(get, 200, ref("b", sha1))}, ""},
		"not updated, answer lost":      {false, []exchange{lost(update), as(get, 200, ref("b", sha2)), as(fastCompare(), 200, `{"status":"behind"}`), as(update, 200, ref("b", sha1))}, ""},
		"updated and built upon":        {false, []exchange{lost(update), as(get, 200, ref("b", sha2)), as(fastCompare(), 200, `{"status":"ahead"}`)}, ""},
		"moved, answer lost":            {false, []exchange{lost(update), as(get, 200, ref("b", sha2)), as(fastCompare(), 404, ""), as(update, 422, notFF), as(get, 200, ref("b", sha2)), as(fastCompare(), 404, "")}, amend.Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := client(t, newScript(t, tc.steps...))
				if tc.create {
					wantKind(t, c.CreateBranch(ctx, "b", sha1), tc.want)
				} else {
					wantKind(t, c.UpdateBranch(ctx, "b", sha1), tc.want)
				}
			})
		})
	}
}

func fastCompare() exchange { return exchange{want: compare} }

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
