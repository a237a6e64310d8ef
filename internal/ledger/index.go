package ledger

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/message"
)

// An Index answers what happened to an incident. Commits are added as they are
// read, in any order and any number of times; it keeps those that matter and
// forgets the others, so it stays small beside a large history. The zero value
// is empty and ready. An Index is not safe for concurrent use.
type Index struct {
	landed map[string]map[int][]amend.Record // by incident and episode; of its commits the one that counts is first
	places map[place]bool                    // see replaced
	ours   map[string]part                   // what a commit brought, as its own or as a merge
	merges map[string][]merge                // by what they merge, until that was added
	parts  map[string]author                 // of the remediations, by their own SHA
	merged map[part]time.Time                // when the first merge of a remediation was made
	undone map[string][]amend.TakenBack      // by the commit that was taken back, ordered by their own
	backs  map[string]time.Time              // when the commits that took others back were made or last merged
	sorted []amend.Record                    // what landed, the earliest first; nil after a change
}

// A part is an episode of an incident.
type part struct {
	incident string
	episode  int
}

// An author is who made a commit of an episode, as far as that is known.
type author struct {
	part
	committer string
}

// A place is that of a commit on which another one of ours stands.
type place struct {
	sha string
	by  author // of the other
}

// A merge is a commit that merged another.
type merge struct {
	sha string
	at  time.Time
}

func (x *Index) init() {
	if x.landed == nil {
		x.landed, x.places = map[string]map[int][]amend.Record{}, map[place]bool{}
		x.ours, x.merges = map[string]part{}, map[string][]merge{}
		x.parts, x.merged = map[string]author{}, map[part]time.Time{}
		x.undone, x.backs = map[string][]amend.TakenBack{}, map[string]time.Time{}
	}
}

// Add takes one commit into account. Of two commits with the same incident and
// episode, as a cherry-pick makes, the earlier one is the change; but one that took
// the place of another, because the change was planned anew, counts instead of it.
func (x *Index) Add(c Commit) {
	x.init()
	r, ok := FromCommit(c.SHA, c.At, c.Message)
	if ok {
		x.parts[c.SHA] = author{part{r.Incident, r.Episode}, c.Committer}
	}
	taken, reverts := Reverts(c.Message)
	if reverts {
		x.takeBack(taken, c)
	}
	x.connect(c, ok, reverts)
	if !ok {
		return
	}
	for _, parent := range c.Parents[min(1, len(c.Parents)):] {
		x.places[place{parent, x.parts[c.SHA]}] = true
	}
	episodes := x.landed[r.Incident]
	if episodes == nil {
		episodes = map[int][]amend.Record{}
		x.landed[r.Incident] = episodes
	}
	all := episodes[r.Episode]
	if !slices.ContainsFunc(all, func(known amend.Record) bool { return known.Commit == r.Commit }) {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b amend.Record) int {
		return cmp.Or(cmp.Compare(x.replaced(a.Commit), x.replaced(b.Commit)), compare(a, b))
	})
	episodes[r.Episode] = all
	x.sorted = nil
}

// replaced is 1 for a commit in whose place another one of its episode was made, and
// else 0. That one stands on it too, as its merge does, which may have our trailers
// when its host puts the text of the pull request into it. But the merge is made by
// whoever merges.
func (x *Index) replaced(sha string) int {
	if by := x.parts[sha]; by.committer != "" && x.places[place{sha, by}] {
		return 1
	}
	return 0
}

// takeBack notes that a commit says to take another one back.
func (x *Index) takeBack(taken string, c Commit) {
	all := x.undone[taken]
	i, known := slices.BinarySearchFunc(all, c.SHA, func(t amend.TakenBack, sha string) int { return strings.Compare(t.Commit, sha) })
	if !known {
		_, byAmend := message.ParseTrailers(c.Message)
		x.undone[taken] = slices.Insert(all, i, amend.TakenBack{Commit: c.SHA, At: c.At, ByPerson: !byAmend})
	}
	if at, known := x.backs[c.SHA]; !known || c.At.After(at) {
		x.backs[c.SHA] = c.At
	}
}

// connect notes whether the commit is ours, or takes one back. A merge of such a
// commit brings it to the branch as the commit itself does, whichever is added first.
func (x *Index) connect(c Commit, ours, reverts bool) {
	if ours {
		x.ours[c.SHA] = x.parts[c.SHA].part
	}
	if ours || reverts {
		for _, m := range x.merges[c.SHA] {
			x.join(m, c.SHA)
		}
	}
	delete(x.merges, c.SHA)
	for _, parent := range c.Parents[min(1, len(c.Parents)):] {
		m := merge{c.SHA, c.At}
		if !x.join(m, parent) {
			x.merges[parent] = append(x.merges[parent], m)
		}
	}
}

// join notes that a merge brought what a commit did, and reports whether it is known
// what that is.
func (x *Index) join(m merge, brought string) bool {
	at, reverts := x.backs[brought]
	if reverts && m.at.After(at) {
		x.backs[brought] = m.at
	}
	p, ours := x.ours[brought]
	if !ours {
		return reverts
	}
	x.ours[m.sha] = p
	made, known := x.parts[brought]
	if at, before := x.merged[made.part]; known && (!before || m.at.Before(at)) {
		x.merged[made.part] = m.at
	}
	return true
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
func (x *Index) Ours(sha string) bool {
	_, ours := x.ours[sha]
	return ours
}

// TakenBack says who took a commit back, and when; nil when nobody did. Of several it
// is any, but always the same.
func (x *Index) TakenBack(sha string) *amend.TakenBack {
	if all := x.undone[sha]; len(all) > 0 {
		return &all[0]
	}
	return nil
}

// Reverts returns the commits that say to take a commit back.
func (x *Index) Reverts(sha string) []string {
	var all []string
	for _, by := range x.undone[sha] {
		all = append(all, by.Commit)
	}
	return all
}

// RevertedSince returns the changes that were taken back, by themselves or with the
// merge that brought them, after a time: when the commit that did so was made, or
// when it was merged, which may be much later. The earliest made comes first.
func (x *Index) RevertedSince(t time.Time) []amend.Record {
	var reverted []amend.Record
	for taken, by := range x.undone {
		p, ours := x.ours[taken]
		r, landed := x.Record(p.incident, p.episode)
		if ours && landed && slices.ContainsFunc(by, func(b amend.TakenBack) bool { return x.backs[b.Commit].After(t) }) {
			reverted = append(reverted, r)
		}
	}
	slices.SortFunc(reverted, compare)
	return slices.Compact(reverted)
}

// Record returns the change of an episode that landed.
func (x *Index) Record(incident string, episode int) (amend.Record, bool) {
	all := x.landed[incident][episode]
	if len(all) == 0 {
		return amend.Record{}, false
	}
	return all[0], true
}

// Episodes returns the landed episodes of an incident, the first one first.
// An episode whose change was taken back has landed all the same.
func (x *Index) Episodes(incident string) []amend.Episode {
	var episodes []amend.Episode
	for n, all := range x.landed[incident] {
		e := amend.Episode{
			N:      n,
			State:  amend.EpisodeLanded,
			At:     all[0].At,
			Change: amend.Change{Kind: amend.KindCommit, Commit: all[0].Commit},
			Action: all[0].Action,
		}
		for _, r := range all {
			e.TakenBack = cmp.Or(e.TakenBack, x.TakenBack(r.Commit))
		}
		episodes = append(episodes, e)
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
			for _, all := range episodes {
				x.sorted = append(x.sorted, all[0])
			}
		}
		slices.SortFunc(x.sorted, compare)
	}
	return x.sorted
}
