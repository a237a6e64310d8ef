// Package runs starts GitHub Actions workflows for repository_dispatch events
// with a real runner (github.com/nektos/act), and keeps GitHub's rules on which
// runs may overlap. Jobs run on the machine itself, so they may use composite
// actions and shell steps, and no containers.
package runs

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/forge/store"
)

// A Run is one execution of one workflow file.
type Run struct {
	ID         int64     `json:"id"`
	Repo       string    `json:"repo"` // owner/name
	Workflow   string    `json:"workflow"`
	Path       string    `json:"path"` // of the workflow file
	EventType  string    `json:"eventType"`
	Branch     string    `json:"branch"`
	SHA        string    `json:"sha"`
	Actor      string    `json:"actor"`
	Group      string    `json:"group,omitempty"` // concurrency group
	Status     string    `json:"status"`          // pending, queued, in_progress or completed
	Conclusion string    `json:"conclusion"`      // success, failure, cancelled or startup_failure, once completed
	Created    time.Time `json:"created"`
	Updated    time.Time `json:"updated"`
}

// An Event is one repository_dispatch.
type Event struct {
	Repo    string          // owner/name
	Dir     string          // the bare repository
	URL     string          // of the host, http://host:port
	Branch  string          // the default branch
	SHA     string          // its head
	Type    string          // event_type
	Payload json.RawMessage // client_payload, a JSON object
	Actor   string
	Files   map[string][]byte // the files below .github/workflows at SHA
}

// A Config says how runs are made.
type Config struct {
	Dir      string                                                                          // where runs and their logs are kept
	Runner   string                                                                          // path of act; empty: every run ends as startup_failure
	Env      []string                                                                        // of the runner, NAME=value; PATH is where jobs find programs
	Parallel int                                                                             // runs at a time, at least 1
	Token    func(repo string, permissions map[string]string) (secret string, revoke func()) // makes the GITHUB_TOKEN of a run
	Now      func() time.Time
	Log      *slog.Logger
}

// An Engine holds the runs of all repositories.
type Engine struct {
	cfg   Config
	slots chan struct{}
	work  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	runs   map[int64]*Run
	lanes  map[string]*lane // by repository and group
	jobs   map[int64]job    // not yet completed
	last   int64
}

// A job is a run that has not ended.
type job struct {
	event  Event
	scopes map[string]string
	start  chan struct{}      // closed when the run may start
	cancel context.CancelFunc // ends the run
}

// Open returns an engine with the runs that an earlier one left in cfg.Dir;
// those that had not ended are cancelled.
func Open(cfg Config) (*Engine, error) {
	e := &Engine{
		cfg: cfg, slots: make(chan struct{}, max(1, cfg.Parallel)),
		runs: map[int64]*Run{}, lanes: map[string]*lane{}, jobs: map[int64]job{},
	}
	files, err := filepath.Glob(filepath.Join(cfg.Dir, "*", "run.json"))
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "open runs", "%w", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, amend.Errorf(amend.Internal, "open runs", "%w", err)
		}
		run := &Run{}
		if err := json.Unmarshal(data, run); err != nil {
			return nil, amend.Errorf(amend.Internal, "open runs", "%s: %w", file, err)
		}
		if run.Status != "completed" {
			run.Status, run.Conclusion = "completed", "cancelled"
		}
		e.runs[run.ID] = run
		e.last = max(e.last, run.ID)
	}
	return e, nil
}

// Close cancels what runs or waits and returns when it has ended.
func (e *Engine) Close() {
	e.mu.Lock()
	e.closed = true
	for _, j := range e.jobs {
		j.cancel()
	}
	e.mu.Unlock()
	e.work.Wait()
}

// List returns the runs of a repository, newest first.
func (e *Engine) List(repo string) []Run {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := []Run{}
	for _, r := range e.runs {
		if r.Repo == repo {
			list = append(list, *r)
		}
	}
	slices.SortFunc(list, func(a, b Run) int { return cmp.Compare(b.ID, a.ID) })
	return list
}

// Get returns one run of a repository.
func (e *Engine) Get(repo string, id int64) (Run, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.runs[id]
	if r == nil || r.Repo != repo {
		return Run{}, amend.Errorf(amend.NotFound, "find run", "%s has no run %d", repo, id)
	}
	return *r, nil
}

// Log returns what a run has printed so far.
func (e *Engine) Log(repo string, id int64) ([]byte, error) {
	if _, err := e.Get(repo, id); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(e.folder(id), "log.txt"))
	if err != nil && !os.IsNotExist(err) {
		return nil, amend.Errorf(amend.Internal, "read log", "%w", err)
	}
	return text, nil
}

func (e *Engine) folder(id int64) string {
	return filepath.Join(e.cfg.Dir, strconv.FormatInt(id, 10))
}

// save writes a run's state; e.mu is held. A state that cannot be written is
// logged: the run itself goes on.
func (e *Engine) save(r *Run) {
	r.Updated = e.cfg.Now().UTC()
	if err := store.SaveJSON(filepath.Join(e.folder(r.ID), "run.json"), r); err != nil {
		e.cfg.Log.Error("keeping the state of a run failed", "run", r.ID, "error", err)
	}
}
