// Package thread follows one remediation through all that is known of it, from
// whichever end somebody holds: alert, event, decision, change, merge, log entry
// and revert.
//
// The package is pure. What Git tells is a fact; what a server remembers of its
// decisions is added to it where the two meet.
package thread

import (
	"cmp"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
)

// Sources are what threads are made of.
type Sources struct {
	Commits   iter.Seq2[ledger.Commit, error] // of the branch, each once
	Log       ledger.Log                      // as the branch has it
	Decisions []amend.Decision                // that a server remembers; may be empty
}

// A Stage is a point on the way of a remediation.
type Stage string

// The stages, in the order in which they follow each other.
const (
	Alert    Stage = "alert"    // it began to fire
	Accepted Stage = "accepted" // the gateway took it
	Decided  Stage = "decided"  // the policy was applied
	Changed  Stage = "changed"  // the commit
	Merged   Stage = "merged"   // it came to the branch
	Recorded Stage = "recorded" // it is in the log, or is not
	Verified Stage = "verified" // what became of it
	Reverted Stage = "reverted" // it was taken back
)

// A Step is one thing that happened. At is zero when no time is known of it.
type Step struct {
	At     time.Time `json:"at,omitzero"`
	Stage  Stage     `json:"stage"`
	Text   string    `json:"text"` // may quote an alert, so it has to be made inert
	Commit string    `json:"commit,omitempty"`
}

// A Thread is one episode of an incident or, without a change, one event.
type Thread struct {
	Incident    string `json:"incident,omitempty"`
	Episode     int    `json:"episode,omitempty"`
	Playbook    string `json:"playbook,omitempty"`
	Action      string `json:"action,omitempty"`
	Workload    string `json:"workload,omitempty"`
	Event       string `json:"event,omitempty"`
	Edited      string `json:"edited,omitempty"` // path:line of the first edit
	Commit      string `json:"commit,omitempty"`
	PullRequest int    `json:"pullRequest,omitempty"`
	Trace       string `json:"trace,omitempty"` // id of the OpenTelemetry trace
	Steps       []Step `json:"steps"`           // in the order of time, as far as it is known
}

// Follow returns the threads that a question is about, the oldest first. It is
// the id of a commit or at least 7 digits of it (of a change, of the merge that
// brought one, or of a commit that took one back), an incident, an event id with
// or without its status, or a pull request as #12. Nothing found is amend.NotFound.
func Follow(src Sources, question string) ([]Thread, error) {
	h, err := read(src.Commits)
	if err != nil {
		return nil, err
	}
	var threads []Thread
	answered := map[string]bool{} // events that have a change
	for _, c := range h.changes {
		if h.about(c, question) || decidedBy(src.Decisions, c, question) {
			threads = append(threads, h.thread(c, src))
			answered[c.trailers.Alert] = true
		}
	}
	for _, d := range src.Decisions {
		if !answered[d.EventID] && asked(d, question) {
			threads = append(threads, ofDecision(d))
		}
	}
	if len(threads) == 0 {
		return nil, amend.Errorf(amend.NotFound, "explain", "nothing here is about %.80q; expected a commit of a change by 7 digits of its id or more, an incident, an event id or #NUMBER of a pull request", question)
	}
	return threads, nil
}

// A change is a commit of ours.
type change struct {
	ledger.Commit
	trailers message.Trailers
	subject  string
	facts    map[string]string
}

type history struct {
	changes []change
	merges  map[string][]ledger.Commit // by what they merge
	takers  map[string][]ledger.Commit // by what they take back
}

func read(commits iter.Seq2[ledger.Commit, error]) (*history, error) {
	h := &history{merges: map[string][]ledger.Commit{}, takers: map[string][]ledger.Commit{}}
	for c, err := range commits {
		if err != nil {
			return nil, err
		}
		for _, p := range c.Parents[min(1, len(c.Parents)):] {
			h.merges[p] = append(h.merges[p], c)
		}
		taken, reverts := ledger.Reverts(c.Message)
		if reverts {
			h.takers[taken] = append(h.takers[taken], c)
		}
		if t, ours := message.ParseTrailers(c.Message); ours && !reverts && len(c.Parents) < 2 {
			h.changes = append(h.changes, newChange(c, t))
		}
	}
	slices.SortFunc(h.changes, func(a, b change) int { return cmp.Or(a.At.Compare(b.At), strings.Compare(a.SHA, b.SHA)) })
	return h, nil
}

