package page

import (
	"cmp"
	"slices"
	"time"

	"github.com/amendhq/amend"
)

// An Overview is what the first page shows.
type Overview struct {
	Repo   string `json:"repo"`
	Branch string `json:"branch"`
	// Open waits for a person to merge or to close it.
	Open []OpenPull `json:"open"`
	// Waiting are the changes that have no verdict yet.
	Waiting []Change `json:"waiting"`
	// Person are the refusals that a person has to look at, Held those that pass
	// by themselves or that a person wanted.
	Person []Refusal `json:"person"`
	Held   []Refusal `json:"held"`
	// Done is one page of all changes that landed, the newest first.
	Done  []Change `json:"done"`
	Total int      `json:"total"`
	Page  int      `json:"page"`
	Pages int      `json:"pages"`
	Saved Saved    `json:"saved"`
	// Missing says what could not be found out.
	Missing []string `json:"missing,omitempty"`
}

// An OpenPull is a pull request that waits for a person. Without an incident only
// the host knows more.
type OpenPull struct {
	Number   int       `json:"number"`
	URL      string    `json:"url,omitempty"`
	Incident string    `json:"incident,omitempty"`
	Episode  int       `json:"episode,omitempty"`
	Alert    string    `json:"alert,omitempty"`
	Workload string    `json:"workload,omitempty"`
	Action   string    `json:"action,omitempty"`
	OpenedAt time.Time `json:"openedAt"`
}

// An Outcome says how a change ended, as far as is known.
type Outcome string

// The outcomes: those of amend.VerdictState, and what Git alone tells.
const (
	NotYet    Outcome = "no verdict yet"
	Reverted          = Outcome(amend.Reverted) // amend took it back
	TakenBack Outcome = "taken back"            // a person did
)

// A Change is one that landed.
type Change struct {
	Incident string    `json:"incident"`
	Episode  int       `json:"episode"`
	Action   string    `json:"action"`
	Playbook string    `json:"playbook"`
	Workload string    `json:"workload"`
	Edited   string    `json:"edited"`
	Commit   string    `json:"commit"`
	URL      string    `json:"url,omitempty"`
	At       time.Time `json:"at"`
	Outcome  Outcome   `json:"outcome"`
	// Seconds is the time from the accepted alert to the change in Git, 0 when
	// nobody remembers it.
	Seconds float64 `json:"seconds,omitempty"`
}

// A Refusal is a trouble that amend did not answer, with the latest reason.
type Refusal struct {
	Event    string       `json:"event"`
	Incident string       `json:"incident,omitempty"`
	Alert    string       `json:"alert"`
	Workload string       `json:"workload,omitempty"`
	Reason   amend.Reason `json:"reason"`
	Detail   string       `json:"detail"`
	Times    int          `json:"times"` // decided so, as far as is remembered
	At       time.Time    `json:"at"`    // the latest time
}

// ID is what the refusal's thread is found by.
func (r Refusal) ID() string { return cmp.Or(r.Incident, identity(r.Event)) }

// perPage is how many changes one page lists, and maxShown how many there are of
// anything else.
const (
	perPage  = 50
	maxShown = 100
)

// overview works out what the page with this number shows; numbers outside of
// what there is mean the nearest page.
func (s site) overview(f Facts, number int) Overview {
	done := s.changes(f)
	o := Overview{
		Repo: s.repo, Branch: s.branch, Total: len(done), Pages: max(1, (len(done)+perPage-1)/perPage),
		Open: s.open(f), Saved: saved(done, s.byHand), Missing: f.Missing,
		Person: []Refusal{}, Held: []Refusal{}, Waiting: []Change{},
	}
	o.Page = min(max(number, 1), o.Pages)
	first := (o.Page - 1) * perPage
	o.Done = done[first:min(first+perPage, len(done))]
	for _, c := range done {
		if c.Outcome == NotYet && len(o.Waiting) < maxShown {
			o.Waiting = append(o.Waiting, c)
		}
	}
	for _, r := range refusals(f.Decisions) {
		list := &o.Person
		if passes(r.Reason) {
			list = &o.Held
		}
		if len(*list) < maxShown {
			*list = append(*list, r)
		}
	}
	return o
}

// open lists the pull requests, the one that waits longest first.
func (s site) open(f Facts) []OpenPull {
	acted := f.acted()
	open := []OpenPull{}
	for _, p := range f.Pulls {
		incident, episode := p.episode()
		o := OpenPull{Number: p.Number, URL: web(p.URL), Incident: incident, Episode: episode, OpenedAt: p.OpenedAt}
		if d, ok := acted[answer{incident, episode}]; ok {
			o.Alert, o.Workload, o.Action = d.Alert, d.Workload.String(), d.Action
		}
		open = append(open, o)
	}
	slices.SortStableFunc(open, func(a, b OpenPull) int { return a.OpenedAt.Compare(b.OpenedAt) })
	return open[:min(len(open), maxShown)]
}

// changes lists all that landed, the newest first.
func (s site) changes(f Facts) []Change {
	index, acted, logged := f.history(), f.acted(), f.logged()
	changes := []Change{}
	for _, r := range index.Records() {
		c := Change{
			Incident: r.Incident, Episode: r.Episode, Action: r.Action, Playbook: r.Playbook, Workload: r.Target,
			Edited: r.Edited, Commit: r.Commit, URL: s.commit(r.Commit), At: r.At, Outcome: NotYet,
		}
		if v := cmp.Or(f.Verdicts[r.Commit], logged[answer{r.Incident, r.Episode}]); v != "" && v != amend.Pending {
			c.Outcome = Outcome(v)
		}
		if by := index.TakenBack(r.Commit); by != nil {
			c.Outcome = Reverted
			if by.ByPerson {
				c.Outcome = TakenBack
			}
		}
		if d, ok := acted[answer{r.Incident, r.Episode}]; ok && d.ChangedAt.After(d.ReceivedAt) && !d.ReceivedAt.IsZero() {
			c.Seconds = d.ChangedAt.Sub(d.ReceivedAt).Seconds()
		}
		changes = append(changes, c)
	}
	newest(changes, func(c Change) time.Time { return c.At })
	return changes
}

// refusals lists the troubles whose latest decision is a refusal, the newest
// first. An alert that no playbook is for is nobody's trouble.
func refusals(decisions []amend.Decision) []Refusal {
	last := map[string]*Refusal{}
	for _, d := range decisions {
		key := identity(d.EventID)
		if !d.Refused() || d.Reason == amend.ReasonNoPlaybook {
			delete(last, key)
			continue
		}
		r := last[key]
		if r == nil || r.Reason != d.Reason {
			r = &Refusal{}
			last[key] = r
		}
		times := r.Times + 1
		*r = Refusal{Event: d.EventID, Incident: d.Incident, Alert: d.Alert, Reason: d.Reason, Detail: d.Detail, Times: times, At: d.DecidedAt}
		if d.Workload.Name != "" {
			r.Workload = d.Workload.String()
		}
	}
	list := make([]Refusal, 0, len(last))
	for _, r := range last {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b Refusal) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Event, b.Event)) })
	return list
}

// passes reports whether a refusal ends without anybody's doing, or is what a
// person asked for. A reason that is not known here needs a person.
func passes(r amend.Reason) bool {
	switch r {
	case amend.ReasonCooldown, amend.ReasonSettling, amend.ReasonFrozen, amend.ReasonBudget,
		amend.ReasonMuted, amend.ReasonVetoed, amend.ReasonKillSwitch, amend.ReasonOutOfScope:
		return true
	}
	return false
}
