package writer_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/policy"
	"github.com/amendhq/amend/internal/writer"
)

// decide stands for the pipeline: the real rules of the policy, and an edit
// that is easy to follow. The workload "web" of an alert is the line "web=N" of
// the file that the alert names; acting makes it N+1.
func decide(w pipeline.World, e amend.Event) (amend.Decision, error) {
	return decideBy(policy.Policy{}, w, e)
}

// decideBy is decide by the rules of a policy for storms.
func decideBy(p policy.Policy, w pipeline.World, e amend.Event) (amend.Decision, error) {
	labels := e.Alert.Labels
	if labels["fail"] != "" {
		return amend.Decision{}, amend.Errorf(amend.Transient, "decide", "the world cannot be read")
	}
	playbook := policy.Playbook{Name: "p", Cooldown: policy.Duration(time.Hour), Mute: policy.Duration(24 * time.Hour)}
	object := amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: labels["name"]}
	req := amend.Request{Event: e, Playbook: "p", Action: "increment", Workload: amend.Workload{ObjectRef: object}, Mode: amend.Mode(labels["mode"])}
	episodes, err := w.Past.Episodes(req.Incident(), req.Mode)
	if err != nil {
		return amend.Decision{}, err
	}
	_, err = fs.Stat(w.Tree, pipeline.StopFile)
	in := policy.Input{Policy: p, Playbook: playbook, Request: req, Episodes: episodes, Stopped: err == nil, Now: w.Now}
	if p.Storm.Changes > 0 {
		if in.Records, err = w.Past.Records(w.Now.Add(-p.Memory()), req.Mode); err != nil {
			return amend.Decision{}, err
		}
	}
	d := policy.Decide(in)
	if !d.Acts() {
		return d, nil
	}
	path, err := amend.ParseRepoPath(labels["file"])
	if err != nil {
		return amend.Decision{}, err
	}
	content, err := fs.ReadFile(w.Tree, path.String())
	if err != nil {
		return amend.Decision{}, err
	}
	if d.Plan, err = increment(content, req, path); d.Plan == nil {
		d.Reason, d.Episode = amend.ReasonNotInRepo, d.Episode-1
		return d, err
	}
	d.Plan.Episode = d.Episode
	return d, err
}

// increment plans the edit of the workload's line, nil when there is none.
func increment(content []byte, req amend.Request, path amend.RepoPath) (*amend.Plan, error) {
	object := req.Workload.ObjectRef
	lines := strings.Split(string(content), "\n")
	for i, line := range lines {
		if old, ok := strings.CutPrefix(line, object.Name+"="); ok {
			var n int
			if _, err := fmt.Sscan(old, &n); err != nil {
				return nil, err
			}
			lines[i] = fmt.Sprintf("%s=%d", object.Name, n+1)
			edit := amend.Edit{Object: object, Field: "n", Target: amend.Target{Path: path, Line: i + 1, EndLine: i + 1}, Old: old, New: fmt.Sprint(n + 1)}
			return &amend.Plan{Request: req, Edits: []amend.Edit{edit},
				RenderDiff: []amend.FieldChange{{Object: object, Field: "n", Old: edit.Old, New: edit.New}},
				Files:      map[amend.RepoPath][]byte{path: []byte(strings.Join(lines, "\n"))}}, nil
		}
	}
	return nil, nil
}

// firing is an alert that started just now, about one line of a file.
func firing(name string, mode amend.Mode, file string) amend.Event {
	return amend.Event{ID: "firing." + name, Identity: name, Time: time.Now(), Alert: amend.Alert{
		Status: amend.Firing, StartsAt: time.Now(),
		Labels: map[string]string{"alertname": "Down", "name": name, "mode": string(mode), "file": file},
	}}
}

func resolved(e amend.Event) amend.Event {
	e.ID = "resolved." + e.Identity
	e.Alert.Status = amend.Resolved
	return e
}

func incident(name string) string {
	return amend.IncidentID("p", amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: name})
}

