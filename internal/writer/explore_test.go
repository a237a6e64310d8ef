package writer_test

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/policy"
)

var deep = flag.Bool("deep", false, "explore the model of the protocol with more faults: a minute, and a gigabyte")

// This file explores every state that a small installation can get into: two
// gateways, two writers, an alert that two Alertmanagers post and that a commit
// answers, another one that a pull request answers and that resolves, somebody
// else's push, and some crashes and lost answers anywhere. What is decided is
// decided by policy.Decide, on the history that a writer has read. The order of
// reads and writes is the one of round.go and propose.go.
//
// That the explorer would notice a mistake is shown by making some.

// The posts of the sources, and with them the kinds of events.
const (
	alertA0   = iota // from one Alertmanager, to one gateway
	alertA1          // the same from the other one, to the other gateway
	alertB           // answered by a pull request
	resolvedB        // the same, over
	kinds
)

// The stages of a post.
const (
	unsent = iota
	received
	published
	replied
)

// The phases of a writer with an event in hand.
const (
	idle = iota
	taken
	decided
	claimed // the branch of the pull request is there
	withdrawing
	ending // the decision stands, the event is not yet acknowledged
)

// The states of the one pull request that an episode of B has.
const (
	noPull = iota
	onlyBranch
	openPull
	closedPull
)

const (
	foreign    = 2 // in main; 0 and 1 are commits for A, by their key
	maxMain    = 5
	maxPulls   = 3
	maxPending = 5
)

// A worker is a writer process.
type worker struct {
	phase, kind, episode uint8
	base, history        uint8 // lengths of main: what it writes on, and what it decided by
	acts                 bool
}

// A snapshot is one state of all.
type snapshot struct {
	posts   [kinds]uint8
	pending [kinds]uint8 // on the bus, not in hand
	workers [2]worker
	main    [maxMain]uint8
	length  uint8
	pulls   [maxPulls]uint8 // by episode
	// acted and settled say of which kinds a decision was recorded: to act, or
	// at all.
	acted, settled uint8
	// lost counts foreign commits that are not in main any more.
	lost                          uint8
	crashes, silences, pushesToGo uint8
}

// A mutant is a mistake that somebody could make in the program.
type mutant string

const (
	none              mutant = "none"
	blindRebase       mutant = "write what was decided before the race was lost"
	forcePush         mutant = "move the branch without comparing"
	repeatUnknown     mutant = "write again after a lost answer, without reading"
	staleHistory      mutant = "decide by the history of the last event"
	earlyAck          mutant = "acknowledge an event before it is decided"
	earlyReply        mutant = "answer 2xx before the event is on the bus"
	volatileKey       mutant = "make startsAt part of the incident"
	unclaimed         mutant = "look for a pull request instead of claiming the branch"
	notAdopted        mutant = "take an existing branch for somebody else's change"
	dropFailed        mutant = "drop an event whose answer was lost"
	recordBeforeWrite mutant = "record and acknowledge the decision before the change"
)

// An explorer visits states. Its one memory beside them is of policy.Decide,
// which is pure.
type explorer struct {
	mutant mutant
	known  map[question]answer
}

type question struct {
	kind, changes uint8
	pulls         [maxPulls]uint8
}

type answer struct {
	reason  amend.Reason
	episode uint8
}

