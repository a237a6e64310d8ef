package ledger

import "iter"

// FirstParents yields those of the commits that the branch itself went through
// up to head, newest first: of a merge the side that was merged into. The
// commits must be head and its ancestors, each before its parents.
func FirstParents(head string, commits iter.Seq2[Commit, error]) iter.Seq2[Commit, error] {
	return func(yield func(Commit, error) bool) {
		next := head
		for c, err := range commits {
			if err != nil {
				yield(Commit{}, err)
				return
			}
			if c.SHA != next {
				continue
			}
			if !yield(c, nil) || len(c.Parents) == 0 {
				return
			}
			next = c.Parents[0]
		}
	}
}
