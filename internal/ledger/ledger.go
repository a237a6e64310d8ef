// Package ledger reads what amend did back out of Git, which is the only
// store: the history of an incident from the trailers of commits, and
// remediation-log.yaml, the list of all changes that people read.
//
// The package is pure. Package gitlog applies it to a clone.
package ledger

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/message"
)

// A Commit is what the ledger needs to know of a commit.
type Commit struct {
	SHA     string // full, lower case
	Parents []string
	At      time.Time // the committer's time, when it landed
	Message string
	// Committer is the mail of who committed it, as far as whoever reads gives it.
	Committer string
}

// revert matches what git revert writes into the message of a commit that takes
// another one back. Alert text in a message of ours never starts a line, so it
// cannot say that.
var revert = regexp.MustCompile(`(?m)^This reverts commit ([0-9a-f]{64}|[0-9a-f]{40})\b`)

// Reverts returns the commit that a message says it takes back, in the words of
// git revert. Anybody can take a change back; a revert by amend carries the
// trailers of the change too.
func Reverts(text string) (sha string, ok bool) {
	if !strings.Contains(text, "This reverts commit ") {
		return "", false // the many other commits cost next to nothing
	}
	m := revert.FindStringSubmatch(text)
	if m == nil {
		return "", false
	}
	return m[1], true
}

// FromCommit returns the record of the change that a commit made. It returns
// false for a commit that is not ours, and for one that takes another back.
func FromCommit(sha string, at time.Time, text string) (amend.Record, bool) {
	t, ok := message.ParseTrailers(text)
	if _, reverts := Reverts(text); !ok || reverts {
		return amend.Record{}, false
	}
	return amend.Record{
		Incident: t.Incident,
		Episode:  t.Episode,
		Action:   t.Action,
		Target:   t.Workload.String(),
		Playbook: t.Playbook,
		Alert:    t.Alert,
		Edited:   fmt.Sprintf("%s:%d", t.Path, t.Line),
		Commit:   sha,
		At:       at.UTC(),
	}, true
}

// compare orders records by time, then by commit, then by what they answer, so
// that a set of records has one order.
func compare(a, b amend.Record) int {
	return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Commit, b.Commit),
		strings.Compare(a.Incident, b.Incident), cmp.Compare(a.Episode, b.Episode))
}