// decide asks the policy what a writer asks it.
func (x *explorer) decide(q question) answer {
	if a, ok := x.known[q]; ok {
		return a
	}
	name, mode, status := "a", amend.Commit, amend.Firing
	var episodes []amend.Episode
	at := noonOfModel.Add(time.Minute)
	if q.kind == alertB || q.kind == resolvedB {
		name, mode = "b", amend.PullRequest
		for i, p := range q.pulls {
			switch p {
			case openPull:
				episodes = append(episodes, amend.Episode{N: i + 1, State: amend.EpisodeOpen, At: at})
			case closedPull:
				episodes = append(episodes, amend.Episode{N: i + 1, State: amend.EpisodeWithdrawn, At: at})
			}
		}
	}
	if q.kind == resolvedB {
		status = amend.Resolved
	}
	for n := range q.changes {
		episodes = append(episodes, amend.Episode{N: int(n) + 1, State: amend.EpisodeLanded, At: at})
	}
	d := policy.Decide(policy.Input{
		Playbook: policy.Playbook{Name: "p", Cooldown: policy.Duration(time.Hour), Mute: policy.Duration(time.Hour)},
		Request: amend.Request{Playbook: "p", Action: "restart", Mode: mode,
			Event:    amend.Event{Alert: amend.Alert{Status: status, StartsAt: noonOfModel}},
			Workload: amend.Workload{ObjectRef: amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: name}}},
		Episodes: episodes, Now: at.Add(time.Minute),
	})
	a := answer{d.Reason, uint8(d.Episode)}
	x.known[q] = a
	return a
}

var noonOfModel = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// key is the incident of an alert, as main shows it.
func (x *explorer) key(kind uint8) uint8 {
	if x.mutant == volatileKey && kind == alertA1 {
		return 1
	}
	return 0
}

// steps calls visit with every snapshot that can come next, and returns whether
// there is one without a fault, so that something goes on.
func (x *explorer) steps(w snapshot, visit func(snapshot)) (goesOn bool) {
	for k := range uint8(kinds) {
		goesOn = x.post(w, k, visit) || goesOn
	}
	for i := range w.workers {
		goesOn = x.work(w, i, visit) || goesOn
	}
	if w.pushesToGo > 0 && w.length < maxMain {
		next := w
		next.pushesToGo--
		next.main[next.length] = foreign
		next.length++
		visit(next)
	}
	return goesOn
}

// post lets a source and a gateway go on with one post.
func (x *explorer) post(w snapshot, k uint8, visit func(snapshot)) bool {
	next := w
	if (w.posts[k] == received || w.posts[k] == published) && w.crashes > 0 {
		crashed := w
		crashed.crashes--
		crashed.posts[k] = unsent // no answer: the source sends again
		if x.mutant == earlyReply && w.posts[k] == received {
			crashed.posts[k] = replied
		}
		visit(crashed)
	}
	switch w.posts[k] {
	case unsent:
		if k == resolvedB && w.posts[alertB] != replied {
			return false
		}
		next.posts[k] = received
	case received:
		if next.pending[k] == maxPending {
			return false
		}
		next.pending[k]++
		next.posts[k] = published
	case published:
		next.posts[k] = replied
	default:
		return false
	}
	visit(next)
	return true
}

// work lets one writer go on.
func (x *explorer) work(w snapshot, i int, visit func(snapshot)) bool {
	me := w.workers[i]
	if me.phase == idle {
		any := false
		for k := range uint8(kinds) {
			if w.pending[k] == 0 {
				continue
			}
			any = true
			next := w
			next.pending[k]--
			next.workers[i] = worker{phase: taken, kind: k, history: me.history}
			visit(next)
		}
		return any
	}
	if w.crashes > 0 {
		next := w
		next.crashes--
		next.workers[i] = worker{}
		if !x.acknowledged(me) {
			next.pending[me.kind]++
		}
		visit(next)
	}
	switch me.phase {
	case taken:
		visit(x.read(w, i))
	case decided:
		if me.kind == alertB {
			x.claim(w, i, visit)
		} else {
			x.commit(w, i, visit)
		}
	case claimed:
		x.open(w, i, visit)
	case withdrawing:
		next := w
		if next.pulls[me.episode-1] == openPull {
			next.pulls[me.episode-1] = closedPull
		}
		x.end(&next, i, false)
		visit(next)
	case ending:
		next := w
		next.settled |= 1 << me.kind
		if me.acts {
			next.acted |= 1 << me.kind
		}
		next.workers[i] = worker{history: me.history}
		visit(next)
	}
	return true
}

// acknowledged reports whether the bus has forgotten the event in hand.
func (x *explorer) acknowledged(me worker) bool {
	return x.mutant == earlyAck || x.mutant == recordBeforeWrite && me.acts
}

