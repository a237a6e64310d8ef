package manifest

import (
	"slices"
	"strings"

	"github.com/amendhq/amend"
)

// Instead returns what makes the other version of a file of the chosen one, when
// both are made of the same base: lines in the place of some that the chosen one
// has and the base has not. Those are in each diff of the two. It is nil when more
// would have to change than such lines, or when they do not end in a plain line
// feed, which not every reader would keep.
func Instead(path amend.RepoPath, base, chosen, other []byte) *amend.Replacement {
	now, then := splitLines(chosen), splitLines(other)
	head := 0
	for head < min(len(now), len(then)) && now[head] == then[head] {
		head++
	}
	tail := 0
	for tail < min(len(now), len(then))-head && now[len(now)-1-tail] == then[len(then)-1-tail] {
		tail++
	}
	gone, come := now[head:len(now)-tail], then[head:len(then)-tail]
	if len(gone) == 0 || len(come) == 0 || slices.ContainsFunc(slices.Concat(gone, come), oddEnd) {
		return nil
	}
	line := 0
	for _, l := range compareLines(splitLines(base), now) {
		if l.op == '-' {
			continue
		}
		if line >= head && line < head+len(gone) && l.op != '+' {
			return nil
		}
		line++
	}
	return &amend.Replacement{Path: path, Line: head + 1, EndLine: head + len(gone), Text: strings.Join(come, "")}
}

func oddEnd(line string) bool {
	return !strings.HasSuffix(line, "\n") || strings.HasSuffix(line, "\r\n")
}
