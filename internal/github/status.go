package github

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
)

// maxDescription bounds the description of a commit status, in characters.
const maxDescription = 140

// A Status is what somebody says of a commit, under the name of a context.
type Status struct {
	// State is error, failure, pending or success.
	State       string
	Description string
	At          time.Time // when it was said; the host's time
}

// Status returns the latest status of a commit in a context that the client's own
// account has set, and whether there is one. What others say in that context is not
// believed, and told to the log: whoever may write statuses can write the same
// words. It fails as amend.Refused when the own account cannot be found out, and when
// there are more than 1,000 statuses before one of its own.
func (c *Client) Status(ctx context.Context, sha, statusContext string) (Status, bool, error) {
	if err := checkSHA(sha); err != nil {
		return Status{}, false, err
	}
	self, err := c.self.name(ctx)
	if err != nil {
		return Status{}, false, err
	}
	others := map[string]bool{}
	defer func() {
		if len(others) > 0 {
			c.log.WarnContext(ctx, "a status is not believed, because somebody else has set it", "commit", sha, "context", statusContext,
				"by", slices.Sorted(maps.Keys(others)), "own", self)
		}
	}()
	statuses := items("read status", maxPages, func(page *github.ListOptions) ([]*github.RepoStatus, *github.Response, error) {
		return c.again.Repositories.ListStatuses(ctx, c.owner, c.repo, sha, page)
	})
	for s, err := range statuses {
		switch by := s.GetCreator().GetLogin(); {
		case errors.Is(err, errTooMany): // GitHub takes a thousand for one context
			return Status{}, false, amend.Refusef(amend.ReasonFailed, "the commit %s has more than %d statuses, and none of the first is of %s", sha, maxPages*perPage, self)
		case err != nil:
			return Status{}, false, err
		case s.GetContext() != statusContext:
		case strings.EqualFold(by, self):
			return Status{State: s.GetState(), Description: s.GetDescription(), At: s.GetUpdatedAt().Time}, true, nil
		default:
			others[by] = true
		}
	}
	return Status{}, false, nil
}

// SetStatus says something of a commit in a context; what was said before is
// hidden by it. Said twice, because an answer was lost, it is the same. The
// description is shown as plain text, of at most 140 characters.
func (c *Client) SetStatus(ctx context.Context, sha, statusContext string, s Status) error {
	if err := checkSHA(sha); err != nil {
		return err
	}
	if n := len([]rune(s.Description)); n > maxDescription {
		return amend.Errorf(amend.Invalid, "set status", "the description has %d characters, the host takes %d", n, maxDescription)
	}
	_, _, err := c.again.Repositories.CreateStatus(ctx, c.owner, c.repo, sha, &github.RepoStatus{
		State: &s.State, Context: &statusContext, Description: &s.Description,
	})
	return typed("set status", err)
}

// Label adds a label to a pull request.
func (c *Client) Label(ctx context.Context, number int, label string) error {
	_, err := c.label(ctx, number, []string{label})
	return err
}

// Unlabel takes labels off a pull request. One that it does not have is off.
func (c *Client) Unlabel(ctx context.Context, number int, labels ...string) error {
	for _, l := range labels {
		// The library puts it into the path as it is.
		_, err := c.again.Issues.RemoveLabelForIssue(ctx, c.owner, c.repo, number, url.PathEscape(l))
		if err = typed("remove label", err); err != nil && amend.KindOf(err) != amend.NotFound {
			return err
		}
	}
	return nil
}
