package page

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/thread"
)

// A Source knows what happened. Its answers may be some seconds old.
type Source interface {
	// Facts returns what can be found out. An error means that nothing can;
	// what is missing otherwise is named in Facts.Missing.
	Facts(ctx context.Context) (Facts, error)
}

// Facts are what the pages are made of.
type Facts struct {
	// Commits are those of the branch that matter here, the newest first: the
	// changes of amend, the merges that brought them, and what took them back.
	Commits []ledger.Commit
	Log     ledger.Log
	// Decisions are the latest that a server remembers, the newest last.
	Decisions []amend.Decision
	// Verdicts are those that the host shows, by the commit of the change. The log
	// has them too, a little later.
	Verdicts map[string]amend.VerdictState
	// Pulls are the open pull requests of amend.
	Pulls []Pull
	// Missing says, a sentence each, what could not be found out.
	Missing []string
}

// A Pull is an open pull request of amend.
type Pull struct {
	Number   int
	URL      string
	Branch   string // see amend.Branch
	OpenedAt time.Time
}

// branchForm is the form of amend.Branch.
var branchForm = regexp.MustCompile(`^amend/([a-z0-9-]+)-([1-9][0-9]{0,6})$`)

// episode returns what the pull request is for, "" when its branch does not say.
func (p Pull) episode() (incident string, n int) {
	m := branchForm.FindStringSubmatch(p.Branch)
	if m == nil {
		return "", 0
	}
	n, _ = strconv.Atoi(m[2]) // it is a number
	return m[1], n
}

// history returns what landed, with who took it back.
func (f Facts) history() *ledger.Index {
	var index ledger.Index
	for _, c := range f.Commits {
		index.Add(c)
	}
	return &index
}

// sources are the facts as package thread wants them.
func (f Facts) sources() thread.Sources {
	return thread.Sources{Log: f.Log, Decisions: f.Decisions, Commits: func(yield func(ledger.Commit, error) bool) {
		for _, c := range f.Commits {
			if !yield(c, nil) {
				return
			}
		}
	}}
}

// An answer is an episode of an incident: what a decision to act is about.
type answer struct {
	incident string
	episode  int
}

// acted returns the decisions that made a change, by what they answered.
func (f Facts) acted() map[answer]amend.Decision {
	acted := map[answer]amend.Decision{}
	for _, d := range f.Decisions {
		if _, known := acted[answer{d.Incident, d.Episode}]; d.Acts() && !known {
			acted[answer{d.Incident, d.Episode}] = d
		}
	}
	return acted
}

// logged returns the verdicts that the log has, by what was answered: a squash or
// a merge may have given the change another commit.
func (f Facts) logged() map[answer]amend.VerdictState {
	logged := map[answer]amend.VerdictState{}
	for _, r := range f.Log.Records {
		logged[answer{r.Incident, r.Episode}] = r.Verdict
	}
	return logged
}

// identity is what the events of one trouble share, firing or resolved.
func identity(event string) string {
	before, _, _ := strings.Cut(event, ".")
	return before
}

// newest sorts by time, the latest first and otherwise as it was.
func newest[T any](list []T, at func(T) time.Time) {
	slices.SortStableFunc(list, func(a, b T) int { return at(b).Compare(at(a)) })
}
