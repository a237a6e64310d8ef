package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
)

// recordFiles are what an env repo copies to keep its log.
var recordFiles = []string{".github/workflows/record-remediation.yml", ".github/actions/record-remediation/action.yml"}

// recordWorkflow returns the files of the record workflow for an env repo.
func recordWorkflow(t testing.TB) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range recordFiles {
		data, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = strings.Replace(string(data), "login: amend[bot]", "login: "+serveLogin, 1)
	}
	return files
}

// log returns the entries of remediation-log.yaml on main.
func (s *stage) log() []amend.Record {
	s.Helper()
	data, err := s.tryGit("show", "main:"+ledger.LogFile)
	if err != nil {
		return nil // not there yet
	}
	log, err := ledger.ParseLog([]byte(data))
	s.must(err)
	return log.Records
}

// recorded waits until the log has n entries and no run of the workflow is
// left, and returns the entries, which must still be n.
func (s *stage) recorded(n int) []amend.Record {
	s.Helper()
	s.eventually("the log is complete", func() bool { return len(s.log()) >= n })
	s.eventually("all runs have ended", func() bool { return s.runs()["unfinished"] == 0 })
	log := s.log()
	if len(log) != n {
		s.Fatalf("the log has %d entries, want %d", len(log), n)
	}
	return log
}

// runs counts the latest runs of the workflow by their conclusion.
func (s *stage) runs() map[string]int {
	s.Helper()
	list, _, err := s.api.Actions.ListRepositoryWorkflowRuns(s.Context(), "acme", "env", &github.ListWorkflowRunsOptions{
		ListOptions: github.ListOptions{PerPage: 100},
	})
	s.must(err)
	by := map[string]int{}
	for _, run := range list.WorkflowRuns {
		if run.GetStatus() != "completed" {
			by["unfinished"]++
		} else {
			by[run.GetConclusion()]++
		}
	}
	return by
}

// land puts the commit of a made-up change on main, whoever else moves main.
func (s *stage) land(n int) {
	workload := amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: app(n)}
	text := "restart " + workload.String() + "\n\n" + message.Trailers{
		Incident: amend.IncidentID("stuck", workload), Episode: 1, Action: "restart", Playbook: "stuck",
		Alert: fmt.Sprintf("%032x.firing", n), Workload: workload, Path: readme, Line: 1,
	}.String()
	for range 100 {
		head, err := s.tryGit("rev-parse", "main")
		if err != nil {
			s.Error(err)
			return
		}
		head = strings.TrimSpace(head)
		commit, err := s.tryGit("commit-tree", "-p", head, "-m", text, head+"^{tree}")
		if err != nil {
			s.Error(err)
			return
		}
		if _, err := s.tryGit("update-ref", "refs/heads/main", strings.TrimSpace(commit), head); err == nil {
			return
		}
	}
	s.Errorf("main moved 100 times while change %d was made", n)
}

// ask starts the record workflow, as amend does after a change.
func (s *stage) ask() {
	_, _, err := s.api.Repositories.Dispatch(s.Context(), "acme", "env", github.DispatchRequestOptions{EventType: eventType})
	if err != nil {
		s.Error(err)
	}
}

// eachOnce checks that the log has one entry for every change on main.
func (s *stage) eachOnce(n int) {
	s.Helper()
	landed, times := s.changes("main"), map[string]int{}
	for _, r := range s.recorded(n) {
		times[r.Commit]++
	}
	for _, r := range landed {
		if times[r.Commit] != 1 {
			s.Errorf("%s stands in the log %d times, want once", r.Incident, times[r.Commit])
		}
	}
	if len(landed) != n {
		s.Errorf("%d changes are on main, want %d", len(landed), n)
	}
}

// TestHundredDispatchesAtOnce: GitHub cancels the runs that are overtaken while
// they wait, and the log has every change all the same.
func TestHundredDispatchesAtOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t, 0, actProgram(t), recordWorkflow(t))
	s.forged = true
	const n = 100
	for i := range n {
		s.land(i)
	}
	var all sync.WaitGroup
	for range n {
		all.Go(s.ask)
	}
	all.Wait()
	s.eachOnce(n)
	if by := s.runs(); by["success"]+by["cancelled"] != n || by["success"] == 0 {
		t.Errorf("the runs ended as %v, want %d successes or cancellations", by, n)
	}
}

// TestRecordingRunsRace: without its concurrency group
// the workflow's runs race each other, and the changes that land meanwhile.
func TestRecordingRunsRace(t *testing.T) {
	t.Parallel()
	files := recordWorkflow(t)
	const group = "concurrency:\n  group: amend-record\n  cancel-in-progress: false\n"
	plain := strings.Replace(files[recordFiles[0]], group, "", 1)
	if plain == files[recordFiles[0]] {
		t.Fatal("the workflow's concurrency group is another than the test knows")
	}
	files[recordFiles[0]] = plain
	s := newStage(t, 0, actProgram(t), files)
	s.forged = true
	const n = 12
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			s.land(i)
			s.ask()
		})
	}
	all.Wait()
	s.eachOnce(n)
	if by := s.runs(); by["success"] != n {
		t.Errorf("the runs ended as %v, want %d successes", by, n)
	}
}

func actProgram(t *testing.T) string {
	t.Helper()
	program := os.Getenv("AMEND_TEST_ACT")
	if program == "" {
		t.Skip("set AMEND_TEST_ACT to the path of act to run the record workflow with a real runner")
	}
	return program
}

var readme = func() amend.RepoPath {
	path, err := amend.ParseRepoPath("README.md")
	if err != nil {
		panic(err)
	}
	return path
}()
