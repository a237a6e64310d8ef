package writer

import (
	"context"
	"io/fs"
	"iter"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
)

// Refs are the branches of the env repo on its host.
type Refs interface {
	Head(ctx context.Context, branch string) (string, error)
	// CreateBranch fails as amend.Conflict when the branch exists, wherever it
	// points: creating is the claim of an episode.
	CreateBranch(ctx context.Context, branch, sha string) error
	// UpdateBranch moves a branch from one commit to another; amend.Conflict means
	// that it is not at the first one any more.
	UpdateBranch(ctx context.Context, branch, from, to string) error
	// DeleteBranch succeeds when the branch is gone, whoever removed it.
	DeleteBranch(ctx context.Context, branch string) error
}

// Commits makes commits, which the Repo has from then on, and the host once a
// branch names them; no branch moves.
type Commits interface {
	Commit(ctx context.Context, d Draft) (Committed, error)
}

// Pulls are the pull requests of the env repo.
type Pulls interface {
	// FindPull finds the one from a branch, false when there is none.
	FindPull(ctx context.Context, branch string) (Pull, bool, error)
	// PullsSince returns those into base, in any state, that were opened after
	// a time.
	PullsSince(ctx context.Context, base string, since time.Time) ([]Pull, error)
	// OpenPulls returns the open ones into base.
	OpenPulls(ctx context.Context, base string) ([]Pull, error)
}

// Contents are what pull requests propose.
type Contents interface {
	// PullCommits returns the commits of a pull request in any state, the oldest first;
	// of a merged one they are as they were proposed. Of very many a host lists some.
	PullCommits(ctx context.Context, number int) ([]ledger.Commit, error)
}

// Proposals open and close the pull requests of amend.
type Proposals interface {
	// OpenPull succeeds when the pull request is there. Labels and reviewers that
	// cannot be had are left out.
	OpenPull(ctx context.Context, p NewPull) (Pull, error)
	// ClosePull closes a pull request with a comment and marks it as closed by
	// amend, as withdrawn or stale, which must not read as a person's refusal.
	ClosePull(ctx context.Context, number int, as amend.EpisodeState, comment string) error
	// Unclose takes back the mark of ClosePull from one that is open, after it has
	// given it a label: what is closed without the mark was closed by a person.
	Unclose(ctx context.Context, number int, label string) error
}

// Upkeep changes what an open pull request says.
type Upkeep interface {
	SetBody(ctx context.Context, number int, body string) error
	// Remark writes a comment and gives the pull request a label by which
	// everybody sees that it was written.
	Remark(ctx context.Context, number int, label, comment string) error
	// Review gives the pull request a label and writes a review, once at most.
	Review(ctx context.Context, number int, label string, r Review) error
}

// People are what persons have done on the host.
type People interface {
	// AuthorOf returns the login of whoever wrote a commit, "" when nobody knows.
	AuthorOf(ctx context.Context, sha string) (string, error)
	// LastWord returns when a person last commented on a pull request or reviewed
	// it, since a time; zero when nobody has.
	LastWord(ctx context.Context, number int, since time.Time) (time.Time, error)
}

// Merges merge pull requests.
type Merges interface {
	// Ready says what keeps a pull request from being merged at a commit, ""
	// when nothing does; see github.Client.Ready.
	Ready(ctx context.Context, number int, sha string) (missing string, err error)
	// MergePull merges at this commit and no other. The message is for a host
	// that makes one commit of it.
	MergePull(ctx context.Context, number int, sha, message string) error
}

// Dispatcher starts the workflow that keeps the log.
type Dispatcher interface {
	Dispatch(ctx context.Context, r amend.Record) error
}

// Host is the Git host as the writer needs it.
type Host interface {
	Refs
	Commits
	Pulls
	Contents
	Proposals
	Upkeep
	People
	Merges
	Dispatcher
	Verdicts
}

// Repo is a local copy of the env repo to read from; losing it loses nothing.
type Repo interface {
	// Fetch brings the copy up to date, and repairs it after a read that
	// failed as amend.Transient.
	Fetch(ctx context.Context) error
	// Tidy keeps the copy from growing without end. Commits of Host.Commit that are in
	// no branch may be gone after it.
	Tidy(ctx context.Context) error
	Has(sha string) bool
	Tree(sha string) (fs.FS, error)
	// Commits walks from one commit back to, and without, another and its ancestors.
	Commits(from, until string) iter.Seq2[ledger.Commit, error]
	// Versions yields the contents of a file at and before a commit, newest first.
	Versions(sha string, path amend.RepoPath) iter.Seq2[FileVersion, error]
}

// Owners knows which of Argo CD's Applications deploys an object.
type Owners interface {
	// Owner returns the Application and its parents as they are live, as
	// pipeline.World wants them. A refusal becomes the decision; after any other
	// error nothing is decided.
	Owner(ctx context.Context, object amend.ObjectRef) ([]byte, error)
}

// A FileVersion is one content of a file and the commit that brought it.
type FileVersion struct {
	Commit  string
	Content []byte
}

// A Draft is a commit to be made.
type Draft struct {
	Parent Committed
	// Instead is a commit that this one takes the place of, "" for none: a second
	// parent, of which no file is taken over.
	Instead string
	Tree    fs.FS // the branch as it was read
	Files   map[amend.RepoPath][]byte
	Message string
	Time    time.Time
}

// Committed names a commit and its tree.
type Committed struct{ SHA, Tree string }

// A Pull is a pull request as its host reports it.
type Pull struct {
	Number   int
	URL      string
	Branch   string
	OpenedAt time.Time
	State    amend.EpisodeState
	At       time.Time // when it was merged or closed, or else last changed
	Commit   string    // that it put into its base, once merged, or else its head
	Body     string
	Labels   []string
	Reopened bool // it is open, and has the mark of ClosePull
}

// A NewPull is a pull request to open.
type NewPull struct {
	Branch, Base, Title, Body string
	// Labels are added to those that all of them have, Reviewers are logins, and
	// teams as org/team.
	Labels, Reviewers []string
}
