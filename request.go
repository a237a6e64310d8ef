package amend

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

// Mode says how far a playbook may go by itself.
type Mode string

// The modes, from the most careful to the least.
const (
	Suggest     Mode = "suggest"      // decide and show the diff, write nothing
	PullRequest Mode = "pull-request" // open a pull request that a person merges
	Commit      Mode = "commit"       // commit to the branch that Argo CD follows
)

// A Request asks for one remediation: what policy made of an alert. It is all
// that an action sees of the outside.
type Request struct {
	Event    Event             `json:"event"`
	Playbook string            `json:"playbook"`
	Action   string            `json:"action"`
	Params   map[string]string `json:"params,omitempty"`
	Workload Workload          `json:"workload"`
	Mode     Mode              `json:"mode"`
}

// Incident returns the key that all deliveries of the same trouble share: it
// depends on the playbook and the workload alone. It matches
// ^[a-z0-9-]{1,63}$ when the playbook name does and is at most 50 long, so it
// is safe in a branch name, a label and a Kubernetes name.
func (r Request) Incident() string { return IncidentID(r.Playbook, r.Workload.ObjectRef) }

// IncidentID is the key of a playbook acting on an object; see Request.Incident.
func IncidentID(playbook string, object ObjectRef) string {
	sum := sha256.Sum256([]byte(playbook + "\x00" + object.String()))
	return playbook + "-" + hex.EncodeToString(sum[:5])
}

// Branch names the branch of the pull request that the nth episode of an
// incident owns. Creating it is the claim on that episode.
func Branch(incident string, episode int) string {
	return "amend/" + incident + "-" + strconv.Itoa(episode)
}

// MaxEpisode is the last episode that an incident can have. No alert gets there
// in a lifetime, so a commit that claims a later one was made by hand and is not
// believed, and after this one there is none.
const MaxEpisode = 1_000_000

// EpisodeState says what became of an episode's change.
type EpisodeState string

// The states of an episode, as far as Git and the host tell them.
const (
	EpisodeLanded    EpisodeState = "landed"    // its commit is in the branch that Argo CD follows
	EpisodeOpen      EpisodeState = "open"      // its pull request waits for a person
	EpisodeDeclined  EpisodeState = "declined"  // a person closed its pull request unmerged
	EpisodeWithdrawn EpisodeState = "withdrawn" // amend closed its pull request, nothing was left to do
	EpisodeStale     EpisodeState = "stale"     // amend closed its pull request, nobody had taken it up
)

// An Episode is one time that an incident opened and was answered by a change.
type Episode struct {
	N     int          `json:"n"`
	State EpisodeState `json:"state"`
	// At is when the change landed or, for the other states, when the pull
	// request last changed state.
	At     time.Time `json:"at"`
	Change Change    `json:"change"`
	// Action is the one that made the change, "" when that is not known.
	Action string `json:"action,omitempty"`
	// TakenBack is set when a later commit took the change back.
	TakenBack *TakenBack `json:"takenBack,omitempty"`
}

// A TakenBack says who undid a change, and when.
type TakenBack struct {
	Commit   string    `json:"commit"` // full SHA of the one that did
	At       time.Time `json:"at"`
	ByPerson bool      `json:"byPerson"` // and not by amend
}

// ChangeKind says which form a change took in Git.
type ChangeKind string

// The kinds of change.
const (
	KindCommit      ChangeKind = "commit"
	KindPullRequest ChangeKind = "pull-request"
)

// A Change is what one remediation put into Git.
type Change struct {
	Kind   ChangeKind `json:"kind"`
	Commit string     `json:"commit,omitempty"` // full SHA
	Branch string     `json:"branch,omitempty"`
	Number int        `json:"number,omitempty"` // of the pull request
	URL    string     `json:"url,omitempty"`
}
