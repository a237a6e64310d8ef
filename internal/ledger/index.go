package ledger

import (
	"slices"

	"github.com/amendhq/amend"
)

// An Index answers what happened to an incident. Commits are added as they are
// read, in any order and any number of times; it keeps those that matter and
// forgets the others, so it stays small beside a large history. The zero value
// is empty and ready. An Index is not safe for concurrent use.
type Index struct {
	landed  map[string]map[int]amend.Record // by incident and episode
	reverts map[string]string               // from a commit to the one that took it back
}

// Add takes one commit into account. Of two commits with the same incident and
// episode, as a cherry-pick makes, the earlier one is the change.
func (x *Index) Add(c Commit) {
	if sha, ok := reverted(c.Message); ok {
		if x.reverts == nil {
			x.reverts = map[string]string{}
		}
		x.reverts[sha] = c.SHA
		return
	}
	r, ok := FromCommit(c.SHA, c.At, c.Message)
	if !ok {
		return
	}
	if x.landed == nil {
		x.landed = map[string]map[int]amend.Record{}
	}
	episodes := x.landed[r.Incident]
	if episodes == nil {
		episodes = map[int]amend.Record{}
		x.landed[r.Incident] = episodes
	}
	if old, known := episodes[r.Episode]; !known || compare(r, old) < 0 {
		episodes[r.Episode] = r
	}
}

// Episodes returns the landed episodes of an incident, the first one first.
// An episode whose change was taken back has landed all the same; see RevertOf.
func (x *Index) Episodes(incident string) []amend.Episode {
	var episodes []amend.Episode
	for n, r := range x.landed[incident] {
		episodes = append(episodes, amend.Episode{
			N:      n,
			State:  amend.EpisodeLanded,
			At:     r.At,
			Change: amend.Change{Kind: amend.KindCommit, Commit: r.Commit},
		})
	}
	slices.SortFunc(episodes, func(a, b amend.Episode) int { return a.N - b.N })
	return episodes
}

// RevertOf returns the commit that took the given one back, as git revert says
// it in its message.
func (x *Index) RevertOf(commit string) (sha string, ok bool) {
	sha, ok = x.reverts[commit]
	return sha, ok
}
