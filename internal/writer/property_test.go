package writer_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/writer"
)

// world is a random run: events, people who push, merge, close and reopen, a
// host that fails before or after it has done what was asked, and crashes.
type world struct {
	*bench
	human  []string       // commits of people, none of which may get lost
	acted  map[string]int // decisions to act, by episode
	luck   *rand.Rand     // of the host; the writer's goroutine must not draw from T
	faults int            // how many of 100 calls fail
	slow   bool           // calls take their time, each its own
	dead   bool           // the writer crashed: nothing that it does reaches the host
}

var names = []string{"a", "b", "c", "d"}

// TestNoFaultMakesASecondChange is the promise of the package: whatever fails
// and whenever it crashes, an episode has at most one live change, nobody
// else's commit is lost, and every event ends in a decision or in an error.
func TestNoFaultMakesASecondChange(t *testing.T) {
	runs := 0
	synctest.Test(t, func(t *testing.T) {
		// Without its deadline: a bubble has none.
		rapid.Check(struct{ rapid.TB }{t}, func(rt *rapid.T) {
			runs++
			files := map[string]string{"shared": "a=1\nb=1\nc=1\nd=1\nhuman=0"}
			for _, n := range names {
				files[n] = n + "=1"
			}
			w := &world{bench: newBench(t, files), acted: map[string]int{}}
			w.luck = rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "luck"), 0))
			if rapid.Bool().Draw(rt, "prover") {
				w.prover = w
				w.restart()
			}
			w.run()
			defer func() { w.stop() }()
			w.hub.fault, w.hub.pace, w.hub.lags = w.fault, w.pace, w.lags
			rt.Repeat(map[string]func(*rapid.T){
				"events": w.events,
				"crash":  func(*rapid.T) { w.revive() },
				"weather": func(rt *rapid.T) {
					w.faults = rapid.SampledFrom([]int{0, 10, 40}).Draw(rt, "faults")
					w.slow = rapid.Bool().Draw(rt, "slow")
				},
				"wait": func(rt *rapid.T) {
					w.passed += time.Duration(rapid.IntRange(1, 26*60).Draw(rt, "minutes")) * time.Minute
				},
				"sweep":  func(*rapid.T) { _ = w.writer.Sweep(t.Context()); w.rest() },
				"revert": w.takeBack,
				"push":   func(*rapid.T) { w.push() },
				"pull":   w.pull,
				"lose":   func(*rapid.T) { w.mirror.lost = true },
				"":       w.check,
			})
		})
	})
	t.Attr("schedules", fmt.Sprint(runs))
}

// fault runs inside of a call: it may fail it, lose its answer, or let a person
// push first.
func (w *world) fault(call string) (before, after error) {
	if call == "update branch" && w.luck.IntN(10) == 0 {
		w.human = append(w.human, w.hub.pushLocked("human", humanEdit))
	}
	if w.dead {
		return amend.Errorf(amend.Transient, call, "dead"), nil
	}
	if w.luck.IntN(100) >= w.faults {
		return nil, nil
	}
	switch w.luck.IntN(5) {
	case 0:
		return amend.Errorf(amend.Transient, call, "not done"), nil
	case 1:
		return amend.Refusef(amend.ReasonProtected, "%s is forbidden", call), nil
	case 2:
		w.dead = true
		return amend.Errorf(amend.Transient, call, "crashed before"), nil
	case 3:
		w.dead = true
		return nil, amend.Errorf(amend.Transient, call, "crashed after")
	default:
		return nil, amend.Errorf(amend.Transient, call, "done, and the answer lost")
	}
}

// pace has answers overtake each other.
func (w *world) pace() time.Duration {
	if !w.slow {
		return 0
	}
	return time.Duration(w.luck.IntN(300)) * time.Millisecond
}

// lags has a slow host name heads that were.
func (w *world) lags() bool { return w.slow && w.luck.IntN(6) == 0 }

// Prove implements writer.Prover: it sees what the host has, and now and then it
// does not like it.
func (w *world) Prove(_ context.Context, p writer.Proof) error {
	return w.hub.call("prove", func() error {
		if w.luck.IntN(10) == 0 {
			return amend.Refusef(amend.ReasonUnproven, "another field changes too")
		}
		if c := w.hub.commits[p.Commit]; c == nil || !slices.Equal(c.parents, []string{p.Base}) {
			w.t.Errorf("%s does not follow %s", p.Commit, p.Base)
		}
		return nil
	})
}

func (w *world) revive() {
	w.restart()
	w.dead = false
	w.run()
}

func humanEdit(files map[string]string) {
	files["shared"] = strings.Replace(files["shared"], "human=", "human=1", 1)
}

func (w *world) push() { w.human = append(w.human, w.hub.push("human", humanEdit)) }