// end leaves a decision to be acknowledged.
func (x *explorer) end(w *snapshot, i int, acts bool) {
	w.workers[i].phase, w.workers[i].acts = ending, acts
}

// read takes the branch's head and decides by what is below it.
func (x *explorer) read(w snapshot, i int) snapshot {
	me := &w.workers[i]
	me.base = w.length
	if x.mutant != staleHistory || me.history == 0 {
		me.history = w.length
	}
	q := question{kind: me.kind, pulls: w.pulls}
	for _, c := range w.main[:me.history] {
		if me.kind <= alertA1 && c == x.key(me.kind) {
			q.changes++
		}
	}
	for e, p := range q.pulls {
		if p == onlyBranch { // no pull request is found for it
			q.pulls[e] = noPull
		}
	}
	a := x.decide(q)
	me.episode = a.episode
	switch a.reason {
	case amend.ReasonAct:
		me.phase = decided
		if x.mutant == recordBeforeWrite {
			w.settled |= 1 << me.kind
			w.acted |= 1 << me.kind
			me.acts = true
		}
	case amend.ReasonWithdrawn:
		me.phase = withdrawing
	default:
		x.end(&w, i, false)
	}
	return w
}

// silent visits what follows when the answer to a write is lost: the event fails
// and comes again.
func (x *explorer) silent(w snapshot, i int, visit func(snapshot)) {
	if w.silences == 0 {
		return
	}
	me := w.workers[i]
	w.silences--
	if x.mutant == repeatUnknown {
		w.workers[i].base = w.length
	} else {
		w.workers[i] = worker{history: me.history}
		if x.mutant != dropFailed && !x.acknowledged(me) {
			w.pending[me.kind]++
		}
	}
	visit(w)
}

// commit moves the branch from the base to a commit on it.
func (x *explorer) commit(w snapshot, i int, visit func(snapshot)) {
	me := w.workers[i]
	next := w
	switch {
	case w.length == me.base || x.mutant == blindRebase:
	case x.mutant == forcePush:
		for _, c := range w.main[me.base:w.length] {
			if c == foreign {
				next.lost++
			}
		}
		next.length = me.base
	default:
		next.workers[i].phase = taken // somebody else was first: read and decide again
		visit(next)
		return
	}
	if next.length == maxMain {
		return
	}
	next.main[next.length] = x.key(me.kind)
	next.length++
	x.silent(next, i, visit)
	x.end(&next, i, true)
	visit(next)
}

// claim creates the branch of the episode, or adopts the one that is there.
func (x *explorer) claim(w snapshot, i int, visit func(snapshot)) {
	me := w.workers[i]
	if me.episode > maxPulls {
		return
	}
	next := w
	at := &next.pulls[me.episode-1]
	switch {
	case x.mutant == unclaimed:
		for e, p := range w.pulls { // any name will do
			if p == noPull {
				at = &next.pulls[e]
				break
			}
		}
		*at = openPull
		x.end(&next, i, true)
		visit(next)
		return
	case *at == noPull:
		*at = onlyBranch
	case x.mutant == notAdopted:
		x.end(&next, i, true)
		visit(next)
		return
	}
	x.silent(next, i, visit)
	next.workers[i].phase = claimed
	visit(next)
}

// open opens the pull request of a branch, which has at most one that is open.
func (x *explorer) open(w snapshot, i int, visit func(snapshot)) {
	next := w
	at := &next.pulls[w.workers[i].episode-1]
	if *at == onlyBranch {
		*at = openPull
	}
	x.silent(next, i, visit)
	x.end(&next, i, true)
	visit(next)
}

// wrong says what must never be, whatever happened.
func (w snapshot) wrong() string {
	changes, open := 0, 0
	for _, c := range w.main[:w.length] {
		if c != foreign {
			changes++
		}
	}
	for _, p := range w.pulls {
		if p == openPull {
			open++
		}
	}
	switch {
	case changes > 1:
		return "I1: two commits answer one alert"
	case open > 1:
		return "I1: two pull requests of one incident are open"
	case w.lost > 0:
		return "I6: somebody else's commit is gone"
	}
	return ""
}

