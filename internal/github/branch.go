package github

import (
	"context"
	"regexp"

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
