package github

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
)

// PullRequestState is what became of a pull request so far.
type PullRequestState string

// The states of a pull request.
const (
	Open   PullRequestState = "open"
	Merged PullRequestState = "merged"
	Closed PullRequestState = "closed" // and not merged
)

// A PullRequest is what the host says of one.
type PullRequest struct {
	Number  int
	State   PullRequestState
	Labels  []string
	Branch  string // that it comes from
	HeadSHA string
	// MergeCommit is the commit on the base branch; empty unless merged.
	MergeCommit string
	CreatedAt   time.Time
	UpdatedAt   time.Time
	ClosedAt    time.Time // zero while open
	URL         string    // for people
	Body        string    // as people see and edit it
}

// NewPullRequest is a pull request to open. Title and Body are sent as they are:
// whoever makes them sees to it that they mention and link nobody.
type NewPullRequest struct {
	Head   string // a branch of this repository
	Base   string
	Title  string
	Body   string
	Labels []string
}

// PullRequest returns the newest pull request from a branch of this repository,
// in any state, and whether there is one.
func (c *Client) PullRequest(ctx context.Context, branch string) (PullRequest, bool, error) {
	return c.find(ctx, branch, &github.PullRequestListOptions{State: "all"})
}

// find returns the newest of the branch. Hosts ignore a head that they do not
// understand and list everything, so every answer is compared again.
func (c *Client) find(ctx context.Context, branch string, opts *github.PullRequestListOptions) (PullRequest, bool, error) {
	if err := checkBranch(branch); err != nil {
		return PullRequest{}, false, err
	}
	opts.Head = c.owner + ":" + branch
	opts.Sort, opts.Direction, opts.PerPage = "created", "desc", 10
	list, _, err := c.again.PullRequests.List(ctx, c.owner, c.repo, opts)
	if err != nil {
		return PullRequest{}, false, typed("find pull request", err)
	}
	for _, pr := range list {
		if pr.GetHead().GetRef() == branch && c.own(pr) {
			return pullRequest(pr), true, nil
		}
	}
	return PullRequest{}, false, nil
}

// own reports whether a pull request comes from this repository and not a fork.
func (c *Client) own(pr *github.PullRequest) bool {
	return strings.EqualFold(pr.GetHead().GetRepo().GetFullName(), c.owner+"/"+c.repo)
}

// maxListed bounds how many pages of pull requests are read.
const maxListed = 20

// PullRequestsSince returns the pull requests into a branch, from branches of
// this repository and in any state, that were created after a time; the newest
// comes first. It fails as amend.Refused when there are more than 2,000.
func (c *Client) PullRequestsSince(ctx context.Context, base string, since time.Time) ([]PullRequest, error) {
	if err := checkBranch(base); err != nil {
		return nil, err
	}
	var found []PullRequest
	for pr, err := range c.pullRequests(ctx, github.PullRequestListOptions{State: "all", Base: base, Sort: "created", Direction: "desc"}) {
		switch {
		case errors.Is(err, errTooMany):
			return nil, amend.Refusef(amend.ReasonFailed, "more than %d pull requests into %s were opened since %s, too many to count for the policy's budgets", maxListed*perPage, base, since.UTC().Format(time.RFC3339))
		case err != nil:
			return nil, err
		case !pr.GetCreatedAt().After(since):
			return found, nil
		case c.own(pr):
			found = append(found, pullRequest(pr))
		}
	}
	return found, nil
}

// OpenPullRequests returns the open pull requests into a branch, from branches of
// this repository; the oldest comes first. Of more than 2,000 it returns those.
func (c *Client) OpenPullRequests(ctx context.Context, base string) ([]PullRequest, error) {
	if err := checkBranch(base); err != nil {
		return nil, err
	}
	var found []PullRequest
	for pr, err := range c.pullRequests(ctx, github.PullRequestListOptions{State: "open", Base: base, Sort: "created", Direction: "asc"}) {
		switch {
		case errors.Is(err, errTooMany):
			return found, nil
		case err != nil:
			return nil, err
		case c.own(pr):
			found = append(found, pullRequest(pr))
		}
	}
	return found, nil
}

func (c *Client) pullRequests(ctx context.Context, opts github.PullRequestListOptions) iter.Seq2[*github.PullRequest, error] {
	return items("list pull requests", maxListed, func(page *github.ListOptions) ([]*github.PullRequest, *github.Response, error) {
		opts.ListOptions = *page
		return c.again.PullRequests.List(ctx, c.owner, c.repo, &opts)
	})
}

// A PullRequestCommit is a commit that a pull request proposes.
type PullRequestCommit struct {
	SHA       string
	Parents   []string
	Message   string
	Time      time.Time // when it was committed
	Committer string    // the mail
}