// unfinished says what must not be when nothing goes on.
func (w snapshot) unfinished() string {
	for k := range uint8(kinds) {
		if w.posts[k] == replied && w.settled&(1<<k) == 0 {
			return fmt.Sprintf("I2: event %d was accepted and has no decision", k)
		}
	}
	changes, pulls := 0, 0
	for _, c := range w.main[:w.length] {
		if c != foreign {
			changes++
		}
	}
	for _, p := range w.pulls {
		if p == openPull || p == closedPull {
			pulls++
		}
	}
	switch {
	case w.acted&(1<<alertA0|1<<alertA1) != 0 && changes == 0, w.acted&(1<<alertB) != 0 && pulls == 0:
		return "I3: a decision to act is recorded, and there is no change"
	case changes == 0:
		return "I9: everything has ended, and the alert is not answered"
	}
	return ""
}

// explore visits everything that can follow and returns how many states there
// are, or the first complaint.
func explore(m mutant, start snapshot) (visited int, complaint string) {
	x := &explorer{mutant: m, known: map[question]answer{}}
	seen := map[snapshot]struct{}{start: {}}
	todo := []snapshot{start}
	for len(todo) > 0 && complaint == "" {
		w := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		goesOn := x.steps(w, func(next snapshot) {
			if _, known := seen[next]; known {
				return
			}
			seen[next] = struct{}{}
			if complaint == "" {
				complaint = next.wrong()
			}
			todo = append(todo, next)
		})
		if !goesOn && complaint == "" {
			complaint = w.unfinished()
		}
	}
	return len(seen), complaint
}

// both is the start with both alerts, oneAlert that with A alone.
func both(crashes, silences, pushes uint8) snapshot {
	return snapshot{main: [maxMain]uint8{foreign}, length: 1, crashes: crashes, silences: silences, pushesToGo: pushes}
}

func oneAlert(crashes, silences, pushes uint8) snapshot {
	w := both(crashes, silences, pushes)
	w.posts[alertB], w.posts[resolvedB] = replied, replied
	w.settled = 1<<alertB | 1<<resolvedB
	return w
}

func TestEveryState(t *testing.T) {
	starts := []snapshot{oneAlert(1, 1, 1), both(1, 0, 0)}
	if *deep {
		starts = []snapshot{oneAlert(3, 2, 2), both(1, 1, 0)}
	}
	began, all := time.Now(), 0
	for _, start := range starts {
		n, complaint := explore(none, start)
		if complaint != "" {
			t.Fatal(complaint)
		}
		if n < 10_000 {
			t.Errorf("only %d states; does the model still move?", n)
		}
		all += n
	}
	t.Attr("states", fmt.Sprint(all))
	t.Attr("took", time.Since(began).Round(time.Millisecond).String())
}

func TestEveryMistakeIsFound(t *testing.T) {
	mistakes := map[mutant]snapshot{
		blindRebase: oneAlert(0, 0, 0), forcePush: oneAlert(0, 0, 1), repeatUnknown: oneAlert(0, 1, 0), staleHistory: oneAlert(0, 0, 0),
		earlyAck: oneAlert(1, 0, 0), earlyReply: oneAlert(1, 0, 0), volatileKey: oneAlert(0, 0, 0), unclaimed: both(1, 0, 0),
		notAdopted: both(1, 0, 0), dropFailed: oneAlert(0, 1, 0), recordBeforeWrite: both(1, 0, 0),
	}
	t.Attr("mistakes", fmt.Sprint(len(mistakes)))
	for m, start := range mistakes {
		t.Run(string(m), func(t *testing.T) {
			n, complaint := explore(m, start)
			if complaint == "" {
				t.Errorf("%d states, and nothing is wrong in any", n)
			}
			t.Logf("after %d states: %s", n, complaint)
			if _, complaint := explore(none, start); complaint != "" {
				t.Errorf("without the mistake: %s", complaint)
			}
		})
	}
}
