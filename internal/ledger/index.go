package ledger

import (
	"slices"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/message"
)

// An Index answers what happened to an incident. Commits are added as they are
// read, in any order and any number of times; it keeps those that matter and
// forgets the others, so it stays small beside a large history. The zero value
// is empty and ready. An Index is not safe for concurrent use.
type Index struct {
	landed map[string]map[int]amend.Record // by incident and episode
	ours   map[string]bool                 // commits that brought a remediation
	merges map[string][]merge              // by what they merge, until that was added
	parts  map[string]part                 // the remediations of commits, by their own SHA
	merged map[part]time.Time              // when the first merge of a remediation was made
	undone map[string]amend.TakenBack      // by the commit that was taken back
	sorted []amend.Record                  // what landed, the earliest first; nil after a change
}

// A part is an episode of an incident.
type part struct {
	incident string
	episode  int
}

// A merge is a commit that merged another.
type merge struct {
	sha string
	at  time.Time
}

func (x *Index) init() {
	if x.landed == nil {
		x.landed = map[string]map[int]amend.Record{}
		x.ours, x.merges = map[string]bool{}, map[string][]merge{}
		x.parts, x.merged = map[string]part{}, map[part]time.Time{}
		x.undone = map[string]amend.TakenBack{}
	}
}

// Add takes one commit into account. Of two commits with the same incident and
// episode, as a cherry-pick makes, the earlier one is the change.
func (x *Index) Add(c Commit) {
	x.init()
	r, ok := FromCommit(c.SHA, c.At, c.Message)
	if ok {
		x.parts[c.SHA] = part{r.Incident, r.Episode}
	}
	x.connect(c, ok)
	if taken, reverts := Reverts(c.Message); reverts {
		// Of several, the one with the lowest SHA: any, but always the same.
		if old, known := x.undone[taken]; !known || c.SHA < old.Commit {
			_, byAmend := message.ParseTrailers(c.Message)
			x.undone[taken] = amend.TakenBack{Commit: c.SHA, At: c.At, ByPerson: !byAmend}
		}
	}
	if !ok {
		return
	}
	episodes := x.landed[r.Incident]
	if episodes == nil {
		episodes = map[int]amend.Record{}
		x.landed[r.Incident] = episodes
	}
	if old, known := episodes[r.Episode]; !known || compare(r, old) < 0 {
		episodes[r.Episode] = r
		x.sorted = nil
	}
}

// connect notes whether the commit is ours. A merge of a remediation brings it
// to the branch as the remediation's own commit does, whichever is added first.
func (x *Index) connect(c Commit, ours bool) {
	if ours {
		x.ours[c.SHA] = true
		for _, m := range x.merges[c.SHA] {
			x.join(m, c.SHA)
		}
	}
	delete(x.merges, c.SHA)
	for _, parent := range c.Parents[min(1, len(c.Parents)):] {
		if x.ours[parent] {
			x.join(merge{c.SHA, c.At}, parent)
		} else {
			x.merges[parent] = append(x.merges[parent], merge{c.SHA, c.At})
		}
	}
}

// join notes that a merge brought what a commit of a remediation did.
func (x *Index) join(m merge, brought string) {
	x.ours[m.sha] = true
	p, known := x.parts[brought]
	if at, before := x.merged[p]; known && (!before || m.at.Before(at)) {
		x.merged[p] = m.at
	}
}

// LandedSince returns the changes that came to the branch after a time, the earliest
// made first: by their own commit, or by its merge, which may be much later.
func (x *Index) LandedSince(t time.Time) []amend.Record {
	var landed []amend.Record
	for _, r := range x.ordered() {
		if r.At.After(t) || x.merged[part{r.Incident, r.Episode}].After(t) {
			landed = append(landed, r)
		}
	}
	return landed
}

// Ours reports whether the commit brought a remediation, as its own commit or
// as the merge of its pull request.
func (x *Index) Ours(sha string) bool { return x.ours[sha] }

// RevertOf returns the commit that took a commit back, when there is one.
func (x *Index) RevertOf(sha string) (string, bool) {
	by, ok := x.undone[sha]
	return by.Commit, ok
}

// TakenBack says who took a commit back, and when; nil when nobody did.
func (x *Index) TakenBack(sha string) *amend.TakenBack {
	if by, ok := x.undone[sha]; ok {
		return &by
	}
	return nil
}

// Record returns the change of an episode that landed.
func (x *Index) Record(incident string, episode int) (amend.Record, bool) {
	r, ok := x.landed[incident][episode]
	return r, ok
}

// Episodes returns the landed episodes of an incident, the first one first.
// An episode whose change was taken back has landed all the same.
func (x *Index) Episodes(incident string) []amend.Episode {
	var episodes []amend.Episode
	for n, r := range x.landed[incident] {
		episodes = append(episodes, amend.Episode{
			N:      n,
			State:  amend.EpisodeLanded,
			At:     r.At,
			Change: amend.Change{Kind: amend.KindCommit, Commit: r.Commit},
			Action: r.Action, TakenBack: x.TakenBack(r.Commit),
		})
	}
	slices.SortFunc(episodes, func(a, b amend.Episode) int { return a.N - b.N })
	return episodes
}

// Records returns every change that landed, the earliest first.
func (x *Index) Records() []amend.Record { return slices.Clone(x.ordered()) }

// Since returns the changes that landed after a time, the earliest first. It
// costs what it returns, unless changes were added since it was last called.
func (x *Index) Since(t time.Time) []amend.Record {
	records := x.ordered()
	i, _ := slices.BinarySearchFunc(records, t, func(r amend.Record, t time.Time) int {
		if r.At.After(t) {
			return 1
		}
		return -1
	})
	return slices.Clip(records[i:])
}

func (x *Index) ordered() []amend.Record {
	if x.sorted == nil {
		for _, episodes := range x.landed {
			for _, r := range episodes {
				x.sorted = append(x.sorted, r)
			}
		}
		slices.SortFunc(x.sorted, compare)
	}
	return x.sorted
}
