package github

import (
	"context"
	"regexp"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
)

var (
	shaForm = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)
	// What git-check-ref-format(1) forbids in a name or in one of its parts.
	badBranch = regexp.MustCompile(`\.\.|@\{|//|[\x00-\x20\x7f~^:?*\[\\]|^[/-]|[/.]$|(^|/)\.|\.lock(/|$)|^@$|^$`)
)

func checkBranch(branch string) error {
	if badBranch.MatchString(branch) {
		return amend.Errorf(amend.Invalid, "name branch", "%.100q cannot be a branch", branch)
	}
	return nil
}

func checkSHA(sha string) error {
	if !shaForm.MatchString(sha) {
		return amend.Errorf(amend.Invalid, "name commit", "%.80q is not a full commit id", sha)
	}
	return nil
}

// Head returns the commit of a branch. No such branch gives amend.NotFound.
func (c *Client) Head(ctx context.Context, branch string) (string, error) {
	if err := checkBranch(branch); err != nil {
		return "", err
	}
	ref, _, err := c.again.Git.GetRef(ctx, c.owner, c.repo, "refs/heads/"+branch)
	if err != nil {
		return "", typed("read branch", err)
	}
	if got := ref.GetRef(); got != "refs/heads/"+branch {
		return "", amend.Errorf(amend.NotFound, "read branch", "no branch %q, the host answered with %.100q", branch, got)
	}
	return ref.GetObject().GetSHA(), nil
}

// CreateBranch makes a branch. When it exists already, whoever made it and
// wherever it points, the error is amend.Conflict; that makes it a claim.
func (c *Client) CreateBranch(ctx context.Context, branch, sha string) error {
	return c.settle(ctx, "create branch", branch, sha, func(ref *github.Reference) error {
		_, _, err := c.once.Git.CreateRef(ctx, c.owner, c.repo, ref)
		return err
	})
}

// UpdateBranch moves a branch forward to a descendant of where it is. When it is
// elsewhere by now, the error is amend.Conflict and nothing has changed; when a
// protection or a ruleset forbids it, amend.Refused.
func (c *Client) UpdateBranch(ctx context.Context, branch, sha string) error {
	return c.settle(ctx, "update branch", branch, sha, func(ref *github.Reference) error {
		_, _, err := c.once.Git.UpdateRef(ctx, c.owner, c.repo, ref, false)
		return err
	})
}

// DeleteBranch removes a branch; that it is gone already is fine.
func (c *Client) DeleteBranch(ctx context.Context, branch string) error {
	if err := checkBranch(branch); err != nil {
		return err
	}
	_, err := c.again.Git.DeleteRef(ctx, c.owner, c.repo, "refs/heads/"+branch)
	if err = typed("delete branch", err); amend.KindOf(err) == amend.NotFound {
		return nil
	}
	return err
}

// settleTries bounds how often a write is sent whose answer keeps getting lost.
const settleTries = 4

// settle writes a ref and does not rest before it knows what became of it: when
// an answer is lost, it reads whether the branch holds the commit, and writes
// again only if not.
func (c *Client) settle(ctx context.Context, op, branch, sha string, write func(*github.Reference) error) error {
	if err := checkBranch(branch); err != nil {
		return err
	}
	if err := checkSHA(sha); err != nil {
		return err
	}
	ref := &github.Reference{Ref: github.String("refs/heads/" + branch), Object: &github.GitObject{SHA: &sha}}
	unsure := false
	for try := 1; ; try++ {
		err := typed(op, write(ref))
		lost := outcomeUnknown(err)
		if unsure = unsure || lost; err == nil || !unsure {
			return err
		}
		landed, stale, readErr := c.landed(ctx, branch, sha)
		switch {
		case readErr != nil:
			return err // still the better answer: it says what was being done
		case landed:
			c.log.InfoContext(ctx, "a lost answer was a success", "op", op, "branch", branch, "commit", sha)
			return nil
		case try == settleTries, !lost && !stale:
			return err
		}
		if c.pause(ctx, try) != nil {
			return err
		}
	}
}

// outcomeUnknown reports whether the host may have done what was asked although
// it did not say so. What a limit turned away was not done.
func outcomeUnknown(err error) bool {
	_, limited := RetryAt(err)
	return amend.KindOf(err) == amend.Transient && !limited
}

// landed reports whether a branch holds a commit, as its head or below a head
// that others have pushed since. Stale says that the host showed no such branch,
// which after a refused write can only be an old answer.
func (c *Client) landed(ctx context.Context, branch, sha string) (landed, stale bool, err error) {
	head, err := c.Head(ctx, branch)
	switch {
	case amend.KindOf(err) == amend.NotFound:
		return false, true, nil
	case err != nil || head == sha:
		return err == nil, false, err
	}
	diff, _, err := c.again.Repositories.CompareCommits(ctx, c.owner, c.repo, sha, head, &github.ListOptions{PerPage: 1})
	if err = typed("compare commits", err); err != nil {
		if amend.KindOf(err) == amend.NotFound {
			err = nil // no such commit, so nobody builds on it
		}
		return false, false, err
	}
	return strings.EqualFold(diff.GetStatus(), "ahead"), false, nil
}
