package github

import (
	"context"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
)

// maxReviewers bounds how many people are asked about one pull request.
const maxReviewers = 15

// RequestReviews asks people and teams for a review of a pull request: "login",
// or "org/team" for a team of the repository's owner. Hosts refuse a whole list
// for one name that cannot be asked, because it is the author's or has no access;
// then each is asked alone. It returns those who cannot be asked, after an error
// maybe not all.
func (c *Client) RequestReviews(ctx context.Context, number int, names []string) (left []string, err error) {
	var all github.ReviewersRequest
	var asked []string
	for _, name := range names {
		one, ok := c.reviewer(name)
		if !ok || len(asked) == maxReviewers {
			left = append(left, name)
			continue
		}
		all.Reviewers = append(all.Reviewers, one.Reviewers...)
		all.TeamReviewers = append(all.TeamReviewers, one.TeamReviewers...)
		asked = append(asked, name)
	}
	if len(asked) == 0 {
		return left, nil
	}
	err = c.requestReviews(ctx, number, all)
	if amend.KindOf(err) != amend.Invalid {
		return left, err
	}
	for _, name := range asked {
		one, _ := c.reviewer(name)
		err := error(nil)
		if len(asked) > 1 {
			err = c.requestReviews(ctx, number, one)
		}
		switch {
		case len(asked) == 1, amend.KindOf(err) == amend.Invalid:
			left = append(left, name)
		case err != nil:
			return left, err
		}
	}
	return left, nil
}

// reviewer is the request for one review, false when the name can be nobody's.
func (c *Client) reviewer(login string) (github.ReviewersRequest, bool) {
	org, team, isTeam := strings.Cut(login, "/")
	switch {
	case isTeam && strings.EqualFold(org, c.owner) && name.MatchString(team):
		return github.ReviewersRequest{TeamReviewers: []string{team}}, true
	case !isTeam && name.MatchString(login):
		return github.ReviewersRequest{Reviewers: []string{login}}, true
	}
	return github.ReviewersRequest{}, false
}

func (c *Client) requestReviews(ctx context.Context, number int, r github.ReviewersRequest) error {
	_, _, err := c.again.PullRequests.RequestReviewers(ctx, c.owner, c.repo, number, r)
	return typed("request reviews", err)
}

// AuthorOf returns the login of whoever wrote a commit, "" when the host knows no
// account by the commit's mail, or when it is a program's.
func (c *Client) AuthorOf(ctx context.Context, sha string) (string, error) {
	if err := checkSHA(sha); err != nil {
		return "", err
	}
	commit, _, err := c.again.Repositories.GetCommit(ctx, c.owner, c.repo, sha, &github.ListOptions{PerPage: 1})
	if err != nil {
		return "", typed("read commit", err)
	}
	if by := commit.GetAuthor(); by.GetType() != "Bot" {
		return by.GetLogin(), nil
	}
	return "", nil
}

// A Review comments on a pull request as it is at a commit, and neither approves
// nor objects. Its texts are sent as they are, like those of NewPullRequest.
type Review struct {
	Commit   string
	Body     string // which hosts require
	Comments []LineComment
}

// A LineComment is about lines of a file, which have to be in the diff of the pull
// request. They are 1-based and inclusive, in the file as the pull request has it.
type LineComment struct {
	Path          amend.RepoPath
	Line, EndLine int
	Body          string
}

// Review writes a review. It is sent once: when the answer is lost, the error is
// amend.Transient and the review may be there. A line that is not in the diff makes
// it amend.Invalid as a whole.
func (c *Client) Review(ctx context.Context, number int, r Review) error {
	if err := checkSHA(r.Commit); err != nil {
		return err
	}
	request := github.PullRequestReviewRequest{CommitID: &r.Commit, Body: &r.Body, Event: github.String("COMMENT")}
	for _, l := range r.Comments {
		side := "RIGHT" // of a diff is what there is after the change
		comment := github.DraftReviewComment{Path: github.String(l.Path.String()), Line: github.Int(l.EndLine), Side: &side, Body: github.String(l.Body)}
		if l.Line < l.EndLine {
			comment.StartLine, comment.StartSide = github.Int(l.Line), &side
		}
		request.Comments = append(request.Comments, &comment)
	}
	_, _, err := c.once.PullRequests.CreateReview(ctx, c.owner, c.repo, number, &request)
	return typed("review pull request", err)
}
