package pipeline_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
)

var update = flag.Bool("update", false, "rewrite the want sections of testdata")

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A scene is one testdata/*.txtar: the files of base.txtar with those of the
// scene over them and without those in "remove"; "alert", a status and labels;
// "since", how long it fires; "episodes", each with its number, state and age;
// "records", changes of other incidents, each with its playbook, workload and age;
// "history/N[-ours]/PATH", the versions of one file, the newest first; and
// "commit/AGE[-ours]/PATH", files as they were at the commits of the branch, the
// newest first. What a commit does not name it has as the scene has it.
type scene struct {
	archive *txtar.Archive
	files   fstest.MapFS
	event   amend.Event
	past    past
}

type past struct {
	episodes []amend.Episode
	records  []amend.Record
	reviews  []time.Duration
	versions map[string][]pipeline.Version
	commits  []pipeline.Commit
	err      error
}

func (p past) Episodes(string, amend.Mode) ([]amend.Episode, error) { return p.episodes, nil }

func (p past) Records(time.Time, amend.Mode) ([]amend.Record, error) { return p.records, nil }

func (p past) Reviews(time.Time) ([]time.Duration, error) { return p.reviews, nil }

func (p past) Versions(path amend.RepoPath) iter.Seq2[pipeline.Version, error] {
	return func(yield func(pipeline.Version, error) bool) {
		if p.err != nil {
			yield(pipeline.Version{}, p.err)
			return
		}
		for _, v := range p.versions[path.String()] {
			if !yield(v, nil) {
				return
			}
		}
	}
}

func (p past) Commits() iter.Seq2[pipeline.Commit, error] {
	return func(yield func(pipeline.Commit, error) bool) {
		for i, c := range p.commits {
			c.SHA = strings.Repeat(fmt.Sprint(i+1), 40)
			if !yield(c, p.err) || p.err != nil {
				return
			}
		}
	}
}

// commit notes a file of a commit, which is a new one or the last one noted.
func (p *past) commit(t *testing.T, when string, path string, data []byte) {
	t.Helper()
	ago, ours := strings.CutSuffix(when, "-ours")
	at := now.Add(-age(t, ago))
	if n := len(p.commits); n == 0 || !p.commits[n-1].At.Equal(at) {
		p.commits = append(p.commits, pipeline.Commit{At: at, Ours: ours, Tree: fstest.MapFS{}})
	}
	p.commits[len(p.commits)-1].Tree.(fstest.MapFS)[path] = &fstest.MapFile{Data: data}
}

// fill gives the commits what they have in common with the scene.
func (p *past) fill(files fstest.MapFS) {
	for _, c := range p.commits {
		tree := c.Tree.(fstest.MapFS)
		for name, file := range files {
			if _, own := tree[name]; !own {
				tree[name] = file
			}
		}
	}
}

func load(t *testing.T, name string) scene {
	t.Helper()
	s := scene{files: fstest.MapFS{}, past: past{versions: map[string][]pipeline.Version{}}}
	since := "5m"
	for _, file := range []string{"base", name} {
		archive, err := txtar.ParseFile(filepath.Join("testdata", file+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		s.archive = archive
		for _, f := range archive.Files {
			text := strings.TrimSpace(string(f.Data))
			switch {
			case f.Name == "alert":
				s.event = event(t, text)
			case f.Name == "since":
				since = text
			case f.Name == "episodes":
				s.past.episodes = episodes(t, text)
			case f.Name == "records":
				s.past.records = records(t, text)
			case f.Name == "remove":
				delete(s.files, text)
			case strings.HasPrefix(f.Name, "history/"):
				parts := strings.SplitN(f.Name, "/", 3)
				s.past.versions[parts[2]] = append(s.past.versions[parts[2]], pipeline.Version{Content: f.Data, Ours: strings.HasSuffix(parts[1], "-ours")})
			case strings.HasPrefix(f.Name, "commit/"):
				parts := strings.SplitN(f.Name, "/", 3)
				s.past.commit(t, parts[1], parts[2], f.Data)
			case f.Name != "want":
				s.files[f.Name] = &fstest.MapFile{Data: f.Data}
			}
		}
	}
	s.past.fill(s.files)
	s.event.Alert.StartsAt = now.Add(-age(t, since))
	return s
}

func event(t *testing.T, text string) amend.Event {
	t.Helper()
	words := strings.Fields(text)
	e := amend.Event{ID: "firing.0123", Identity: "0123", Time: now.Add(-time.Second), Alert: amend.Alert{Status: amend.Status(words[0]), Labels: map[string]string{}}}
	for _, w := range words[1:] {
		name, value, ok := strings.Cut(w, "=")
		if !ok {
			t.Fatalf("%q is no label", w)
		}
		e.Alert.Labels[name] = value
	}
	return e
}

func episodes(t *testing.T, text string) []amend.Episode {
	t.Helper()
	var all []amend.Episode
	for line := range strings.Lines(text) {
		var n int
		var state amend.EpisodeState
		var ago string
		if _, err := fmt.Sscan(line, &n, &state, &ago); err != nil {
			t.Fatal(err)
		}
		all = append(all, amend.Episode{N: n, State: state, At: now.Add(-age(t, ago)), Change: amend.Change{Commit: fmt.Sprintf("commit-%d", n)}})
	}
	return all
}

func records(t *testing.T, text string) []amend.Record {
	t.Helper()
	var all []amend.Record
	for line := range strings.Lines(text) {
		var playbook, target, ago string
		if _, err := fmt.Sscan(line, &playbook, &target, &ago); err != nil {
			t.Fatal(err)
		}
		object, err := amend.ParseObjectRef(target)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, amend.Record{Incident: amend.IncidentID(playbook, object), Episode: 1, Action: "restart", Playbook: playbook, Target: target, At: now.Add(-age(t, ago))})
	}
	return all
}

func age(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (s scene) world() pipeline.World { return pipeline.World{Tree: s.files, Past: s.past, Now: now} }

// tell writes what a decision says, as the want section of a scene.
func tell(d amend.Decision) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\nplaybook %q, action %q, mode %q, episode %d\n", d.Reason, d.Detail, d.Playbook, d.Action, d.Mode, d.Episode)
	if d.Change != nil {
		fmt.Fprintf(&b, "change %s\n", d.Change.Commit)
	}
	if d.Plan != nil {
		for _, e := range d.Plan.Edits {
			fmt.Fprintf(&b, "%s:%d %s of %s: %q → %q\n", e.Target.Path, e.Target.Line, e.Field, e.Object, e.Old, e.New)
		}
		b.WriteString(d.Plan.Diff)
	}
	return b.String()
}

func scenes(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range paths {
		if name := strings.TrimSuffix(filepath.Base(p), ".txtar"); name != "base" {
			names = append(names, name)
		}
	}
	return names
}

func TestScenes(t *testing.T) {
	shared := pipeline.New() // what it remembers of one world must not reach another
	seen := map[amend.Reason]bool{}
	for _, name := range scenes(t) {
		t.Run(name, func(t *testing.T) {
			s := load(t, name)
			d, err := shared.Decide(s.world(), s.event)
			if err != nil {
				t.Fatal(err)
			}
			seen[d.Reason] = true
			if !strings.HasPrefix(name, string(d.Reason)) && !strings.HasPrefix(name, "image-") {
				t.Errorf("the scene is named %s and ended in %s", name, d.Reason)
			}
			got := tell(d)
			if again, err := pipeline.New().Decide(s.world(), s.event); err != nil || tell(again) != got {
				t.Errorf("decided anew: %v\n%s", err, tell(again))
			}
			if plans := d.Reason == amend.ReasonAct || d.Reason == amend.ReasonSuggested; plans != (d.Plan != nil) {
				t.Errorf("%s with the plan %+v", d.Reason, d.Plan)
			}
			if *update {
				rewrite(t, name, s.archive, got)
				return
			}
			if diff := cmp.Diff(want(s.archive), got); diff != "" {
				t.Errorf("(-want +got), see -update:\n%s", diff)
			}
		})
	}
	for _, r := range []amend.Reason{
		amend.ReasonAct, amend.ReasonSuggested, amend.ReasonDuplicate, amend.ReasonResolved, amend.ReasonWithdrawn, amend.ReasonNoChange,
		amend.ReasonNoPlaybook, amend.ReasonNoWorkload, amend.ReasonInvalidPolicy, amend.ReasonKillSwitch, amend.ReasonCooldown,
		amend.ReasonStillFiring, amend.ReasonMuted, amend.ReasonBound, amend.ReasonNoHistory, amend.ReasonNotInRepo, amend.ReasonAmbiguous,
		amend.ReasonComputed, amend.ReasonShared, amend.ReasonRemote, amend.ReasonUnsupported, amend.ReasonProtected, amend.ReasonOwnedByHPA,
		amend.ReasonUnproven, amend.ReasonParameter, amend.ReasonChangedSince,
	} {
		if !seen[r] {
			t.Errorf("no scene ends in %s", r)
		}
	}
}

func want(a *txtar.Archive) string {
	for _, f := range a.Files {
		if f.Name == "want" {
			return string(f.Data)
		}
	}
	return ""
}

func rewrite(t *testing.T, name string, a *txtar.Archive, got string) {
	t.Helper()
	files := slices.DeleteFunc(a.Files, func(f txtar.File) bool { return f.Name == "want" })
	data := txtar.Format(&txtar.Archive{Comment: a.Comment, Files: append(files, txtar.File{Name: "want", Data: []byte(got)})})
	if err := os.WriteFile(filepath.Join("testdata", name+".txtar"), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// A plan changes the files of its edits, in the way that its diff shows, and
// leaves the tree that it was made on alone.
func TestPlanHoldsWholeFiles(t *testing.T) {
	s := load(t, "act-scale")
	before := bytes.Clone(s.files["apps/web.yaml"].Data)
	d, err := pipeline.New().Decide(s.world(), s.event)
	if err != nil || d.Plan == nil {
		t.Fatalf("%+v, %v", d, err)
	}
	for path, content := range d.Plan.Files {
		want := strings.Replace(string(before), "replicas: 2 ", "replicas: 4 ", 1)
		if path.String() != "apps/web.yaml" || string(content) != want {
			t.Errorf("%s becomes\n%s", path, content)
		}
	}
	if !bytes.Equal(before, s.files["apps/web.yaml"].Data) {
		t.Error("the tree was changed")
	}
}

// broken fails to read one file, as a copy with a lost object does.
type broken struct {
	fs.FS
	name string
}

func (b broken) Open(name string) (fs.File, error) {
	if name == b.name {
		return nil, errors.New("input/output error")
	}
	return b.FS.Open(name)
}

// What cannot be read now is no decision: it would be a wrong one.
func TestUnreadableWorldIsNoDecision(t *testing.T) {
	for _, name := range []string{".amend/policy.yaml", pipeline.StopFile, "apps/web.yaml"} {
		s := load(t, "act-restart")
		w := s.world()
		w.Tree = broken{s.files, name}
		if d, err := pipeline.New().Decide(w, s.event); err == nil {
			t.Errorf("without %s: %s %s", name, d.Reason, d.Detail)
		}
	}
	for _, lost := range []error{errors.New("lost"), amend.Errorf(amend.NotFound, "read", "no commit"), amend.Errorf(amend.Invalid, "read", "shallow")} {
		s := load(t, "image-previous")
		s.past.err = lost
		d, err := pipeline.New().Decide(s.world(), s.event)
		if amend.KindOf(err) != amend.Transient || !errors.Is(err, lost) {
			t.Errorf("with a history that fails as %v: %s, %v", lost, d.Reason, err)
		}
	}
}

func TestHistoryIsSearchedSoFarAndNoFurther(t *testing.T) {
	s := load(t, "no-history")
	present := s.files["apps/web.yaml"].Data
	older := bytes.Replace(present, []byte("web:3"), []byte("web:2"), 1)
	for _, c := range []struct {
		versions int // with the present image, before the older one
		want     amend.Reason
	}{{199, amend.ReasonAct}, {200, amend.ReasonNoHistory}} {
		var all []pipeline.Version
		for range c.versions {
			all = append(all, pipeline.Version{Content: present})
		}
		s.past.versions["apps/web.yaml"] = append(all, pipeline.Version{Content: older})
		if d, err := pipeline.New().Decide(s.world(), s.event); err != nil || d.Reason != c.want {
			t.Errorf("after %d versions: %s, %v; want %s", c.versions, d.Reason, err, c.want)
		}
	}
}

func TestPolicyIsReadAgainWhenItChanges(t *testing.T) {
	p := pipeline.New()
	for _, name := range []string{"act-restart", "invalid-policy", "act-restart", "invalid-policy-missing", "act-restart"} {
		s := load(t, name)
		d, err := p.Decide(s.world(), s.event)
		if err != nil || !strings.HasPrefix(name, string(d.Reason)) {
			t.Errorf("%s: %s, %v", name, d.Reason, err)
		}
	}
}

// A library that panics on some YAML costs the events about that YAML, and not
// the process with everybody else's.
func TestPanicIsAnErrorOfOneEvent(t *testing.T) {
	p := pipeline.New()
	s := load(t, "act-restart")
	w := s.world()
	w.Tree = panicking{s.files, "apps/web.yaml"}
	d, err := p.Decide(w, s.event)
	if amend.KindOf(err) != amend.Internal || d.Reason != "" || !strings.Contains(err.Error(), "on purpose") {
		t.Fatalf("ended in %q, %v", d.Reason, err)
	}
	if said := err.Error(); len(said) > 600 || !strings.Contains(said, "pipeline_test.go:") {
		t.Errorf("it does not say in short where: %s", said)
	}
	if said := amend.Public(err); strings.Contains(said, "on purpose") {
		t.Errorf("it tells everybody what the library said: %s", said)
	}
	if d, err := p.Decide(s.world(), s.event); err != nil || !d.Acts() {
		t.Errorf("the next event ended in %q, %v", d.Reason, err)
	}
}

// panicking is a tree with one file on which a reader falls over.
type panicking struct {
	fs.FS
	name string
}

func (p panicking) Open(name string) (fs.File, error) {
	if name == p.name {
		panic("on purpose" + strings.Repeat("!", 1000))
	}
	return p.FS.Open(name)
}
