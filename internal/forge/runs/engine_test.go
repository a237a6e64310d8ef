package runs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/amendhq/amend/internal/forge/runs"
	"github.com/amendhq/amend/internal/forge/store"
)

// script stands in for the runner: it says how it was called and which event it
// got, and waits until the test lets it go.
const script = `#!/bin/sh
echo "args: $*"
git -C "$3" config remote.origin.url
while [ $# -gt 0 ]; do
  if [ "$1" = --eventpath ]; then event=$2; fi
  shift
done
cat "$event"
while [ ! -e "$GATE" ]; do sleep 0.01; done
grep -q fail "$event" && exit 1
exit 0
`

type rig struct {
	t      *testing.T
	engine *runs.Engine
	event  runs.Event
	gate   string
	config runs.Config

	revoked atomic.Int32
}

func newRig(t *testing.T, parallel int) *rig {
	t.Helper()
	dir := t.TempDir()
	runner := filepath.Join(dir, "runner")
	if err := os.WriteFile(runner, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	bare := filepath.Join(dir, "env.git")
	if err := store.Create(t.Context(), bare); err != nil {
		t.Fatal(err)
	}
	repo, err := store.Open(bare)
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	if err := repo.Import(t.Context(), t.TempDir(), "empty"); err != nil {
		t.Fatal(err)
	}
	head, err := repo.Ref("refs/heads/main")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, gate: filepath.Join(dir, "gate")}
	r.config = runs.Config{
		Dir: filepath.Join(dir, "runs"), Runner: runner, Parallel: parallel, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Env: []string{"PATH=" + os.Getenv("PATH"), "GATE=" + r.gate},
		Token: func(string, map[string]string) (string, func()) {
			return "s3cret", func() { r.revoked.Add(1) }
		},
	}
	if r.engine, err = runs.Open(r.config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.engine.Close)
	r.event = runs.Event{Repo: "acme/env", Dir: bare, URL: "http://127.0.0.1:1", Branch: "main", SHA: string(head.ID), Actor: "me"}
	return r
}

// dispatch starts a workflow with the given concurrency.
func (r *rig) dispatch(concurrency, payload string) {
	r.t.Helper()
	event := r.event
	event.Type, event.Payload = "x", json.RawMessage(fmt.Sprintf(`{"say":%q}`, payload))
	event.Files = map[string][]byte{".github/workflows/w.yml": []byte("on: repository_dispatch\n" + concurrency)}
	if err := r.engine.Dispatch(r.t.Context(), event); err != nil {
		r.t.Fatal(err)
	}
}

// wait polls until the states of the runs, oldest first, are as wanted.
func (r *rig) wait(want ...string) {
	r.t.Helper()
	var got []string
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		got = nil
		for _, run := range r.engine.List("acme/env") {
			state := run.Status
			if state == "completed" {
				state = run.Conclusion
			}
			got = append([]string{state}, got...)
		}
		if strings.Join(got, " ") == strings.Join(want, " ") {
			return
		}
	}
	r.t.Fatalf("runs are %v, want %v", got, want)
}

func (r *rig) open() {
	r.t.Helper()
	if err := os.WriteFile(r.gate, nil, 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func TestGroupKeepsTheNewest(t *testing.T) {
	r := newRig(t, 4)
	for range 3 {
		r.dispatch("concurrency: g", "ok")
	}
	r.wait("in_progress", "cancelled", "pending")
	r.open()
	r.wait("success", "cancelled", "success")
}

func TestCancelInProgress(t *testing.T) {
	r := newRig(t, 4)
	r.dispatch("concurrency: {group: g, cancel-in-progress: true}", "ok")
	r.wait("in_progress")
	r.dispatch("concurrency: {group: g, cancel-in-progress: true}", "ok")
	r.wait("cancelled", "in_progress")
	r.open()
	r.wait("cancelled", "success")
}

func TestQueueMax(t *testing.T) {
	r := newRig(t, 4)
	for range 3 {
		r.dispatch("concurrency: {group: g, queue: max}", "ok")
	}
	r.wait("in_progress", "pending", "pending")
	r.open()
	r.wait("success", "success", "success")
}

func TestParallelRunsAreBounded(t *testing.T) {
	r := newRig(t, 1)
	r.dispatch("", "ok")
	r.wait("in_progress")
	r.dispatch("", "fail")
	r.wait("in_progress", "queued")
	r.open()
	r.wait("success", "failure")
	log, err := r.engine.Log("acme/env", 1)
	if err != nil || !strings.Contains(string(log), `"client_payload":{"say":"ok"}`) {
		t.Errorf("log: %s, %v", log, err)
	}
	if strings.Contains(string(log), "s3cret") || !strings.Contains(string(log), "http://127.0.0.1:1/acme/env.git\n") {
		t.Errorf("the token is in an argument or in the address of the clone, or that is wrong:\n%s", log)
	}
	if got := r.revoked.Load(); got != 2 {
		t.Errorf("%d tokens of 2 runs are revoked", got)
	}
	if _, err := r.engine.Log("acme/other", 1); err == nil {
		t.Error("another repository reads the log")
	}
}

func TestCloseCancelsAndReopenRemembers(t *testing.T) {
	r := newRig(t, 1)
	r.dispatch("concurrency: g", "ok")
	r.dispatch("concurrency: g", "ok")
	r.wait("in_progress", "pending")
	r.engine.Close()
	r.wait("cancelled", "cancelled")
	if err := r.engine.Dispatch(context.Background(), r.event); err == nil {
		t.Error("a closed engine takes events")
	}
	again, err := runs.Open(r.config)
	if err != nil {
		t.Fatal(err)
	}
	r.engine = again
	r.wait("cancelled", "cancelled")
	r.open()
	r.dispatch("", "ok")
	r.wait("cancelled", "cancelled", "success")
}

func TestUnreadableWorkflowFailsLoudly(t *testing.T) {
	r := newRig(t, 1)
	r.dispatch("concurrency: [", "ok")
	r.dispatch("concurrency: '${{ hashFiles() }}'", "ok")
	r.wait("startup_failure", "startup_failure")
	if log, err := r.engine.Log("acme/env", 2); err != nil || !strings.Contains(string(log), "not supported") {
		t.Errorf("log: %s, %v", log, err)
	}
}
