package writer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
)

// Asking about many pull requests stays below a rate, and everyone's turn comes.
func TestEveryPullRequestIsAskedAbout(t *testing.T) {
	files := map[string]string{}
	var events []amend.Event
	for _, name := range strings.Fields("a b c d e f g h i j") {
		files[name] = name + "=1"
		events = append(events, firing(name, amend.PullRequest, name))
	}
	onBench(t, files, func(t *testing.T, b *bench) {
		b.keeper = &keeper{rules: pipeline.PullRules{AutoMerge: true}}
		for i := range events {
			events[i].Time, events[i].Alert.StartsAt = b.now(), b.now()
		}
		b.send(events...)
		for round := 1; round <= 3; round++ {
			asked := b.hub.count("ready")
			b.later()
			if n := b.hub.count("ready") - asked; n != 4 {
				t.Errorf("round %d asked %d times, want 4", round, n)
			}
		}
		for _, p := range b.hub.pulls {
			p.green = true
		}
		for range 3 {
			b.later()
		}
		for _, p := range b.hub.pulls {
			if p.State != amend.EpisodeLanded {
				t.Errorf("%s is %s", p.branch, p.State)
			}
		}
	})
}

// Looking after many pull requests about which there is nothing to do costs the
// host as much as looking after one.
func TestLookingIsCheap(t *testing.T) {
	files := map[string]string{}
	var events []amend.Event
	for n := range 30 {
		name := string(rune('a'+n%26)) + string(rune('a'+n/26))
		files[name] = name + "=1"
		events = append(events, firing(name, amend.PullRequest, name))
	}
	onBench(t, files, func(t *testing.T, b *bench) {
		b.keeper = &keeper{rules: pipeline.PullRules{StaleAfter: 1000 * time.Hour}}
		b.send(events...)
		b.later()
		before := len(b.hub.calls)
		b.later()
		if cost := b.hub.calls[before:]; len(cost) > 4 {
			t.Errorf("30 pull requests cost %q", cost)
		}
	})
}

// More bodies than an interval has room for are written in turn.
func TestEveryBodyIsWrittenInTurn(t *testing.T) {
	names := strings.Fields("a b c d e f g h")
	files := map[string]string{}
	for _, name := range names {
		files[name] = name + "=1"
	}
	onBench(t, files, func(t *testing.T, b *bench) {
		b.keeper = &keeper{}
		fire := func() (events []amend.Event) {
			for _, name := range names {
				events = append(events, firing(name, amend.PullRequest, name))
			}
			return events
		}
		b.send(fire()...)
		for range 3 {
			time.Sleep(time.Second)
			b.again(fire()...)
			written := b.hub.count("set body")
			b.later()
			if n := b.hub.count("set body") - written; n != 5 {
				t.Errorf("%d bodies were written, want 5", n)
			}
		}
		for _, p := range b.hub.pulls {
			if !strings.Contains(p.Body, "it still fires") {
				t.Errorf("%s was never written", p.branch)
			}
		}
	})
}
