package forge_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend/internal/forge"
)

// recordWorkflow writes the payload into a file with a composite action and
// pushes it, as the record workflow of an env repo does.
var recordWorkflow = map[string]string{
	".github/workflows/record.yml": `name: record
on:
  repository_dispatch:
    types: [amend-record]
permissions:
  contents: write
concurrency:
  group: record-${{ github.ref }}
  queue: max
jobs:
  record:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
      - uses: ./.github/actions/append
        with:
          line: ${{ github.event.client_payload.record.incident }}
        env:
          TOKEN: ${{ secrets.GITHUB_TOKEN }}
`,
	".github/actions/append/action.yml": `name: append
description: Append a line and push it
inputs:
  line:
    required: true
    description: the line
runs:
  using: composite
  steps:
    - shell: bash
      env:
        LINE: ${{ inputs.line }}
      run: |
        test "$GITHUB_REPOSITORY" = acme/env
        echo "token is $TOKEN"
        git -c user.name=bot -c user.email=bot@x pull -q --rebase origin main
        printf '%s\n' "$LINE" >>log.txt
        git add log.txt
        git -c user.name=bot -c user.email=bot@x commit -qm "Record $LINE"
        git push -q origin HEAD:main
`,
	".github/workflows/other.yml": "on: [push]\njobs: {}\n",
}

func (b *bench) dispatch(eventType, payload string) error {
	raw := json.RawMessage(payload)
	_, _, err := b.client.Repositories.Dispatch(b.t.Context(), "acme", "env", github.DispatchRequestOptions{EventType: eventType, ClientPayload: &raw})
	return err
}

// waitRuns waits until n runs exist and none is unfinished.
func (b *bench) waitRuns(n int) []*github.WorkflowRun {
	b.t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		list, _, err := b.client.Actions.ListRepositoryWorkflowRuns(b.t.Context(), "acme", "env", nil)
		if err != nil {
			b.t.Fatal(err)
		}
		done := 0
		for _, run := range list.WorkflowRuns {
			if run.GetStatus() == "completed" {
				done++
			}
		}
		if done == n && list.GetTotalCount() == n {
			return list.WorkflowRuns
		}
	}
	b.t.Fatalf("%d runs did not end", n)
	return nil
}

func (b *bench) log(id int64) string {
	b.t.Helper()
	res, _ := b.call(http.MethodGet, fmt.Sprintf("/api/v3/repos/acme/env/actions/runs/%d/logs", id), "")
	_, text := b.call(http.MethodGet, strings.TrimPrefix(res.Header.Get("Location"), b.url), "")
	return text
}

