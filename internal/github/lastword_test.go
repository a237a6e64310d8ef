package github_test

import (
	"testing"
	"time"

	gh "github.com/google/go-github/v60/github"
)

// What amend itself says is no sign that somebody looks after a pull request.
func TestLastWord(t *testing.T) {
	b := newBench(t)
	number, _ := b.openFix(t)
	began := time.Now().Add(-time.Minute)
	word := func(since time.Time) time.Time {
		t.Helper()
		at, err := b.client.LastWord(ctx, number, since)
		must(t, err)
		return at
	}
	must(t, b.client.Comment(ctx, number, "Told the channel."))
	if at := word(began); !at.IsZero() {
		t.Errorf("amend spoke last, and a person is said to have at %s", at)
	}
	jo := b.person(t, "jo")
	_, _, err := jo.Issues.CreateComment(ctx, "acme", "env", number, &gh.IssueComment{Body: gh.String("I look at it on Monday.")})
	must(t, err)
	commented := word(began)
	if commented.IsZero() || !word(time.Now().Add(time.Minute)).IsZero() {
		t.Errorf("a person commented at %s", commented)
	}
	_, _, err = jo.PullRequests.CreateReview(ctx, "acme", "env", number, &gh.PullRequestReviewRequest{Event: gh.String("COMMENT"), Body: gh.String("x")})
	must(t, err)
	if at := word(began); !at.After(commented) {
		t.Errorf("a person commented at %s, and is said to have reviewed at %s", commented, at)
	}
}

func TestLastWordOfAProgram(t *testing.T) {
	const read = "GET /repos/acme/env"
	c := client(t, newScript(t,
		exchange{want: read + "/pulls/7", status: 200, answer: `{"number":7,"user":{"login":"amend[bot]","type":"Bot"}}`},
		exchange{want: read + "/issues/7/comments?per_page=100&since=2026-05-01T10%3A00%3A00Z", status: 200, answer: `[{"user":{"login":"ci[bot]","type":"Bot"},"created_at":"2026-05-02T10:00:00Z"}]`},
		exchange{want: read + "/pulls/7/reviews?per_page=100", status: 200, answer: `[{"user":{"login":"ai[bot]","type":"Bot"},"submitted_at":"2026-05-02T10:00:00Z"}]`},
	))
	at, err := c.LastWord(ctx, 7, time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC))
	if must(t, err); !at.IsZero() {
		t.Errorf("a person is said to have spoken at %s", at)
	}
}
