package message

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/amendhq/amend"
)

// Revert returns the message of the commit that takes a change back, as it was
// asked for at some time: commit is the change as the log names it, t its
// trailers, and files what is restored.
//
// It says so in the line that git revert writes, "This reverts commit <SHA>.",
// so every tool that pairs reverts understands it, and the ledger counts it as
// no change. The trailers of the change follow, so that it is found by incident,
// episode or workload as the change is.
func Revert(t Trailers, commit string, files []amend.RepoPath, at time.Time) string {
	return revert(t, commit, files, at, "Each of its files holds the exact bytes from before the change again:")
}

// RevertLines is Revert for a commit that takes the lines of a change back and
// keeps what others have written into its files since.
func RevertLines(t Trailers, commit string, files []amend.RepoPath, at time.Time) string {
	return revert(t, commit, files, at, "Its lines are as before the change again, and all others stay as they are now:")
}

func revert(t Trailers, commit string, files []amend.RepoPath, at time.Time, claim string) string {
	w := t.Workload
	name := w.Name
	if w.Namespace != "" {
		name = w.Namespace + "/" + w.Name
	}
	var b strings.Builder
	b.WriteString(firstLine(fmt.Sprintf("Revert: %s %s %s", t.Action, w.Kind, name)) + "\n\n")
	b.WriteString("Why: amend was asked")
	if asked := stamp(at); asked != "" {
		b.WriteString(" at " + asked)
	}
	fmt.Fprintf(&b, " to take the change of episode %d back.\n", t.Episode)
	b.WriteString(claim + "\n")
	names := make([]string, 0, len(files))
	for _, f := range files {
		names = append(names, f.String())
	}
	slices.Sort(names)
	more := max(0, len(names)-maxEdits)
	for _, n := range names[:len(names)-more] {
		fmt.Fprintf(&b, "- %s\n", Plain(n, nameBytes))
	}
	if more > 0 {
		fmt.Fprintf(&b, "- and %d more\n", more)
	}
	return b.String() + "\nThis reverts commit " + commit + ".\n\n" + t.String()
}