// PullRequestCommits returns the commits of a pull request in any state, the oldest
// first; those of one that was merged are as they were proposed. Of more than 250 a
// host lists so many.
func (c *Client) PullRequestCommits(ctx context.Context, number int) ([]PullRequestCommit, error) {
	list := items("list commits of pull request", maxPages, func(page *github.ListOptions) ([]*github.RepositoryCommit, *github.Response, error) {
		return c.again.PullRequests.ListCommits(ctx, c.owner, c.repo, number, page)
	})
	var commits []PullRequestCommit
	for l, err := range list {
		if errors.Is(err, errTooMany) {
			break
		}
		if err != nil {
			return nil, err
		}
		made := l.GetCommit()
		found := PullRequestCommit{SHA: l.GetSHA(), Message: made.GetMessage(), Time: made.GetCommitter().GetDate().Time, Committer: made.GetCommitter().GetEmail()}
		for _, p := range l.Parents {
			found.Parents = append(found.Parents, p.GetSHA())
		}
		commits = append(commits, found)
	}
	return commits, nil
}

// SetBody replaces the body of a pull request. Title and state stay.
func (c *Client) SetBody(ctx context.Context, number int, body string) error {
	_, _, err := c.again.PullRequests.Edit(ctx, c.owner, c.repo, number, &github.PullRequest{Body: &body})
	return typed("edit pull request", err)
}

func pullRequest(pr *github.PullRequest) PullRequest {
	p := PullRequest{
		Number: pr.GetNumber(), State: Closed, Branch: pr.GetHead().GetRef(), HeadSHA: pr.GetHead().GetSHA(),
		Labels: names(pr.Labels), CreatedAt: pr.GetCreatedAt().Time, UpdatedAt: pr.GetUpdatedAt().Time, ClosedAt: pr.GetClosedAt().Time, URL: pr.GetHTMLURL(), Body: pr.GetBody(),
	}
	switch {
	case pr.MergedAt != nil || pr.GetMerged():
		p.State, p.MergeCommit = Merged, pr.GetMergeCommitSHA()
	case pr.GetState() == "open":
		p.State = Open
	}
	return p
}

// OpenPullRequest opens a pull request, or returns the open one that there is
// from the same branch to the same base. Labels that cannot be set are logged
// and otherwise ignored: a pull request without them is better than none.
func (c *Client) OpenPullRequest(ctx context.Context, n NewPullRequest) (PullRequest, error) {
	for _, b := range []string{n.Head, n.Base} {
		if err := checkBranch(b); err != nil {
			return PullRequest{}, err
		}
	}
	pr, err := c.openOrAdopt(ctx, n)
	if err != nil {
		return PullRequest{}, err
	}
	if len(n.Labels) > 0 {
		labels, err := c.label(ctx, pr.Number, n.Labels)
		if err != nil {
			c.log.WarnContext(ctx, "pull request stays without labels", "pr", pr.Number, "labels", n.Labels, "error", err)
			return pr, nil
		}
		pr.Labels = labels
	}
	return pr, nil
}

// settleTries bounds how often a write is sent whose answer keeps getting lost.
const settleTries = 4

// outcomeUnknown reports whether the host may have done what was asked although
// it did not say so. What a limit turned away was not done.
func outcomeUnknown(err error) bool {
	_, limited := RetryAt(err)
	return amend.KindOf(err) == amend.Transient && !limited
}

func (c *Client) openOrAdopt(ctx context.Context, n NewPullRequest) (PullRequest, error) {
	for try := 1; ; try++ {
		pr, _, err := c.once.PullRequests.Create(ctx, c.owner, c.repo, &github.NewPullRequest{
			Title: &n.Title, Head: &n.Head, Base: &n.Base, Body: &n.Body,
		})
		if err == nil {
			return pullRequest(pr), nil
		}
		err = typed("open pull request", err)
		lost := outcomeUnknown(err)
		if !lost && amend.KindOf(err) != amend.Conflict {
			return PullRequest{}, err
		}
		found, ok, findErr := c.find(ctx, n.Head, &github.PullRequestListOptions{State: "open", Base: n.Base})
		switch {
		case findErr == nil && ok:
			return found, nil
		case findErr != nil, try == settleTries:
			return PullRequest{}, err
		}
		// It says that there is one and shows none: an old answer, or one that
		// was closed just now.
		if c.pause(ctx, try) != nil {
			return PullRequest{}, err
		}
	}
}

// label adds labels and returns all that there are then.
func (c *Client) label(ctx context.Context, number int, labels []string) ([]string, error) {
	all, _, err := c.again.Issues.AddLabelsToIssue(ctx, c.owner, c.repo, number, labels)
	return names(all), typed("label pull request", err)
}

func names(labels []*github.Label) []string {
	var names []string
	for _, l := range labels {
		names = append(names, l.GetName())
	}
	return names
}

// Comment writes on a pull request. It is sent once: when the answer is lost,
// the error is amend.Transient and the comment may be there.
func (c *Client) Comment(ctx context.Context, number int, body string) error {
	_, _, err := c.once.Issues.CreateComment(ctx, c.owner, c.repo, number, &github.IssueComment{Body: &body})
	return typed("comment", err)
}

// Close closes a pull request. The labels are added before, and without them it
// stays open, so that nobody takes it for one that a person has closed.
func (c *Client) Close(ctx context.Context, number int, labels []string) error {
	if len(labels) > 0 {
		if _, err := c.label(ctx, number, labels); err != nil {
			return err
		}
	}
	_, _, err := c.again.PullRequests.Edit(ctx, c.owner, c.repo, number, &github.PullRequest{State: github.String("closed")})
	return typed("close pull request", err)
}
