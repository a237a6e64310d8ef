package runs

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/amendhq/amend"
)

// Dispatch starts every workflow that listens to the event and returns at
// once; each becomes a run that List shows. A workflow file that cannot be
// read becomes a run that ends as startup_failure. The runs outlive ctx.
func (e *Engine) Dispatch(ctx context.Context, event Event) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return amend.Errorf(amend.Transient, "dispatch", "the host is shutting down")
	}
	for _, file := range slices.Sorted(maps.Keys(event.Files)) {
		if !isWorkflowFile(file) {
			continue
		}
		w, err := parseWorkflow(file, event.Files[file])
		if err == nil && !w.On.matches(event.Type) {
			continue
		}
		if err != nil {
			w = &workflow{Name: file}
		}
		e.add(ctx, event, file, w, err)
	}
	return nil
}

// add makes a run and lets it start, wait or fail; e.mu is held.
func (e *Engine) add(ctx context.Context, event Event, file string, w *workflow, problem error) {
	e.last++
	run := &Run{
		ID: e.last, Repo: event.Repo, Workflow: w.Name, Path: file, EventType: event.Type,
		Branch: event.Branch, SHA: event.SHA, Actor: event.Actor, Status: "queued", Created: e.cfg.Now().UTC(),
	}
	e.runs[run.ID] = run
	problem = errors.Join(problem, w.check())
	if problem == nil && e.cfg.Runner == "" {
		problem = errors.New("no runner is configured")
	}
	var rule concurrency
	if problem == nil && w.Concurrency != nil {
		rule = *w.Concurrency
		run.Group, problem = w.group(event)
	}
	if problem != nil {
		e.fail(run, problem)
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	j := job{event: event, scopes: w.scopes(), start: make(chan struct{}), cancel: cancel}
	e.jobs[run.ID] = j
	e.enter(run, rule)
	e.save(run)
	e.work.Go(func() { e.live(ctx, run.ID, j) })
}

// fail ends a run before it started, with the reason as its log.
func (e *Engine) fail(run *Run, problem error) {
	run.Status, run.Conclusion = "completed", "startup_failure"
	e.save(run)
	if err := os.WriteFile(filepath.Join(e.folder(run.ID), "log.txt"), []byte(problem.Error()+"\n"), 0o644); err != nil {
		e.cfg.Log.Error("keeping the log of a run failed", "run", run.ID, "error", err)
	}
}

// enter takes the run's place in its concurrency group; e.mu is held.
func (e *Engine) enter(run *Run, rule concurrency) {
	if run.Group == "" {
		close(e.jobs[run.ID].start)
		return
	}
	key := run.Repo + "\n" + run.Group
	if e.lanes[key] == nil {
		e.lanes[key] = &lane{}
	}
	result := e.lanes[key].enter(run.ID, rule)
	for _, id := range result.cancelled {
		e.jobs[id].cancel()
	}
	if result.start {
		close(e.jobs[run.ID].start)
	} else {
		run.Status = "pending"
	}
}

// live takes a run through its life.
func (e *Engine) live(ctx context.Context, id int64, j job) {
	defer j.cancel()
	conclusion := "cancelled"
	select {
	case <-ctx.Done():
	case <-j.start:
		e.update(id, func(r *Run) { r.Status = "queued" })
		select {
		case <-ctx.Done():
		case e.slots <- struct{}{}:
			e.update(id, func(r *Run) { r.Status = "in_progress" })
			conclusion = e.execute(ctx, id, j)
			<-e.slots
		}
	}
	e.end(id, conclusion)
}

func (e *Engine) update(id int64, change func(*Run)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(e.runs[id])
	e.save(e.runs[id])
}

// end completes a run and lets the next of its group start.
func (e *Engine) end(id int64, conclusion string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	run := e.runs[id]
	run.Status, run.Conclusion = "completed", conclusion
	e.save(run)
	delete(e.jobs, id)
	key := run.Repo + "\n" + run.Group
	l := e.lanes[key]
	if l == nil || l.running != id {
		return // it was cancelled while it waited, and is in no lane any more
	}
	for next := l.leave(); next != 0; next = l.leave() {
		if j, ok := e.jobs[next]; ok {
			close(j.start)
			return
		}
	}
	delete(e.lanes, key)
}
