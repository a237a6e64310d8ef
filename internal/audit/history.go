package audit

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
)

// A commit is what the audit keeps of one: of the many commits of others no
// more than how they hang together.
type commit struct {
	ledger.Commit // without its message
	trailers      message.Trailers
	takesBack     string // the commit that this one says it reverts
	old           bool   // not to be judged
}

// A key names the one change that an episode of an incident may have.
type key struct {
	incident string
	episode  int
}

func (c *commit) key() key { return key{c.trailers.Incident, c.trailers.Episode} }

// A history is all commits below the audited one.
type history struct {
	commits map[string]*commit
	changes []*commit // that carry trailers of a change, the earliest first
	reverts []*commit // that carry trailers and take a change back
	garbled []*commit // that carry trailers where none are read
	index   ledger.Index
	takers  map[string][]*commit // by the commit that they take back
	merges  map[string][]*commit // by the commits that they merge
}

func readHistory(ctx context.Context, repo Repo, opt Options) (*history, error) {
	h := &history{commits: map[string]*commit{}, takers: map[string][]*commit{}, merges: map[string][]*commit{}}
	for c, err := range repo.Commits(opt.Head) {
		if err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, amend.Errorf(amend.Transient, "audit", "%w", context.Cause(ctx))
		}
		h.add(c)
	}
	byAge := func(a, b *commit) int { return cmp.Or(a.At.Compare(b.At), strings.Compare(a.SHA, b.SHA)) }
	for _, list := range [][]*commit{h.changes, h.reverts, h.garbled} {
		slices.SortFunc(list, byAge)
	}
	h.dropLandings()
	return h, h.markOld(opt)
}

func (h *history) add(c ledger.Commit) {
	h.index.Add(c)
	n := &commit{Commit: c}
	n.Message = "" // a long history must not stay in memory
	h.commits[c.SHA] = n
	if sha, ok := ledger.Reverts(c.Message); ok {
		n.takesBack = sha
		h.takers[sha] = append(h.takers[sha], n)
	}
	for _, p := range c.Parents[min(1, len(c.Parents)):] {
		h.merges[p] = append(h.merges[p], n)
	}
	t, ours := message.ParseTrailers(c.Message)
	n.trailers = t
	switch {
	case ours && n.takesBack != "":
		h.reverts = append(h.reverts, n)
	case ours:
		h.changes = append(h.changes, n)
	case garbled(c.Message):
		h.garbled = append(h.garbled, n)
	}
}

// garbled reports whether a message has the trailers of a change somewhere
// before its last paragraph, where nothing reads them: a host that squashes
// several commits may put them there.
func garbled(text string) bool {
	if !strings.Contains(text, "\nAmend-Incident: ") {
		return false
	}
	for paragraph := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n") {
		if _, ok := message.ParseTrailers("x\n\n" + paragraph); ok {
			return true
		}
	}
	return false
}

// dropLandings takes out merges that repeat the trailers of a change which they
// bring: hosts offer to put the text of a pull request into its merge.
func (h *history) dropLandings() {
	claims := map[key]int{}
	for _, c := range h.changes {
		claims[c.key()]++
	}
	h.changes = slices.DeleteFunc(h.changes, func(m *commit) bool {
		return len(m.Parents) > 1 && claims[m.key()] > 1 &&
			slices.ContainsFunc(h.brought(m), func(c *commit) bool { return c.key() == m.key() })
	})
}

// landings returns a change and the merges that brought it. A change that was
// planned anew is merged by the commit that took its place, and that one by others.
func (h *history) landings(c *commit) []*commit {
	all := []*commit{c}
	for i := 0; i < len(all); i++ {
		if all[i].key() != c.key() {
			continue
		}
		for _, m := range h.merges[all[i].SHA] {
			if !slices.Contains(all, m) {
				all = append(all, m)
			}
		}
	}
	return all
}

// brought returns the commits that a merge added to its first parent.
func (h *history) brought(m *commit) []*commit {
	mainline := h.ancestors(m.Parents[0])
	var all []*commit
	seen := map[string]bool{}
	for queue := slices.Clone(m.Parents[1:]); len(queue) > 0; {
		sha := queue[0]
		queue = queue[1:]
		if c := h.commits[sha]; c != nil && !seen[sha] && !mainline[sha] {
			seen[sha] = true
			all = append(all, c)
			queue = append(queue, c.Parents...)
		}
	}
	return all
}

// ancestors returns a commit and all that it descends from.
func (h *history) ancestors(sha string) map[string]bool {
	seen := map[string]bool{}
	for queue := []string{sha}; len(queue) > 0; {
		sha := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if c := h.commits[sha]; c != nil && !seen[sha] {
			seen[sha] = true
			queue = append(queue, c.Parents...)
		}
	}
	return seen
}

// markOld marks what Options.Since and Options.After leave out.
func (h *history) markOld(opt Options) error {
	old := map[string]bool{}
	if opt.Since != "" {
		if h.commits[opt.Since] == nil {
			return amend.Errorf(amend.Invalid, "audit", "the commit %.80q to begin after is not in the history of %s", opt.Since, opt.Head)
		}
		old = h.ancestors(opt.Since)
	}
	fresh := h.from(opt.After)
	for sha, c := range h.commits {
		c.old = old[sha] || !fresh[sha]
	}
	return nil
}

// from returns the commits that were made at a time or later, and all that
// descend from one: anybody can give a commit an old date, and nobody an old
// place.
func (h *history) from(t time.Time) map[string]bool {
	fresh, children := map[string]bool{}, map[string][]string{}
	var queue []string
	for sha, c := range h.commits {
		if !c.At.Before(t) {
			queue = append(queue, sha)
		}
		for _, p := range c.Parents {
			children[p] = append(children[p], sha)
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		if sha := queue[0]; !fresh[sha] {
			fresh[sha] = true
			queue = append(queue, children[sha]...)
		}
	}
	return fresh
}

// takenBack returns, for every change, the commits that took it back, whether
// they name it or the merge that brought it.
func (h *history) takenBack() map[string][]*commit {
	by := map[string][]*commit{}
	for sha, takers := range h.takers {
		by[sha] = append(by[sha], takers...)
		if m := h.commits[sha]; m != nil && len(m.Parents) > 1 {
			for _, c := range h.brought(m) {
				by[c.SHA] = append(by[c.SHA], takers...)
			}
		}
	}
	return by
}

// live reports whether what a commit did is still there: nobody took it back, or
// that was taken back in turn.
func live(c *commit, takenBack map[string][]*commit) bool {
	return !slices.ContainsFunc(takenBack[c.SHA], func(r *commit) bool { return live(r, takenBack) })
}
