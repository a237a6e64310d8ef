package github

import (
	"context"
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
	if err := c.commented(ctx, number, since, said); err != nil {
		return time.Time{}, err
	}
	return last, c.reviewed(ctx, number, said)
}

func (c *Client) commented(ctx context.Context, number int, since time.Time, said func(*github.User, time.Time)) error {
	opts := &github.IssueListCommentsOptions{Since: &since, ListOptions: github.ListOptions{PerPage: 100}}
	for range maxPages {
		list, response, err := c.again.Issues.ListComments(ctx, c.owner, c.repo, number, opts)
		if err != nil {
			return typed("list comments", err)
		}
		for _, comment := range list {
			said(comment.GetUser(), comment.GetCreatedAt().Time)
		}
		if opts.Page = response.NextPage; opts.Page == 0 {
			break
		}
	}
	return nil
}

func (c *Client) reviewed(ctx context.Context, number int, said func(*github.User, time.Time)) error {
	opts := &github.ListOptions{PerPage: 100}
	for range maxPages {
		list, response, err := c.again.PullRequests.ListReviews(ctx, c.owner, c.repo, number, opts)
		if err != nil {
			return typed("read reviews", err)
		}
		for _, review := range list {
			said(review.GetUser(), review.GetSubmittedAt().Time)
		}
		if opts.Page = response.NextPage; opts.Page == 0 {
			break
		}
	}
	return nil
}
