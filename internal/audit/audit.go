// Package audit proves from a clone alone that amend kept its promises there:
// what anybody can check who has the history and trusts nobody.
//
// It holds every commit that carries amend's trailers against four invariants.
// I1: an incident has at most one live change in each episode. I3: the changes
// in the history are the entries of remediation-log.yaml. I4: the diff of a
// change lies inside the allowed paths, kinds and fields, is small, and is what
// its trailers say. I8: a revert by amend restores the exact bytes.
//
// Nothing that a commit says about itself is believed without a look at what it
// does. A commit without trailers is somebody else's, and no business of ours.
package audit

import (
	"context"
	"io/fs"
	"iter"
	"sync"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
)

// A Repo is the clone that is audited. Its methods may be called concurrently.
type Repo interface {
	// Commits yields a commit and all of its ancestors, each once.
	Commits(head string) iter.Seq2[ledger.Commit, error]
	// Differences lists the files that differ between two commits; an empty from
	// stands for no files.
	Differences(from, to string) ([]Difference, error)
	// Tree returns the files of a commit.
	Tree(commit string) (fs.FS, error)
}

// A Difference is one file that two commits do not have in common. An Entry is
// zero on the side that does not have the file.
type Difference struct {
	Path          string // as Git has it, so it may be any bytes
	Before, After Entry
}

// An Entry is how a commit holds a file. The mode is as git ls-tree prints it.
type Entry struct{ Mode, Hash string }

// Options say what is audited.
type Options struct {
	// Head is the commit whose history is audited, as a full SHA.
	Head string
	// Since, when set, is a commit of that history: it and its ancestors are
	// read, because later changes are held against them, and not judged.
	Since string
	// After, when set, leaves what landed before it unjudged in the same way. A
	// commit that stands on a later one did not, whatever its date says.
	After time.Time
	// Grace is how long the entry of a change may be on its way into the log.
	Grace time.Duration
	Now   time.Time
	// Kinds holds the workload kinds that each action may change.
	Kinds map[string][]string
	// Fields holds the fields that each action may write in a manifest of its
	// workload; an action that is missing may write any that is not forbidden.
	Fields map[string][]amend.FieldPattern
	// Progress, when set, is told how many of the changes are judged. It is
	// called by one goroutine at a time.
	Progress func(done, total int)
}

// An Invariant is a promise, by its number in docs/audit.md.
type Invariant string

// The invariants that a clone alone can prove.
const (
	OneChange Invariant = "I1" // at most one live change for each incident and episode
	Logged    Invariant = "I3" // the changes in the history are the entries of the log
	Bounded   Invariant = "I4" // each diff lies inside its bounds and is what its trailers say
	Restored  Invariant = "I8" // a revert restores the exact bytes
)

// A Violation is one broken promise. Found and Do quote what they take from the
// repository; the incident of an entry is as somebody wrote it.
type Violation struct {
	Invariant Invariant `json:"invariant"`
	// Commit is where it shows: a full SHA, empty when no commit of the history
	// is to blame.
	Commit   string `json:"commit,omitempty"`
	Incident string `json:"incident,omitempty"`
	Episode  int    `json:"episode,omitempty"`
	Found    string `json:"found"`
	Do       string `json:"do"` // what a person can do about it
}

// A Report is the outcome of an audit.
type Report struct {
	Head string `json:"head"`
	// Commits counts the history, Changes and Reverts those commits of it that
	// amend made, or that say so; of them Judged were held against their diffs.
	Commits int `json:"commits"`
	Changes int `json:"changes"`
	Reverts int `json:"reverts"`
	Judged  int `json:"judged"`
	Entries int `json:"entries"` // of the log
	// Pending are changes whose entry may still be on its way.
	Pending    []amend.Record `json:"pending"`
	Violations []Violation    `json:"violations"` // oldest commit first
}

// Holds reports whether no promise was found broken.
func (r Report) Holds() bool { return len(r.Violations) == 0 }

// Run audits the history of a commit. An error says that the clone could not be
// read whole, so that nothing is proved; a broken promise is no error.
func Run(ctx context.Context, repo Repo, opt Options) (Report, error) {
	a := &auditor{repo: repo, opt: opt, contents: newContents()}
	var reading sync.WaitGroup // a long log takes a while, and needs nothing of the history
	var log ledger.Log
	var unread error
	reading.Go(func() { log, unread = a.readLog(opt.Head) })
	h, err := readHistory(ctx, repo, opt)
	reading.Wait()
	if err != nil {
		return Report{}, err
	}
	a.history = h
	a.report = Report{Head: opt.Head, Commits: len(h.commits), Changes: len(h.changes), Reverts: len(h.reverts), Pending: []amend.Record{}}
	a.findings = a.judgeSingle()
	logged, err := a.judgeLog(log, unread)
	if err != nil {
		return Report{}, err
	}
	a.findings = append(a.findings, logged...)
	if err := a.judgeDiffs(ctx); err != nil {
		return Report{}, err
	}
	a.report.Violations = a.sorted()
	return a.report, nil
}

// An auditor is one run.
type auditor struct {
	repo     Repo
	opt      Options
	history  *history
	report   Report
	findings []finding
	contents contents
}

// A finding is a violation before it is put in order.
type finding struct {
	at time.Time
	Violation
}

// about starts a finding about a commit.
func about(i Invariant, c *commit, found, do string) finding {
	return finding{at: c.At, Violation: Violation{
		Invariant: i, Commit: c.SHA, Incident: c.trailers.Incident, Episode: c.trailers.Episode, Found: found, Do: do,
	}}
}
