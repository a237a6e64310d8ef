// Package replay decides about recorded events anew, one after the other as they
// came, to see what a policy would have made of them, and compares two policies.
//
// The package is pure. Each run has a world of its own: a change that it decides
// is there for the events after it, so that cooldowns, budgets and the values of
// fields go on as they would have. Nobody merges a pull request in it, and none of
// its changes is taken back.
package replay

import (
	"io/fs"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/tree"
)

// Run decides about events in the order of their times, on these files with a
// policy in place of theirs; a nil policy stands for none. Of the past it sees
// what was before the first event. The decisions are in that order too. An error
// means that a decision could not be reached, as for pipeline.Decide.
func Run(p *pipeline.Pipeline, w pipeline.World, policy []byte, events []amend.Event) ([]amend.Decision, error) {
	events = inOrder(events)
	if len(events) == 0 {
		return nil, nil
	}
	r := &run{Past: w.Past, start: events[0].Time, files: withPolicy{w.Tree, policy}, episodes: map[string][]amend.Episode{}}
	decisions := make([]amend.Decision, 0, len(events))
	for _, e := range events {
		d, err := p.Decide(pipeline.World{Tree: r.files, Past: r, Now: e.Time}, e)
		if err != nil {
			return nil, err
		}
		r.note(d)
		decisions = append(decisions, d)
	}
	return decisions, nil
}

// inOrder returns events as they came, those of one moment by their ids.
func inOrder(events []amend.Event) []amend.Event {
	return slices.SortedStableFunc(slices.Values(events), func(a, b amend.Event) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
}

// A run is the world of one replay; it is the past that each decision sees.
type run struct {
	pipeline.Past // from before the first event
	start         time.Time
	files         fs.FS
	episodes      map[string][]amend.Episode // of this run, by incident
	// landed and proposed are the changes of this run, by how they were made.
	landed, proposed []amend.Record
	written          []map[amend.RepoPath][]byte // the oldest first
}

// note makes history of a decision.
func (r *run) note(d amend.Decision) {
	own := r.episodes[d.Incident]
	switch {
	case d.Reason == amend.ReasonWithdrawn && len(own) > 0:
		own[len(own)-1].State, own[len(own)-1].At = amend.EpisodeWithdrawn, d.DecidedAt
		for i, p := range r.proposed {
			r.proposed[i].Open = p.Open && p.Incident != d.Incident
		}
	case d.Acts():
		e := amend.Episode{N: d.Episode, State: amend.EpisodeOpen, At: d.DecidedAt, Action: d.Action, Change: amend.Change{Kind: amend.KindPullRequest}}
		if d.Mode == amend.Commit {
			e.State, e.Change.Kind = amend.EpisodeLanded, amend.KindCommit
			r.files = tree.Overlay(r.files, d.Plan.Files)
			r.written = append(r.written, d.Plan.Files)
			r.landed = append(r.landed, d.Record())
		} else {
			r.proposed = append(r.proposed, d.Record())
		}
		r.episodes[d.Incident] = append(own, e)
	}
}

// Episodes implements pipeline.Past.
func (r *run) Episodes(incident string, mode amend.Mode) ([]amend.Episode, error) {
	before, err := r.Past.Episodes(incident, mode)
	var all []amend.Episode
	for _, e := range before {
		if !e.At.Before(r.start) {
			continue
		}
		if e.TakenBack != nil && !e.TakenBack.At.Before(r.start) {
			e.TakenBack = nil
		}
		all = append(all, e)
	}
	return append(all, r.episodes[incident]...), err
}

// Records implements pipeline.Past.
func (r *run) Records(since time.Time, mode amend.Mode) ([]amend.Record, error) {
	before, err := r.Past.Records(since, mode)
	var all []amend.Record
	for _, c := range before {
		if c.At.Before(r.start) {
			all = append(all, c)
		}
	}
	all = append(all, r.landed...)
	for _, p := range r.proposed {
		if p.Storm || mode == amend.PullRequest {
			all = append(all, p)
		}
	}
	return all, err
}

// Versions implements pipeline.Past.
func (r *run) Versions(path amend.RepoPath) iter.Seq2[pipeline.Version, error] {
	return func(yield func(pipeline.Version, error) bool) {
		for _, files := range slices.Backward(r.written) {
			if content, ok := files[path]; ok && !yield(pipeline.Version{Content: content, Ours: true}, nil) {
				return
			}
		}
		for v, err := range r.Past.Versions(path) {
			if !yield(v, err) {
				return
			}
		}
	}
}
