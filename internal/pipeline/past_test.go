package pipeline_test

import (
	"errors"
	"fmt"
	"iter"
	"testing"
	"testing/fstest"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
)

// A commit is looked for among so many and no more: each costs a render.
func TestCommitsAreSearchedSoFarAndNoFurther(t *testing.T) {
	s := load(t, "act-revert")
	changed, before := s.past.commits[2], s.past.commits[3]
	for _, c := range []struct {
		others int // that changed nothing, between the alert and the change
		want   amend.Reason
	}{{99, amend.ReasonAct}, {100, amend.ReasonNoHistory}} {
		s.past.commits = nil
		for i := range c.others {
			other := changed
			other.At = s.event.Alert.StartsAt.Add(-time.Duration(i) * time.Second)
			s.past.commits = append(s.past.commits, other)
		}
		s.past.commits = append(s.past.commits, changed, before)
		if d, err := pipeline.New().Decide(s.world(), s.event); err != nil || d.Reason != c.want {
			t.Errorf("after %d commits: %s %s, %v; want %s", c.others, d.Reason, d.Detail, err, c.want)
		}
	}
}

// The first commit of the branch stands on nothing, so it took nothing away.
func TestFirstCommitIsNotTakenBack(t *testing.T) {
	s := load(t, "act-revert")
	s.past.commits = s.past.commits[2:3]
	if d, err := pipeline.New().Decide(s.world(), s.event); err != nil || d.Reason != amend.ReasonNoHistory {
		t.Errorf("%s %s, %v", d.Reason, d.Detail, err)
	}
}

// An alert that claims to be old makes nobody read all of the history.
func TestEarlyStartReadsNoOlderCommits(t *testing.T) {
	s := load(t, "act-revert")
	s.event.Alert.StartsAt = now.Add(-1000 * time.Hour)
	w := s.world()
	w.Past = guarded{s.past, t, now.Add(-9 * time.Hour)}
	if d, err := pipeline.New().Decide(w, s.event); err != nil || d.Reason != amend.ReasonNoHistory {
		t.Errorf("%s %s, %v", d.Reason, d.Detail, err)
	}
}

// guarded fails the test when a commit after the first from before oldest is read.
type guarded struct {
	past
	t      *testing.T
	oldest time.Time
}

func (g guarded) Commits() iter.Seq2[pipeline.Commit, error] {
	return func(yield func(pipeline.Commit, error) bool) {
		for c, err := range g.past.Commits() {
			if !yield(c, err) {
				return
			}
			if !c.At.After(g.oldest) {
				g.t.Errorf("the commit of %v did not end the search", c.At)
			}
		}
	}
}

// A history that cannot be read now is no decision; one that is cut off for good
// says so.
func TestCommitsThatCannotBeRead(t *testing.T) {
	lost := errors.New("lost")
	s := load(t, "act-revert")
	s.past.err = lost
	if d, err := pipeline.New().Decide(s.world(), s.event); amend.KindOf(err) != amend.Transient || !errors.Is(err, lost) {
		t.Errorf("ended in %q, %v", d.Reason, err)
	}
	s.past.err = amend.Refusef(amend.ReasonNoHistory, "the clone is shallow")
	if d, err := pipeline.New().Decide(s.world(), s.event); err != nil || d.Reason != amend.ReasonNoHistory {
		t.Errorf("ended in %q, %v", d.Reason, err)
	}
	s = load(t, "act-revert")
	s.past.commits[2].Tree = broken{s.past.commits[2].Tree, "base/web.yaml"}
	if d, err := pipeline.New().Decide(s.world(), s.event); amend.KindOf(err) != amend.Transient {
		t.Errorf("with a lost file: %q, %v", d.Reason, err)
	}
}

// A state that does not render, next to one that does, leaves open what the
// commit between them changed.
func TestCommitsThatDoNotRender(t *testing.T) {
	for broken, want := range map[int]amend.Reason{1: amend.ReasonChangedSince, 2: amend.ReasonChangedSince, 3: amend.ReasonChangedSince} {
		s := load(t, "act-revert")
		s.past.commits[broken].Tree.(fstest.MapFS)["base/web.yaml"] = &fstest.MapFile{Data: []byte("kind: [")}
		if d, err := pipeline.New().Decide(s.world(), s.event); err != nil || d.Reason != want {
			t.Errorf("commit %d does not render: %s %s, %v; want %s", broken, d.Reason, d.Detail, err, want)
		}
	}
	s := load(t, "act-revert")
	for i := range s.past.commits {
		s.past.commits[i].Tree = fstest.MapFS{"README": {Data: []byte(fmt.Sprint(i))}}
	}
	if d, err := pipeline.New().Decide(s.world(), s.event); err != nil || d.Reason != amend.ReasonNoHistory {
		t.Errorf("nothing renders: %s %s, %v", d.Reason, d.Detail, err)
	}
}
