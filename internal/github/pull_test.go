package github_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/github"
)

const (
	pulls  = "/repos/acme/env/pulls"
	newest = "GET " + pulls + "?direction=desc&head=acme%3Aamend%2Fx-1&per_page=10&sort=created&state=all"
	opened = "GET " + pulls + "?base=main&direction=desc&head=acme%3Aamend%2Fx-1&per_page=10&sort=created&state=open"
	labels = "POST /repos/acme/env/issues/7/labels"
)

func pull(number int, branch, repo, more string) string {
	return fmt.Sprintf(`{"number":%d,"html_url":"https://ghe.example.com/acme/env/pull/%d","created_at":"2026-05-01T09:00:00Z","updated_at":"2026-05-01T10:00:00Z",
		"merge_commit_sha":"%s","labels":[{"name":"amend"}],"head":{"ref":%q,"sha":"%s","repo":{"full_name":%q}}%s}`,
		number, number, sha2, branch, sha1, repo, more)
}

func TestPullRequest(t *testing.T) {
	at := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	base := github.PullRequest{Number: 7, Labels: []string{"amend"}, Branch: "amend/x-1", HeadSHA: sha1, CreatedAt: at.Add(-time.Hour), UpdatedAt: at, URL: "https://ghe.example.com/acme/env/pull/7"}
	with := func(change func(*github.PullRequest)) github.PullRequest { p := base; change(&p); return p }
	for name, tc := range map[string]struct {
		answer string
		want   github.PullRequest
	}{
		"open": {pull(7, "amend/x-1", "acme/env", `,"state":"open"`), with(func(p *github.PullRequest) { p.State = github.Open })},
		"merged": {
			pull(7, "amend/x-1", "Acme/env", `,"state":"closed","closed_at":"2026-05-01T10:00:00Z","merged_at":"2026-05-01T10:00:00Z"`),
			with(func(p *github.PullRequest) { p.State, p.ClosedAt, p.MergeCommit = github.Merged, at, sha2 }),
		},
		"closed": {
			pull(7, "amend/x-1", "acme/env", `,"state":"closed","closed_at":"2026-05-01T10:00:00Z","merged_at":null`),
			with(func(p *github.PullRequest) { p.State, p.ClosedAt = github.Closed, at }),
		},
		"a host that ignores the head": {
			pull(9, "other", "acme/env", "") + "," + pull(8, "amend/x-1", "fork/env", "") + "," + pull(7, "amend/x-1", "acme/env", `,"state":"open"`),
			with(func(p *github.PullRequest) { p.State = github.Open }),
		},
		"none": {"", github.PullRequest{}},
	} {
		t.Run(name, func(t *testing.T) {
			c := client(t, newScript(t, exchange{want: newest, status: 200, answer: "[" + tc.answer + "]"}))
			got, ok, err := c.PullRequest(ctx, "amend/x-1")
			must(t, err)
			if d := cmp.Diff(tc.want, got); d != "" || ok != (tc.want.Number != 0) {
				t.Errorf("found %v (-want +got):\n%s", ok, d)
			}
		})
	}
}

// The listing ends with the first that is too old, not with the last page, and
// leaves out what comes from forks.
func TestPullRequestsSince(t *testing.T) {
	page := func(n int) string {
		return fmt.Sprintf("GET %s?base=main&direction=desc&page=%d&per_page=100&sort=created&state=all", pulls, n)
	}
	next := map[string]string{"Link": `<https://ghe.example.com/api/v3/repos/acme/env/pulls?page=2>; rel="next"`}
	old := strings.Replace(pull(1, "amend/x-1", "acme/env", ""), "T09:", "T07:", 1)
	steps := []exchange{
		{want: strings.Replace(page(1), "page=1&", "", 1), status: 200, header: next, answer: "[" + pull(9, "amend/x-2", "acme/env", "") + "," + pull(8, "amend/x-2", "fork/env", "") + "]"},
		{want: page(2), status: 200, header: next, answer: "[" + pull(7, "feature", "acme/env", "") + "," + old + "]"},
	}
	since := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	got, err := client(t, newScript(t, steps...)).PullRequestsSince(ctx, "main", since)
	must(t, err)
	if len(got) != 2 || got[0].Number != 9 || got[0].Branch != "amend/x-2" || got[1].Number != 7 || !got[1].CreatedAt.Equal(since.Add(time.Hour)) {
		t.Errorf("got %+v", got)
	}
	_, err = client(t, newScript(t)).PullRequestsSince(ctx, "../main", since)
	wantKind(t, err, amend.Invalid)
}

