package github

import (
	"context"
	"errors"
	"slices"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
)

// A Proposal is a pull request with what somebody has to know who approves it
// elsewhere than on the host.
type Proposal struct {
	PullRequest
	Title, Base string
	// Logins are those of its author, and of the authors and committers of its
	// commits, where the host knows them.
	Logins []string
	// Message is the one of its newest commit.
	Message string
	// MergeBase is the commit that the change starts from, and Files what it
	// changes: the paths on both sides of a rename.
	MergeBase string
	Files     []amend.RepoPath
	// Comments are the texts of its comments, oldest first.
	Comments []string
}

// A host lists so many commits and files of one comparison; of a longer one
// nobody can say what it does.
const (
	maxComparedCommits = 250
	maxComparedFiles   = 300
)

// Proposal reads a pull request of this repository. It fails as amend.Refused
// when it changes more than a host lists.
func (c *Client) Proposal(ctx context.Context, number int) (Proposal, error) {
	pr, _, err := c.again.PullRequests.Get(ctx, c.owner, c.repo, number)
	if err != nil {
		return Proposal{}, typed("read pull request", err)
	}
	if !c.own(pr) {
		return Proposal{}, amend.Refusef(amend.ReasonFailed, "pull request %d is not from a branch of this repository", number)
	}
	p := Proposal{PullRequest: pullRequest(pr), Title: pr.GetTitle(), Base: pr.GetBase().GetRef()}
	p.add(pr.GetUser())
	if err := c.compare(ctx, &p); err != nil {
		return Proposal{}, err
	}
	p.Comments, err = c.Comments(ctx, number)
	return p, err
}

// compare fills in what the head has that the base has not.
func (c *Client) compare(ctx context.Context, p *Proposal) error {
	if err := checkBranch(p.Base); err != nil {
		return err
	}
	diff, _, err := c.again.Repositories.CompareCommits(ctx, c.owner, c.repo, p.Base, p.HeadSHA, &github.ListOptions{PerPage: perPage})
	if err != nil {
		return typed("compare commits", err)
	}
	if diff.GetTotalCommits() > min(len(diff.Commits), maxComparedCommits) || len(diff.Files) >= maxComparedFiles {
		return amend.Refusef(amend.ReasonFailed, "pull request %d holds too much to be looked at", p.Number)
	}
	p.MergeBase = diff.GetMergeBaseCommit().GetSHA()
	for _, commit := range diff.Commits {
		p.add(commit.GetAuthor())
		p.add(commit.GetCommitter())
		p.Message = commit.GetCommit().GetMessage()
	}
	for _, f := range diff.Files {
		for _, name := range []string{f.GetFilename(), f.GetPreviousFilename()} {
			if name == "" {
				continue
			}
			path, err := amend.ParseRepoPath(name)
			if err != nil {
				return amend.Refusef(amend.ReasonFailed, "pull request %d changes a file that cannot be named: %w", p.Number, err)
			}
			p.Files = append(p.Files, path)
		}
	}
	return nil
}

func (p *Proposal) add(u *github.User) {
	if login := u.GetLogin(); login != "" && !slices.Contains(p.Logins, login) {
		p.Logins = append(p.Logins, login)
	}
}

// Comments returns the texts of all comments of a pull request, oldest first. It
// fails as amend.Refused when there are more than 1,000.
func (c *Client) Comments(ctx context.Context, number int) ([]string, error) {
	var texts []string
	for comment, err := range c.comments(ctx, number, nil) {
		if errors.Is(err, errTooMany) {
			return nil, amend.Refusef(amend.ReasonFailed, "pull request %d has more than %d comments", number, maxPages*perPage)
		}
		if err != nil {
			return nil, err
		}
		texts = append(texts, comment.GetBody())
	}
	return texts, nil
}