// A bench is a hub, its local copy and the writer that works at present.
type bench struct {
	t            testing.TB
	hub          *hub
	mirror       *mirror
	decide       func(pipeline.World, amend.Event) (amend.Decision, error)
	check        func(fs.FS, amend.Record) (amend.Check, error)
	owners       writer.Owners
	prover       writer.Prover
	keeper       writer.Keeper
	alternatives func(pipeline.World, pipeline.Proposal) ([]amend.Alternative, error)
	writer       *writer.Writer
	vouched      string        // the commit that the writer vouched for last
	passed       time.Duration // on top of the clock
	stop         func()        // kills the writer and waits for its end
}

// onBench runs a test with a clock of its own, which moves only when it sleeps.
func onBench(t *testing.T, files map[string]string, test func(*testing.T, *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, files)
		defer func() { b.stop() }()
		test(t, b)
	})
}

func newBench(t testing.TB, files map[string]string) *bench {
	b := &bench{t: t, decide: decide, stop: func() {}}
	b.hub = newHub(b.now, files)
	b.mirror = &mirror{hub: b.hub, known: map[string]bool{}}
	b.restart()
	return b
}

func (b *bench) now() time.Time { return time.Now().Add(b.passed) }

// restart drops the writer and all that it knew, as a crash does. The new one
// starts to work with run.
func (b *bench) restart() {
	b.stop()
	b.writer = writer.New(writer.Config{
		Host: site{b.hub, b.mirror}, Repo: b.mirror, Branch: "main", Now: b.now, Log: slog.New(slog.DiscardHandler),
		Decide: func(w pipeline.World, e amend.Event) (amend.Decision, error) { return b.decide(w, e) },
		Check:  func(tree fs.FS, r amend.Record) (amend.Check, error) { return b.check(tree, r) },
		Alternatives: func(w pipeline.World, of pipeline.Proposal) ([]amend.Alternative, error) {
			if b.alternatives == nil {
				return nil, nil
			}
			return b.alternatives(w, of)
		},
		Proposed: func(_ int, commit string) { b.vouched = commit },
		Owners:   b.owners, Prover: b.prover, Keeper: b.keeper, KeepEvery: time.Minute, Committer: mail,
	})
	b.stop = func() {}
}

func (b *bench) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); b.writer.Run(ctx) }()
	b.stop = func() { cancel(); <-done }
}

type outcome struct {
	amend.Decision
	err error
}

// send gives the events to a new writer, in their order and so that they meet
// in one batch, and returns how each ended.
func (b *bench) send(events ...amend.Event) []outcome {
	b.stop()
	b.restart()
	return b.deliver(events...)
}

// deliver is send to a writer that does not run yet.
func (b *bench) deliver(events ...amend.Event) []outcome {
	wait := b.queue(events...)
	b.run()
	return wait()
}

// again is send to the writer that runs, while it is busy with another event.
func (b *bench) again(events ...amend.Event) []outcome {
	busy := make(chan struct{})
	decide := b.decide
	b.decide = func(w pipeline.World, e amend.Event) (amend.Decision, error) {
		if e.ID == "busy" {
			<-busy
			return amend.Decision{Reason: amend.ReasonNoPlaybook}, nil
		}
		return decide(w, e)
	}
	defer func() { b.decide = decide }()
	first := b.queue(amend.Event{ID: "busy"})
	wait := b.queue(events...)
	close(busy)
	first()
	return wait()
}

func (b *bench) queue(events ...amend.Event) (wait func() []outcome) {
	outcomes := make([]outcome, len(events))
	var all sync.WaitGroup
	for i, e := range events {
		all.Go(func() {
			d, err := b.writer.Handle(context.Background(), e, nil)
			outcomes[i] = outcome{d, err}
		})
		synctest.Wait()
	}
	return func() []outcome {
		all.Wait()
		b.rest()
		return outcomes
	}
}

// rest waits until the writer has done what follows its answers.
func (b *bench) rest() {
	if b.hub.pace != nil {
		time.Sleep(time.Second)
	}
	synctest.Wait()
}

func (b *bench) wantReasons(got []outcome, want ...amend.Reason) {
	b.t.Helper()
	for i, o := range got {
		if o.err != nil || o.Reason != want[i] {
			b.t.Errorf("event %d ended in %q, %v; want %q", i, o.Reason, o.err, want[i])
		}
		if o.Acts() != (o.Plan != nil) || o.Acts() && (o.Change == nil || o.Change.Commit == "") {
			b.t.Errorf("event %d: %q with the change %+v", i, o.Reason, o.Change)
		}
	}
}
