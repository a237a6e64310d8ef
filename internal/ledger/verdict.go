package ledger

import (
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/message"
)

// VerdictContext is the name under which a host shows the verdict beside the
// commit of a change, as a commit status.
const VerdictContext = "amend/verdict"

// maxDescription is what GitHub shows of a commit status, in characters.
const maxDescription = 140

// hostStates are the words of hosts for ours: success says that something was
// proved, failure that the opposite was, and error that nothing was.
var hostStates = map[amend.VerdictState]string{
	amend.Pending: "pending", amend.Worked: "success", amend.Failed: "failure", amend.Reverted: "failure",
	amend.Unverified: "error", amend.Superseded: "error",
}

// VerdictStatus returns a verdict as a commit status: the state that the host
// knows, and a description of one inert line, which begins with our own word.
func VerdictStatus(v amend.Verdict) (state, description string) {
	return hostStates[v.State], string(v.State) + ": " + message.Plain(v.Detail, maxDescription-len(v.State)-2)
}

// ParseVerdict reads the state of a verdict back from a commit status. It is
// false for one that VerdictStatus does not make.
func ParseVerdict(state, description string) (amend.VerdictState, bool) {
	word, _, _ := strings.Cut(description, ":")
	v := amend.VerdictState(word)
	return v, v.Valid() && hostStates[v] == state
}
