package page

import (
	"regexp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/thread"
)

// An Incident is what the page of an incident or an event shows.
type Incident struct {
	Repo    string    `json:"repo"`
	ID      string    `json:"id"`
	Threads []Episode `json:"threads"` // the newest first
}

// An Episode is one thread, with what the page adds to it.
type Episode struct {
	thread.Thread
	CommitURL string  `json:"commitUrl,omitempty"`
	PullURL   string  `json:"pullUrl,omitempty"`
	Outcome   Outcome `json:"outcome,omitempty"` // of a change that landed
	// Diff is what the change does, where a server remembers it.
	Diff string `json:"diff,omitempty"`
}

// idForm is what an incident or the identity of an event looks like.
var idForm = regexp.MustCompile(`^[a-z0-9-]{1,63}(\.[a-z]{1,8})?$`)

// incident follows an incident, or an event with or without its status. Nothing
// known of it is amend.NotFound.
func (s site) incident(f Facts, id string) (Incident, error) {
	if !idForm.MatchString(id) {
		return Incident{}, amend.Errorf(amend.NotFound, "show incident", "this is no id of an incident or an event")
	}
	threads, err := thread.Follow(f.sources(), id)
	if err != nil {
		return Incident{}, err
	}
	found := Incident{Repo: s.repo, ID: id, Threads: make([]Episode, 0, len(threads))}
	outcome := map[string]Outcome{}
	for _, c := range s.changes(f) {
		outcome[c.Commit] = c.Outcome
	}
	for i := len(threads) - 1; i >= 0; i-- {
		e := Episode{Thread: threads[i], Outcome: outcome[threads[i].Commit]}
		if e.Commit != "" {
			e.CommitURL = s.commit(e.Commit)
		}
		if e.PullRequest > 0 {
			e.PullURL = s.pull(e.PullRequest)
		}
		e.Diff = diffOf(f.Decisions, e.Thread)
		found.Threads = append(found.Threads, e)
	}
	return found, nil
}

// diffOf returns the diff of the decision that a thread is about.
func diffOf(decisions []amend.Decision, t thread.Thread) string {
	for _, d := range decisions {
		if d.Plan == nil || d.Plan.Diff == "" {
			continue
		}
		if t.Incident != "" && d.Incident == t.Incident && d.Episode == t.Episode || t.Incident == "" && d.EventID == t.Event {
			return d.Plan.Diff
		}
	}
	return ""
}
