package pipeline_test

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
)

// So many states are rendered and no more to find a commit; commits that touched
// other files cost nothing.
func TestCommitsAreSearchedSoFarAndNoFurther(t *testing.T) {
	s := load(t, "act-revert")
	changed, before := s.past.commits[2], s.past.commits[3]
	for _, c := range []struct {
		file   string
		others int // that changed nothing, between the alert and the change
		want   amend.Reason
	}{{"base/web.yaml", 98, amend.ReasonAct}, {"base/web.yaml", 99, amend.ReasonNoHistory}, {"README", 300, amend.ReasonAct}} {
		s.past.commits = nil
		for i := range c.others {
			other := changed
			other.At = s.event.Alert.StartsAt.Add(-time.Duration(i) * time.Second / 4)
			other.Tree = with(changed.Tree.(fstest.MapFS), c.file, fmt.Sprintf("# %d\n", i))
			s.past.commits = append(s.past.commits, other)
		}
		s.past.commits = append(s.past.commits, changed, before)
		if d, err := pipeline.New().Decide(s.world(), s.event); err != nil || d.Reason != c.want {
			t.Errorf("after %d commits to %s: %s %s, %v; want %s", c.others, c.file, d.Reason, d.Detail, err, c.want)
		}
	}
}

// with is a copy of a tree in which a file ends in a further text.
func with(files fstest.MapFS, name, text string) fstest.MapFS {
	changed := maps.Clone(files)
	changed[name] = &fstest.MapFile{Data: append(bytes.Clone(files[name].Data), text...)}
	return changed
}

// The first commit of the branch stands on nothing, so it took nothing away.
func TestFirstCommitIsNotTakenBack(t *testing.T) {
	s := load(t, "act-revert")
	s.past.commits = s.past.commits[2:3]
	if d, err := pipeline.New().Decide(s.world(), s.event); err != nil || d.Reason != amend.ReasonNoHistory {
		t.Errorf("%s %s, %v", d.Reason, d.Detail, err)
	}
}

// An alert that claims to be older than a cause may be makes nobody read the
// history.
func TestEarlyStartReadsNoCommits(t *testing.T) {
	s := load(t, "act-revert")
	s.event.Alert.StartsAt = now.Add(-1000 * time.Hour)
	w := s.world()
	w.Past = guarded{s.past, t}
	if d, err := pipeline.New().Decide(w, s.event); err != nil || d.Reason != amend.ReasonNoHistory {
		t.Errorf("%s %s, %v", d.Reason, d.Detail, err)
	}
}

// guarded fails the test when a commit is read.
type guarded struct {
	past
	t *testing.T
}

func (g guarded) Commits() iter.Seq2[pipeline.Commit, error] {
	g.t.Error("the commits were read")
	return g.past.Commits()
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

// Whatever happened in the repo, what is taken back is a commit from before the
// alert that changed what the workload runs.
func TestRevertsOnlyWhatChangedTheWorkload(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	acted := 0
	for range 30 {
		s := load(t, "act-revert")
		s.past.commits = nil
		files := fstest.MapFS{"README": {Data: []byte("x")}}
		maps.Copy(files, s.files)
		changed := map[time.Time]bool{} // by the commit's time
		var commits []pipeline.Commit
		at := now.Add(-3 * time.Hour)
		for n := range 2 + random.IntN(8) {
			verb := random.IntN(6)
			switch verb {
			case 0:
				files = with(files, "README", "more\n")
			case 1:
				files = with(files, "base/web.yaml", fmt.Sprintf("# %d\n", n))
			case 2:
				files = with(files, "dev/kustomization.yaml", fmt.Sprintf("# %d\n", n))
			case 3:
				files = with(files, "prod/kustomization.yaml", fmt.Sprintf("# %d\n", n))
			default:
				files = maps.Clone(files)
				files["base/web.yaml"] = &fstest.MapFile{Data: bytes.Replace(files["base/web.yaml"].Data, []byte("web:"), fmt.Appendf(nil, "web:%d", n+1), 1)}
			}
			commits = append(commits, pipeline.Commit{At: at, Tree: files})
			changed[at] = verb > 3
			at = at.Add(time.Duration(1+random.IntN(40)) * time.Minute)
		}
		slices.Reverse(commits)
		s.past.commits, s.files = commits, files
		d, err := pipeline.New().Decide(s.world(), s.event)
		if err != nil {
			t.Fatal(err)
		}
		if d.Plan == nil {
			continue
		}
		acted++
		i := 0
		for d.Plan.Cause != strings.Repeat(fmt.Sprint(i+1), 40) && i < len(commits) {
			i++
		}
		if i == len(commits) || !changed[commits[i].At] || commits[i].At.After(s.event.Alert.StartsAt) {
			t.Errorf("takes back %.12s, place %d of %d", d.Plan.Cause, i, len(commits))
		}
	}
	if acted < 10 {
		t.Errorf("only %d reverts: the test proves nothing", acted)
	}
}
