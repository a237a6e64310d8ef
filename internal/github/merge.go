package github

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
)

// ownContext is how the contexts of amend's own statuses begin. They say nothing
// about whether a change is good.
const ownContext = "amend/"

// Ready says what keeps a pull request from being merged at a commit, as a
// sentence for people, "" when nothing does: it is open, no draft, and at this
// very commit; the host can merge it; all statuses and check runs of the commit
// are successful, and there is one at least; and no reviewer's last word is to
// ask for changes.
func (c *Client) Ready(ctx context.Context, number int, sha string) (missing string, err error) {
	if err := checkSHA(sha); err != nil {
		return "", err
	}
	for _, ask := range []func(context.Context, int, string) (string, error){c.mergeable, c.unpassed, c.objected} {
		if missing, err = ask(ctx, number, sha); missing != "" || err != nil {
			return missing, err
		}
	}
	return "", nil
}

// mergeable asks what the host makes of the pull request itself. Whether it is
// unstable, because some status is not a success, is looked at more closely.
func (c *Client) mergeable(ctx context.Context, number int, sha string) (string, error) {
	pr, _, err := c.again.PullRequests.Get(ctx, c.owner, c.repo, number)
	switch {
	case err != nil:
		return "", typed("read pull request", err)
	case pr.GetState() != "open" || pr.GetDraft():
		return "It is closed or a draft.", nil
	case pr.GetHead().GetSHA() != sha:
		return "Its branch has other commits by now.", nil
	case pr.Mergeable == nil:
		return "The host has not found out yet whether it can be merged.", nil
	case !pr.GetMergeable(), !slices.Contains([]string{"clean", "has_hooks", "unstable"}, pr.GetMergeableState()):
		return fmt.Sprintf("The host does not let it be merged: it is %.40q.", pr.GetMergeableState()), nil
	}
	return "", nil
}

// unpassed looks for a status or a check run of the commit that is no success.
func (c *Client) unpassed(ctx context.Context, _ int, sha string) (string, error) {
	passed := 0
	statuses := items("read statuses", maxPages, func(page *github.ListOptions) ([]*github.RepoStatus, *github.Response, error) {
		combined, response, err := c.again.Repositories.GetCombinedStatus(ctx, c.owner, c.repo, sha, page)
		if err != nil {
			return nil, response, err
		}
		return combined.Statuses, response, nil
	})
	for s, err := range statuses {
		switch {
		case errors.Is(err, errTooMany):
			return "It has too many statuses to look at.", nil
		case err != nil:
			return "", err
		case strings.HasPrefix(s.GetContext(), ownContext):
		case s.GetState() != "success":
			return fmt.Sprintf("The status %.100q is %.40q.", s.GetContext(), s.GetState()), nil
		default:
			passed++
		}
	}
	return c.unpassedRuns(ctx, sha, passed)
}

func (c *Client) unpassedRuns(ctx context.Context, sha string, passed int) (string, error) {
	runs := items("read check runs", maxPages, func(page *github.ListOptions) ([]*github.CheckRun, *github.Response, error) {
		found, response, err := c.again.Checks.ListCheckRunsForRef(ctx, c.owner, c.repo, sha, &github.ListCheckRunsOptions{ListOptions: *page})
		if err != nil {
			return nil, response, err
		}
		return found.CheckRuns, response, nil
	})
	for run, err := range runs {
		if errors.Is(err, errTooMany) {
			return "It has too many check runs to look at.", nil
		}
		if err != nil {
			return "", err
		}
		switch run.GetConclusion() {
		case "success":
			passed++
		case "neutral", "skipped":
		default:
			return fmt.Sprintf("The check %.100q is %.40q %.40q.", run.GetName(), run.GetStatus(), run.GetConclusion()), nil
		}
	}
	if passed == 0 {
		return "No status and no check run of its commit is a success.", nil
	}
	return "", nil
}

// objected looks for a reviewer whose last word was to ask for changes.
func (c *Client) objected(ctx context.Context, number int, _ string) (string, error) {
	last := map[string]string{}
	for r, err := range c.reviews(ctx, number) {
		if errors.Is(err, errTooMany) {
			return "It has too many reviews to look at.", nil
		}
		if err != nil {
			return "", err
		}
		if s := r.GetState(); s == "APPROVED" || s == "CHANGES_REQUESTED" || s == "DISMISSED" {
			last[r.GetUser().GetLogin()] = s
		}
	}
	for login, state := range last {
		if state == "CHANGES_REQUESTED" {
			return fmt.Sprintf("%.60q asks for changes.", login), nil
		}
	}
	return "", nil
}

// A Merge says how to merge a pull request.
type Merge struct {
	Number int
	// SHA is the head that was looked at; with another one nothing is merged.
	SHA string
	// Message is that of the commit, for a repository that squashes. Its first
	// line is the subject.
	Message string
	// Note is the text below the subject of a merge commit; "" leaves it to the
	// host.
	Note string
}

// MergePullRequest merges a pull request with a merge commit or, where the
// repository takes none, as one commit. When its head is another one by now the
// error is amend.Conflict, and when the host does not let it be merged,
// amend.Refused. It does not ask Ready.
func (c *Client) MergePullRequest(ctx context.Context, m Merge) error {
	if err := checkSHA(m.SHA); err != nil {
		return err
	}
	repo, _, err := c.again.Repositories.Get(ctx, c.owner, c.repo)
	if err != nil {
		return typed("read repository", err)
	}
	opts, text := &github.PullRequestOptions{SHA: m.SHA, MergeMethod: "merge"}, m.Note
	switch {
	case repo.GetAllowMergeCommit():
	case repo.GetAllowSquashMerge():
		opts.MergeMethod = "squash"
		opts.CommitTitle, text, _ = strings.Cut(m.Message, "\n")
		text = strings.TrimSpace(text)
	default:
		return amend.Refusef(amend.ReasonFailed, "the repository takes neither merge commits nor squashes")
	}
	_, _, err = c.once.PullRequests.Merge(ctx, c.owner, c.repo, m.Number, text, opts)
	err = typed("merge pull request", err)
	if !outcomeUnknown(err) {
		return err
	}
	if pr, _, readErr := c.again.PullRequests.Get(ctx, c.owner, c.repo, m.Number); readErr == nil && pr.GetMerged() && pr.GetHead().GetSHA() == m.SHA {
		c.log.InfoContext(ctx, "a lost answer was a success", "op", "merge pull request", "pr", m.Number)
		return nil
	}
	return err
}