// events delivers a batch to a writer that works or, if it crashed, to its heir.
func (w *world) events(rt *rapid.T) {
	batch := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) amend.Event {
		name := rapid.SampledFrom(names).Draw(rt, "name")
		mode, file := amend.Commit, "shared"
		if name > "b" {
			mode, file = amend.PullRequest, name
		}
		e := firing(name, mode, file)
		e.Time, e.Alert.StartsAt = w.now(), w.now()
		if rapid.IntRange(0, 3).Draw(rt, "resolved") == 0 {
			return resolved(e)
		}
		return e
	}), 1, 6).Draw(rt, "batch")
	if w.dead {
		w.revive()
	}
	deliver := w.again
	if w.slow { // they come while the host answers about those before
		deliver = func(batch ...amend.Event) []outcome { return w.queue(batch...)() }
	}
	for i, o := range deliver(batch...) {
		switch {
		case o.err != nil:
			if o.Reason != "" {
				rt.Fatalf("event %d ended in %q and in %v", i, o.Reason, o.err)
			}
		case o.Reason == "":
			rt.Fatalf("event %d ended in nothing", i)
		case o.Acts():
			w.acted[amend.Branch(o.Incident, o.Episode)]++
			if o.Change == nil || w.hub.commits[o.Change.Commit] == nil {
				rt.Fatalf("event %d acted and made %+v", i, o.Change)
			}
			if o.Change.Kind == amend.KindCommit && !w.hub.descends(w.hub.branches["main"], o.Change.Commit) {
				rt.Fatalf("event %d acted, and its commit is not in the branch", i)
			}
		case o.Reason == amend.ReasonDuplicate && (o.Change == nil || w.hub.commits[o.Change.Commit] == nil):
			rt.Fatalf("event %d is a duplicate of %+v", i, o.Change)
		}
	}
}

// pull lets a person end one of the open pull requests.
func (w *world) pull(rt *rapid.T) {
	var open []*request
	for _, p := range w.hub.pulls {
		if p.State == amend.EpisodeOpen {
			open = append(open, p)
		}
	}
	if len(open) == 0 {
		return
	}
	p := rapid.SampledFrom(open).Draw(rt, "pull")
	if rapid.Bool().Draw(rt, "merge") {
		w.hub.merge(p)
		return
	}
	p.State, p.At = amend.EpisodeDeclined, w.now()
}

// takeBack reverts one of the changes that landed, maybe not for the first time.
func (w *world) takeBack(rt *rapid.T) {
	landed := w.hub.landed()
	if len(landed) == 0 {
		return
	}
	slices.SortFunc(landed, func(a, b amend.Record) int { return strings.Compare(a.Commit, b.Commit) })
	r := rapid.SampledFrom(landed).Draw(rt, "change")
	d, err := w.writer.Revert(context.Background(), amend.Reversal{Commit: r.Commit, At: w.now()}, nil)
	w.rest()
	switch {
	case err != nil && d.Reason != "":
		rt.Fatalf("a revert ended in %q and in %v", d.Reason, err)
	case err == nil && d.Reason == amend.ReasonReverted:
		if d.Change == nil || !w.hub.descends(w.hub.branches["main"], d.Change.Commit) {
			rt.Fatalf("%s was reverted by %+v, which is not in the branch", r.Commit, d.Change)
		}
	case err == nil && d.Reason != amend.ReasonChangedSince:
		rt.Fatalf("a revert ended in %q", d.Reason)
	}
}

// checkReverts holds that a change is taken back at most once, and exactly.
func (w *world) checkReverts(rt *rapid.T) {
	by, merges := map[string]string{}, map[string]string{}
	for sha, c := range w.hub.walk(w.hub.branches["main"]) {
		for _, p := range c.parents[min(1, len(c.parents)):] {
			merges[p] = sha
		}
		if taken, ok := ledger.Reverts(c.message); ok {
			if by[taken] != "" {
				rt.Fatalf("%s was taken back by %s and by %s", taken, by[taken], sha)
			}
			by[taken] = sha
		}
	}
	for taken, sha := range by {
		landing := w.hub.commits[cmp.Or(merges[taken], taken)]
		before := w.hub.commits[landing.parents[0]].files
		revert := w.hub.commits[sha]
		for name, held := range w.hub.commits[revert.parents[0]].files {
			want := held
			if landing.files[name] != before[name] {
				want = before[name]
				if held != landing.files[name] {
					rt.Fatalf("%s was taken back from %q, which the change did not write", name, held)
				}
			}
			if revert.files[name] != want {
				rt.Fatalf("after the revert %s holds %q, want %q", name, revert.files[name], want)
			}
		}
	}
}

func (w *world) check(rt *rapid.T) {
	w.checkReverts(rt)

	for branch, n := range w.hub.changes() {
		if n > 1 {
			rt.Fatalf("%s has %d live changes", branch, n)
		}
	}
	for branch, n := range w.acted {
		if n > 1 {
			rt.Fatalf("%s was acted on %d times", branch, n)
		}
	}
	for _, sha := range w.human {
		if !w.hub.descends(w.hub.branches["main"], sha) {
			rt.Fatalf("the commit %s of a person is lost", sha)
		}
	}
	if got, want := w.hub.file("shared"), fmt.Sprintf("human=%s0", strings.Repeat("1", len(w.human))); !strings.HasSuffix(got, want) {
		rt.Fatalf("the edits of people were overwritten: %q, want %q", got, want)
	}
}