func TestDispatchRunsARealWorkflow(t *testing.T) {
	runner := os.Getenv("AMEND_TEST_ACT")
	if runner == "" {
		t.Skip("set AMEND_TEST_ACT to the path of act to run workflows for real")
	}
	b := newBench(t, forge.Config{Runner: runner})
	b.withFiles(recordWorkflow)
	for i := range 3 {
		if err := b.dispatch("amend-record", fmt.Sprintf(`{"record":{"incident":"i-%d"}}`, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.dispatch("other-type", `{}`); err != nil {
		t.Fatal(err)
	}
	for _, run := range b.waitRuns(3) {
		log := b.log(run.GetID())
		if run.GetConclusion() != "success" || strings.Contains(log, "ghs_") || !strings.Contains(log, "token is ***") {
			t.Errorf("run %d ended as %s:\n%s", run.GetID(), run.GetConclusion(), log)
		}
	}
	got, err := os.ReadFile(filepath.Join(b.clone(), "log.txt"))
	if err != nil || string(got) != "i-0\ni-1\ni-2\n" {
		t.Errorf("the log is %q, %v", got, err)
	}
}

func TestDispatchTokenHasDeclaredPermissions(t *testing.T) {
	runner := os.Getenv("AMEND_TEST_ACT")
	if runner == "" {
		t.Skip("set AMEND_TEST_ACT to the path of act to run workflows for real")
	}
	b := newBench(t, forge.Config{Runner: runner})
	b.withFiles(map[string]string{".github/workflows/w.yml": `on: repository_dispatch
jobs:
  push:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: git push origin HEAD:refs/heads/new
`})
	if err := b.dispatch("x", `{}`); err != nil {
		t.Fatal(err)
	}
	run := b.waitRuns(1)[0]
	if run.GetConclusion() != "failure" {
		t.Errorf("a push without permission ended as %s:\n%s", run.GetConclusion(), b.log(run.GetID()))
	}
	_, _, err := b.client.Git.GetRef(t.Context(), "acme", "env", "heads/new")
	wantError(t, err, 404, "Not Found")
}

func TestDispatchValidation(t *testing.T) {
	b := newBench(t, forge.Config{})
	b.withFiles(recordWorkflow)
	var eleven []string
	for i := range 11 {
		eleven = append(eleven, fmt.Sprintf(`"k%d":1`, i))
	}
	for _, test := range []struct{ body, want string }{
		{`{}`, "event_type"},
		{`{"event_type":"` + strings.Repeat("x", 101) + `"}`, "Only 100 characters"},
		{`{"event_type":"x","client_payload":{` + strings.Join(eleven, ",") + `}}`, "No more than 10 properties"},
		{`{"event_type":"x","client_payload":[]}`, "not an object"},
		{`{"event_type":"x","client_payload":{"a":"` + strings.Repeat("x", 65_535-8) + `"}}`, "too large"},
	} {
		if res, body := b.call(http.MethodPost, "/api/v3/repos/acme/env/dispatches", test.body); res.StatusCode != 422 || !strings.Contains(body, test.want) {
			t.Errorf("%.60s: %d %s, want 422 %q", test.body, res.StatusCode, body, test.want)
		}
	}
	if res, body := b.call(http.MethodPost, "/api/v3/repos/acme/env/dispatches", `{"event_type":"x","client_payload":{"a":"`+strings.Repeat("x", 65_535-9)+`"}}`); res.StatusCode != 204 {
		t.Errorf("the largest payload: %d %s", res.StatusCode, body)
	}
}

func TestDispatchWithoutRunnerFailsLoudly(t *testing.T) {
	b := newBench(t, forge.Config{})
	b.withFiles(recordWorkflow)
	if err := b.dispatch("amend-record", `{}`); err != nil {
		t.Fatal(err)
	}
	run := b.waitRuns(1)[0]
	if run.GetConclusion() != "startup_failure" || !strings.Contains(b.log(run.GetID()), "no runner") {
		t.Errorf("ended as %s: %s", run.GetConclusion(), b.log(run.GetID()))
	}
	one, _, err := b.client.Actions.GetWorkflowRunByID(t.Context(), "acme", "env", run.GetID())
	if err != nil || one.GetName() != "record" {
		t.Errorf("run: %v, %v", one, err)
	}
	for _, path := range []string{"/actions/runs/99", "/actions/runs/99/logs"} {
		if res, _ := b.call(http.MethodGet, "/api/v3/repos/acme/env"+path, ""); res.StatusCode != 404 {
			t.Errorf("GET %s: %s", path, res.Status)
		}
	}
}

// TestCancelledRunLeavesNoProcess looks for the step of a cancelled run, which
// the runner starts in a session of its own.
func TestCancelledRunLeavesNoProcess(t *testing.T) {
	runner := os.Getenv("AMEND_TEST_ACT")
	if runner == "" {
		t.Skip("set AMEND_TEST_ACT to the path of act to run workflows for real")
	}
	pidFile := filepath.Join(t.TempDir(), "pid")
	b := newBench(t, forge.Config{Runner: runner, Env: []string{"PATH=" + os.Getenv("PATH"), "PID_FILE=" + pidFile}})
	b.withFiles(map[string]string{".github/workflows/w.yml": `on: repository_dispatch
concurrency: {group: g, cancel-in-progress: true}
jobs:
  wait:
    runs-on: ubuntu-latest
    steps:
      - run: if [ ! -e "$PID_FILE" ]; then sleep 600 & echo $! >"$PID_FILE.new"; mv "$PID_FILE.new" "$PID_FILE"; wait; fi
`})
	if err := b.dispatch("x", `{}`); err != nil {
		t.Fatal(err)
	}
	var pid string
	for deadline := time.Now().Add(time.Minute); pid == "" && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		text, _ := os.ReadFile(pidFile) // not there yet
		pid = strings.TrimSpace(string(text))
	}
	if err := b.dispatch("x", `{}`); err != nil {
		t.Fatal(err)
	}
	list := b.waitRuns(2)
	if list[0].GetConclusion() != "success" || list[1].GetConclusion() != "cancelled" {
		t.Errorf("ended as %s and %s:\n%s", list[1].GetConclusion(), list[0].GetConclusion(), b.log(list[0].GetID()))
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat("/proc/" + pid); pid != "" && os.IsNotExist(err) {
			return
		}
	}
	t.Errorf("process %q of the cancelled run is still there", pid)
}
