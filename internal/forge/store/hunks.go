package store

import (
	"context"
	"strconv"
	"strings"

	"github.com/amendhq/amend"
)

// A Hunk is a part of the diff of one file, with three lines around each change.
type Hunk struct {
	// Line and EndLine are those of the new content, 1-based and inclusive; the
	// end comes before the start when nothing is left of them.
	Line, EndLine int
	Text          string // as git shows it, from its @@
}

// Hunks returns the diff of a file between two commits; none when the file is the
// same in both, or in neither.
func (r *Repo) Hunks(ctx context.Context, from, to ID, path string) ([]Hunk, error) {
	out, err := run(ctx, r.dir, nil, "diff-tree", "-p", "-U3", string(from), string(to), "--", path)
	if err != nil {
		return nil, amend.Errorf(amend.Internal, "diff", "%w", err)
	}
	return parseHunks(string(out))
}

// parseHunks reads a unified diff of one file. No line of a hunk starts with @,
// because each has its mark before it.
func parseHunks(diff string) ([]Hunk, error) {
	var hunks []Hunk
	for line := range strings.Lines(diff) {
		rest, opens := strings.CutPrefix(line, "@@ ")
		switch {
		case opens:
			start, count, err := newSide(rest)
			if err != nil {
				return nil, err
			}
			hunks = append(hunks, Hunk{Line: start, EndLine: start + count - 1, Text: line})
		case len(hunks) > 0:
			hunks[len(hunks)-1].Text += line
		}
	}
	return hunks, nil
}

// newSide reads "-1,4 +2,5 @@".
func newSide(head string) (start, count int, err error) {
	damaged := amend.Errorf(amend.Internal, "diff", "cannot read the hunk %.60q", head)
	_, side, found := strings.Cut(head, " +")
	side, _, closed := strings.Cut(side, " @@")
	if !found || !closed {
		return 0, 0, damaged
	}
	first, length, several := strings.Cut(side, ",")
	start, errStart := strconv.Atoi(first)
	count = 1
	var errCount error
	if several {
		count, errCount = strconv.Atoi(length)
	}
	if errStart != nil || errCount != nil {
		return 0, 0, damaged
	}
	return start, count, nil
}
