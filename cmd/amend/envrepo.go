package main

import (
	"context"
	"iter"
	"log/slog"
	"slices"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/git"
	"github.com/amendhq/amend/internal/github"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/writer"
)

// eventType is the repository_dispatch that the record workflow listens for.
const eventType = "remediation-requested"

// The labels that mark a pull request which amend closed itself.
const (
	withdrawnLabel = "amend/withdrawn"
	staleLabel     = "amend/stale"
)

// defaultEmail belongs to no account: GitHub shows commits of an address under
// users.noreply.github.com as those of the user with that name.
const defaultEmail = "noreply@amend.dev"

// author is who amend's commits are by.
type author struct{ name, email string }

// A host is GitHub as the writer wants it: its API, and Git's own protocol for
// commits and branches.
type host struct {
	*github.Client
	mirror *git.Mirror
	author author
	labels []string
	log    *slog.Logger
}

func (h host) Commit(_ context.Context, d writer.Draft) (writer.Committed, error) {
	c, err := h.mirror.Write(d.Parent.SHA, d.Files, git.CommitMeta{
		Message: d.Message, Time: d.Time, Instead: d.Instead, Author: git.Person{Name: h.author.name, Email: h.author.email},
	})
	return writer.Committed{SHA: c.SHA, Tree: c.TreeSHA}, err
}

func (h host) CreateBranch(ctx context.Context, branch, sha string) error {
	return h.mirror.Push(ctx, branch, "", sha)
}

func (h host) UpdateBranch(ctx context.Context, branch, from, to string) error {
	return h.mirror.Push(ctx, branch, from, to)
}

func (h host) FindPull(ctx context.Context, branch string) (writer.Pull, bool, error) {
	p, ok, err := h.PullRequest(ctx, branch)
	return pull(p), ok, err
}

func (h host) PullsSince(ctx context.Context, base string, since time.Time) ([]writer.Pull, error) {
	found, err := h.PullRequestsSince(ctx, base, since)
	return pulls(found), err
}

func (h host) OpenPulls(ctx context.Context, base string) ([]writer.Pull, error) {
	found, err := h.OpenPullRequests(ctx, base)
	return pulls(found), err
}

func (h host) PullCommits(ctx context.Context, number int) ([]ledger.Commit, error) {
	found, err := h.PullRequestCommits(ctx, number)
	var all []ledger.Commit
	for _, c := range found {
		all = append(all, ledger.Commit{SHA: c.SHA, Parents: c.Parents, At: c.Time, Message: c.Message, Committer: c.Committer})
	}
	return all, err
}

// OpenPull asks for reviews last: a pull request without them is better than none.
func (h host) OpenPull(ctx context.Context, n writer.NewPull) (writer.Pull, error) {
	p, err := h.OpenPullRequest(ctx, github.NewPullRequest{Head: n.Branch, Base: n.Base, Title: n.Title, Body: n.Body, Labels: slices.Concat(h.labels, n.Labels)})
	if err != nil {
		return writer.Pull{}, err
	}
	if left, err := h.RequestReviews(ctx, p.Number, n.Reviewers); err != nil || len(left) > 0 {
		h.log.WarnContext(ctx, "not everybody could be asked for a review", "pr", p.Number, "left", left, "error", err)
	}
	return pull(p), nil
}

// ClosePull labels first: the label is what tells this from a person's refusal,
// so it goes with the closing; the comment only explains it.
func (h host) ClosePull(ctx context.Context, number int, as amend.EpisodeState, comment string) error {
	label := withdrawnLabel
	if as == amend.EpisodeStale {
		label = staleLabel
	}
	if err := h.Close(ctx, number, []string{label}); err != nil {
		return err
	}
	return h.Comment(ctx, number, comment)
}

// Unclose adds the new label first: in between both are there, and the next look
// takes the others away.
func (h host) Unclose(ctx context.Context, number int, label string) error {
	if err := h.Label(ctx, number, label); err != nil {
		return err
	}
	return h.Unlabel(ctx, number, withdrawnLabel, staleLabel)
}

// Remark labels first, so that a lost answer has the comment written once at most.
func (h host) Remark(ctx context.Context, number int, label, comment string) error {
	if err := h.Label(ctx, number, label); err != nil {
		return err
	}
	return h.Comment(ctx, number, comment)
}

// Review labels first, for the same reason. What the host does not take on its
// lines is not written again.
func (h host) Review(ctx context.Context, number int, label string, r writer.Review) error {
	if err := h.Label(ctx, number, label); err != nil {
		return err
	}
	review := github.Review{Commit: r.Commit, Body: r.Body}
	for _, s := range r.Suggestions {
		review.Comments = append(review.Comments, github.LineComment{Path: s.Path, Line: s.Line, EndLine: s.EndLine, Body: s.Body})
	}
	return h.Client.Review(ctx, number, review)
}

func (h host) MergePull(ctx context.Context, number int, sha, message string) error {
	return h.MergePullRequest(ctx, github.Merge{Number: number, SHA: sha, Message: message})
}

// Dispatch sends the record as the one nested object that repository_dispatch
// payloads have room for. It is a hint: the workflow reads Git, not the payload.
func (h host) Dispatch(ctx context.Context, r amend.Record) error {
	return h.Client.Dispatch(ctx, eventType, map[string]amend.Record{"record": r})
}

func pulls(found []github.PullRequest) []writer.Pull {
	pulls := make([]writer.Pull, 0, len(found))
	for _, p := range found {
		pulls = append(pulls, pull(p))
	}
	return pulls
}

func pull(p github.PullRequest) writer.Pull {
	q := writer.Pull{Number: p.Number, URL: p.URL, Branch: p.Branch, OpenedAt: p.CreatedAt, At: p.UpdatedAt, Commit: p.HeadSHA, Body: p.Body, Labels: p.Labels}
	switch {
	case p.State == github.Open:
		q.State = amend.EpisodeOpen
		q.Reopened = slices.Contains(p.Labels, withdrawnLabel) || slices.Contains(p.Labels, staleLabel)
	case p.State == github.Merged:
		q.State, q.Commit = amend.EpisodeLanded, p.MergeCommit
	case slices.Contains(p.Labels, withdrawnLabel):
		q.State = amend.EpisodeWithdrawn
	case slices.Contains(p.Labels, staleLabel):
		q.State = amend.EpisodeStale
	default:
		q.State = amend.EpisodeDeclined
	}
	if !p.ClosedAt.IsZero() {
		q.At = p.ClosedAt
	}
	return q
}

// A mirror is the local copy of the env repo as the writer wants it.
type mirror struct{ *git.Mirror }

func (m mirror) Commits(from, until string) iter.Seq2[ledger.Commit, error] {
	return commits(m.Log(from, until))
}

// commits gives the ledger what it needs to know of each commit.
func commits(log iter.Seq2[git.Commit, error]) iter.Seq2[ledger.Commit, error] {
	return func(yield func(ledger.Commit, error) bool) {
		for c, err := range log {
			if !yield(ledger.Commit{SHA: c.SHA, Parents: c.Parents, At: c.Time, Message: c.Message, Committer: c.Committer}, err) {
				return
			}
		}
	}
}

func (m mirror) Versions(sha string, path amend.RepoPath) iter.Seq2[writer.FileVersion, error] {
	return func(yield func(writer.FileVersion, error) bool) {
		for v, err := range m.Mirror.Versions(sha, path) {
			if !yield(writer.FileVersion{Commit: v.Commit, Content: v.Content}, err) {
				return
			}
		}
	}
}

var (
	_ writer.Host = host{}
	_ writer.Repo = mirror{}
)