// landings returns the commits by which a change came to the branch: its merge,
// or the one that took its place when it was planned anew, and the merge of that.
func (h *history) landings(sha string) []ledger.Commit {
	all := slices.Clone(h.merges[sha])
	for i := 0; i < len(all); i++ {
		if h.replaced(all[i]) {
			all = append(all, h.merges[all[i].SHA]...)
		}
	}
	return all
}

// replaced reports whether a merging commit took the place of the change that it
// stands on: it has its trailers, and was merged in turn.
func (h *history) replaced(m ledger.Commit) bool {
	_, ours := message.ParseTrailers(m.Message)
	return ours && len(h.merges[m.SHA]) > 0
}

// last returns what the change came to: the change itself or, when it was planned
// anew, the last plan.
func (h *history) last(c change) change {
	for _, m := range h.landings(c.SHA) {
		if t, _ := message.ParseTrailers(m.Message); h.replaced(m) {
			c = newChange(m, t)
		}
	}
	return c
}

// fact is a line of a message of ours about the alert.
var fact = regexp.MustCompile(`(?m)^(Why|Summary|Value|Since|Evidence): (.*)$`)

func newChange(c ledger.Commit, t message.Trailers) change {
	subject, body, _ := strings.Cut(c.Message, "\n")
	n := change{Commit: c, trailers: t, subject: subject, facts: map[string]string{}}
	for _, m := range fact.FindAllStringSubmatch(body, -1) {
		n.facts[m[1]] = m[2]
	}
	return n
}

// about reports whether Git says that a change is what is asked for.
func (h *history) about(c change, question string) bool {
	if number, ok := strings.CutPrefix(question, "#"); ok {
		n := h.pull(c)
		return n > 0 && fmt.Sprint(n) == number
	}
	id := c.trailers.Alert
	if question == c.trailers.Incident || question == id || question == identity(id) {
		return true
	}
	related := append([]ledger.Commit{c.Commit}, h.landings(c.SHA)...)
	for _, r := range slices.Clone(related) {
		related = append(related, h.takers[r.SHA]...)
	}
	return len(question) >= 7 && slices.ContainsFunc(related, func(r ledger.Commit) bool { return strings.HasPrefix(r.SHA, question) })
}

// identity returns an event id without its status.
func identity(event string) string {
	before, _, _ := strings.Cut(event, ".")
	return before
}

// pullNumber is how GitHub names the pull request in a merge and in a squash.
var pullNumber = regexp.MustCompile(`^Merge pull request #([0-9]{1,9}) |\(#([0-9]{1,9})\)$`)

// pull returns the number of the pull request that brought a change, 0 when no
// message says it.
func (h *history) pull(c change) (n int) {
	for _, by := range append([]ledger.Commit{c.Commit}, h.landings(c.SHA)...) {
		subject, _, _ := strings.Cut(by.Message, "\n")
		if m := pullNumber.FindStringSubmatch(subject); m != nil {
			_, _ = fmt.Sscan(m[1]+m[2], &n) // it is a number
			return n
		}
	}
	return 0
}

// decidedBy reports whether a decision says that a change is of the pull request
// that is asked for.
func decidedBy(decisions []amend.Decision, c change, question string) bool {
	return slices.ContainsFunc(decisions, func(d amend.Decision) bool { return of(d, c) && asked(d, question) })
}

// of reports whether a decision made a change.
func of(d amend.Decision, c change) bool {
	return d.Acts() && d.Incident == c.trailers.Incident && d.Episode == c.trailers.Episode
}

// asked reports whether a decision is what is asked for.
func asked(d amend.Decision, question string) bool {
	if d.Change != nil && (question == fmt.Sprintf("#%d", d.Change.Number) || len(question) >= 7 && strings.HasPrefix(d.Change.Commit, question)) {
		return true
	}
	return question != "" && (question == d.EventID || question == identity(d.EventID) || question == d.Incident)
}
