package github_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/amendhq/amend/internal/github"
)

// tagged is a host that counts nothing but new answers.
type tagged struct {
	version  string // of all that it has
	asked    int
	answered int // in full
}

func (h *tagged) RoundTrip(r *http.Request) (*http.Response, error) {
	h.asked++
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r}
	tag := fmt.Sprintf("W/%q", h.version)
	resp.Header.Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		resp.StatusCode, resp.Body = http.StatusNotModified, http.NoBody
		return resp, nil
	}
	h.answered++
	page := r.URL.Query().Get("page")
	if page == "" {
		resp.Header.Set("Link", `<https://ghe.example.com/api/v3/repos/acme/env/pulls/7/commits?page=2>; rel="next"`)
		page = "1"
	}
	resp.Body = io.NopCloser(strings.NewReader(fmt.Sprintf(`[{"sha": "%s-%s", "commit": {"message": "m"}}]`, h.version, page)))
	return resp, nil
}

// What has not changed is not sent again, page for page, and what has is seen at
// once.
func TestWhatIsKnownIsNotSentAgain(t *testing.T) {
	h := &tagged{version: "old"}
	c := client(t, nil, func(cfg *github.Config) { cfg.Transport = h })
	for i, want := range []struct {
		version  string
		asked    int
		answered int
	}{{"old", 2, 2}, {"old", 4, 2}, {"old", 6, 2}, {"new", 8, 4}, {"new", 10, 4}, {"old", 12, 6}} {
		h.version = want.version
		commits, err := c.PullRequestCommits(context.Background(), 7)
		must(t, err)
		if len(commits) != 2 || commits[0].SHA != want.version+"-1" || commits[1].SHA != want.version+"-2" {
			t.Errorf("question %d: %+v", i, commits)
		}
		if h.asked != want.asked || h.answered != want.answered {
			t.Errorf("question %d: the host was asked %d times and answered %d, want %d and %d", i, h.asked, h.answered, want.asked, want.answered)
		}
	}
}

// A host that says that nothing changed to somebody who knows nothing is wrong.
func TestNothingChangedSinceNothing(t *testing.T) {
	s := newScript(t, exchange{want: getRef, status: http.StatusNotModified, header: map[string]string{"ETag": `"x"`}})
	if head, err := client(t, s).Head(ctx, "b"); err == nil {
		t.Errorf("the branch is at %q", head)
	}
}
