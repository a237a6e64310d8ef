package github

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/google/go-github/v60/github"
)

// LastWord returns when a person last commented on a pull request or reviewed it,
// since a time; zero when nobody has. Neither a program nor whoever opened it is
// such a person. Of more than 1,000 comments since then, or reviews, it looks at
// the first.
func (c *Client) LastWord(ctx context.Context, number int, since time.Time) (time.Time, error) {
	pr, _, err := c.again.PullRequests.Get(ctx, c.owner, c.repo, number)
	if err != nil {
		return time.Time{}, typed("read pull request", err)
	}
	var last time.Time
	said := func(by *github.User, at time.Time) {
		if by.GetType() != "Bot" && by.GetLogin() != pr.GetUser().GetLogin() && at.After(since) && at.After(last) {
			last = at
		}
	}
	for comment, err := range c.comments(ctx, number, &since) {
		if errors.Is(err, errTooMany) {
			break
		}
		if err != nil {
			return time.Time{}, err
		}
		said(comment.GetUser(), comment.GetCreatedAt().Time)
	}
	for review, err := range c.reviews(ctx, number) {
		if errors.Is(err, errTooMany) {
			break
		}
		if err != nil {
			return time.Time{}, err
		}
		said(review.GetUser(), review.GetSubmittedAt().Time)
	}
	return last, nil
}

// comments yields the comments of a pull request that were written or edited since a
// time, nil for all, oldest first.
func (c *Client) comments(ctx context.Context, number int, since *time.Time) iter.Seq2[*github.IssueComment, error] {
	return items("list comments", maxPages, func(page *github.ListOptions) ([]*github.IssueComment, *github.Response, error) {
		return c.again.Issues.ListComments(ctx, c.owner, c.repo, number, &github.IssueListCommentsOptions{Since: since, ListOptions: *page})
	})
}

// reviews yields the reviews of a pull request, oldest first.
func (c *Client) reviews(ctx context.Context, number int) iter.Seq2[*github.PullRequestReview, error] {
	return items("read reviews", maxPages, func(page *github.ListOptions) ([]*github.PullRequestReview, *github.Response, error) {
		return c.again.PullRequests.ListReviews(ctx, c.owner, c.repo, number, page)
	})
}