// The commits come from all pages, in the host's order.
func TestPullRequestCommits(t *testing.T) {
	const list = "GET " + pulls + "/7/commits?"
	commit := func(sha, parent string) string {
		return fmt.Sprintf(`[{"sha":%q,"parents":[{"sha":%q}],"commit":{"message":"M","committer":{"email":"a@b","date":"2026-05-01T10:00:00Z"}}}]`, sha, parent)
	}
	next := map[string]string{"Link": `<https://ghe.example.com/api/v3/repos/acme/env/pulls/7/commits?page=2>; rel="next"`}
	got, err := client(t, newScript(t,
		exchange{want: list + "per_page=100", status: 200, header: next, answer: commit(sha1, sha3)},
		exchange{want: list + "page=2&per_page=100", status: 200, answer: commit(sha2, sha1)},
	)).PullRequestCommits(ctx, 7)
	must(t, err)
	at := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	want := []github.PullRequestCommit{
		{SHA: sha1, Parents: []string{sha3}, Message: "M", Time: at, Committer: "a@b"}, {SHA: sha2, Parents: []string{sha1}, Message: "M", Time: at, Committer: "a@b"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	_, err = client(t, newScript(t, exchange{want: list + "per_page=100", status: 404})).PullRequestCommits(ctx, 7)
	wantKind(t, err, amend.NotFound)
}

func TestOpenPullRequest(t *testing.T) {
	post := exchange{want: "POST " + pulls, body: `{"title":"T","head":"amend/x-1","base":"main","body":"B"}`}
	as := func(e exchange, status int, answer string) exchange { e.status, e.answer = status, answer; return e }
	lost := func(e exchange) exchange { e.lost = true; return e }
	mine := pull(7, "amend/x-1", "acme/env", `,"state":"open"`)
	find := func(answer string) exchange { return exchange{want: opened, status: 200, answer: "[" + answer + "]"} }
	label := exchange{want: labels, body: `["amend","x"]`, status: 200, answer: `[{"name":"old"},{"name":"amend"},{"name":"x"}]`}
	exists := `{"message":"Validation Failed","errors":[{"message":"A pull request already exists for acme:amend/x-1."}]}`

	for name, tc := range map[string]struct {
		steps      []exchange
		want       amend.Kind
		unlabelled bool
	}{
		"opened":              {[]exchange{as(post, 201, mine), label}, "", false},
		"adopted":             {[]exchange{as(post, 422, exists), find(mine), label}, "", false},
		"answer lost":         {[]exchange{lost(post), find(mine), label}, "", false},
		"lost before":         {[]exchange{lost(post), find(""), as(post, 201, mine), label}, "", false},
		"500 and stale reads": {[]exchange{as(post, 500, ""), find(""), as(post, 422, exists), find(mine), label}, "", false},
		"labels forbidden":    {[]exchange{as(post, 201, mine), {want: labels, status: 403}}, "", true},
		"nothing to merge":    {[]exchange{as(post, 422, `{"message":"Validation Failed","errors":[{"message":"No commits between main and amend/x-1"}]}`)}, amend.Invalid, false},
		"forbidden":           {[]exchange{as(post, 403, message("Resource not accessible by integration"))}, amend.Refused, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := client(t, newScript(t, tc.steps...))
				pr, err := c.OpenPullRequest(ctx, github.NewPullRequest{
					Head: "amend/x-1", Base: "main", Title: "T", Body: "B", Labels: []string{"amend", "x"},
				})
				wantKind(t, err, tc.want)
				want := []string{"old", "amend", "x"}
				if tc.unlabelled {
					want = []string{"amend"}
				}
				if err == nil && (pr.Number != 7 || !slices.Equal(pr.Labels, want)) {
					t.Errorf("number %d, labels %v; want 7, %v", pr.Number, pr.Labels, want)
				}
			})
		})
	}
}

// A comment whose answer is lost is not written twice.
func TestCommentIsSentOnce(t *testing.T) {
	c := client(t, newScript(t, exchange{want: comment, lost: true}))
	wantKind(t, c.Comment(ctx, 7, "hi"), amend.Transient)
}

// The label comes first: a pull request that is closed without it would count
// as closed by a person.
func TestClose(t *testing.T) {
	edit := exchange{want: "PATCH " + pulls + "/7", body: `{"state":"closed"}`, status: 200, answer: "{}"}
	label := exchange{want: labels, body: `["amend/withdrawn"]`, status: 200, answer: "[]"}
	must(t, client(t, newScript(t, label, edit)).Close(ctx, 7, []string{"amend/withdrawn"}))
	must(t, client(t, newScript(t, edit)).Close(ctx, 7, nil))
	label.status, label.answer = 403, ""
	wantKind(t, client(t, newScript(t, label)).Close(ctx, 7, []string{"amend/withdrawn"}), amend.Refused)
}
