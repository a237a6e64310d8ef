package cause

import (
	"io/fs"
	"iter"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/locate"
)

// The bounds that a Question has unless it says otherwise.
const (
	DefaultWindow  = 24 * time.Hour
	DefaultRenders = 50
)

// A Question asks which commit changed a workload before an alert.
type Question struct {
	// Workload names the object, and its Application or folder as for
	// locate.Locator.Deployed. Its Field does not matter. What is live of an
	// Application counts only where the env repo does not declare it, because
	// the one in the repo has a history.
	Workload locate.Query
	// Head is the full id of the commit at the tip of the branch, and Branch the
	// branch's name, "" when that is not known. What an Application takes from
	// another branch is refused, if the name is known.
	Head, Branch string
	// Began is when the alert started to fire, and For how long its condition had
	// held by then: the trouble began so much earlier, and no later commit caused it.
	Began time.Time
	For   time.Duration
	// Alert is the name of the alert. Words in it say weakly which fields fit;
	// "" says nothing.
	Alert string
	// Deploys are what Argo CD deployed of the workload's Application, in any
	// order, with full commit ids; empty when that is not known.
	Deploys []amend.Deploy
	// Window is how long before the trouble a change may have taken effect, and
	// Renders for how many states of the repo the workload is rendered at most;
	// zero means the default.
	Window  time.Duration
	Renders int
}

// History is what is read of an env repo. An error of kind amend.Refused or
// amend.NotFound says that something is not there for good, such as what a
// shallow clone left out; any other ends the search.
type History interface {
	// Commits yields from and what it stands on by first parents, newest first,
	// without what until holds too; "" leaves nothing out.
	Commits(from, until string) iter.Seq2[Commit, error]
	// Tree returns the files at a full commit id or at a tag.
	Tree(revision string) (fs.FS, error)
	// Touched lists the files that differ between two commits.
	Touched(from, to string) ([]string, error)
}

// A Commit is one commit of the env repo. Author and Subject are what somebody
// wrote there, so they are foreign text.
type Commit struct {
	SHA     string    `json:"sha"`
	Parents []string  `json:"-"`
	Author  string    `json:"author,omitempty"`
	Email   string    `json:"email,omitempty"`
	Subject string    `json:"subject,omitempty"`
	At      time.Time `json:"at"` // when it was committed, which a rebase moves
	// Ours says that a remediation of amend made it.
	Ours bool `json:"ours,omitempty"`
}

// began is when the trouble began at the latest.
func (q Question) began() time.Time { return q.Began.Add(-q.For) }

func (q Question) check() error {
	switch {
	case q.Began.IsZero():
		return amend.Errorf(amend.Invalid, "find cause", "it is not known when the alert started")
	case q.For < 0 || q.Window < 0 || q.Renders < 0:
		return amend.Errorf(amend.Invalid, "find cause", "a duration or a bound is negative")
	case q.Head == "":
		return amend.Errorf(amend.Invalid, "find cause", "no commit is named to look back from")
	}
	return nil
}
