package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/bench/report"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
)

// logFiles are what an env repo copies to keep its log.
var logFiles = []string{".github/workflows/record-remediation.yml", ".github/actions/record-remediation/action.yml"}

// benchLog measures how remediation-log.yaml is kept.
func benchLog(ctx context.Context, b *bench, s *report.Section) error {
	s.Title = "Keeping the log"
	s.Text = `So many changes of amend are on the branch, and for each the host is asked at the same
moment to start the workflow that keeps remediation-log.yaml. It is the file of .github/, run by
the runner act; the local host cancels what waits in a concurrency group as GitHub does. The
time ends when the log has an entry for each change and no run is left. *Without a group*
means as many runs of "amend log" at the same time, each with a clone of its own.

GitHub lets one run of a concurrency group run and one wait, and cancels the one that waits when
the next arrives. A workflow that adds what its own event tells would so have two entries,
that of the first and that of the last; without a group its runs would race each other.

One more change is the time of "amend log" for one change that the log lacks, from the
start of the program to the push of its commit. *The push, as the host takes it*, is of that the
time from the first byte of the push until it is answered. Beside it, one entry that yq adds to a
file of the same content, without history, clone, commit and push. The sizes take turns.`
	n := 100
	if b.short {
		n = 20
	}
	extra, err := b.logWorkflow()
	if err != nil {
		return err
	}
	if err := b.dispatches(ctx, s, n, extra); err != nil {
		return fmt.Errorf("dispatches: %w", err)
	}
	if err := b.logsAtOnce(ctx, s, n); err != nil {
		return fmt.Errorf("without a group: %w", err)
	}
	return b.logGrowth(ctx, s)
}

// logWorkflow returns the files of the workflow for an env repo.
func (b *bench) logWorkflow() ([]extraFile, error) {
	var files []extraFile
	for _, name := range logFiles {
		data, err := os.ReadFile(filepath.Join(b.root, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		files = append(files, extraFile{name, strings.Replace(string(data), "login: amend[bot]", "login: demo", 1)})
	}
	return files, nil
}

// dispatches asks the host for n runs at once.
func (b *bench) dispatches(ctx context.Context, s *report.Section, n int, extra []extraFile) error {
	w, err := newWorld(ctx, b, setting{files: 10, commits: 1, changes: n, runner: true, extra: extra})
	if err != nil {
		return err
	}
	event := struct {
		Type string `json:"event_type"`
	}{"remediation-requested"}
	errs := make([]error, n)
	var all sync.WaitGroup
	start := time.Now()
	for i := range n {
		all.Go(func() { errs[i] = w.api(ctx, http.MethodPost, "dispatches", event, nil) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	var ended map[string]int
	err = until(ctx, "the log is complete and all runs have ended", func() (bool, error) {
		time.Sleep(50 * time.Millisecond) // the questions are not free
		var err error
		if ended, err = w.runs(ctx); err != nil || ended["success"]+ended["cancelled"] < n {
			return false, err
		}
		return true, w.checkLog(ctx, n)
	})
	if err != nil {
		return err
	}
	s.Add(fmt.Sprintf("entries in the log after %d dispatches at once", n), fmt.Sprintf("%d (in %.1f s, by %d runs; the group cancelled %d)",
		n, time.Since(start).Seconds(), ended["success"], ended["cancelled"]), fmt.Sprintf("%d, one each", n), true)
	s.Note("beside: a workflow that adds what its event tells, by GitHub's rule for a group", fmt.Sprintf("2, of %d", n))
	return w.close()
}

// runs counts the runs of the workflow by what became of them. One that failed is
// an error.
func (w *world) runs(ctx context.Context) (map[string]int, error) {
	var list struct {
		Runs []struct {
			Conclusion string `json:"conclusion"`
		} `json:"workflow_runs"`
	}
	if err := w.api(ctx, http.MethodGet, "actions/runs?per_page=100", nil, &list); err != nil {
		return nil, err
	}
	by := map[string]int{}
	for _, run := range list.Runs {
		if strings.Contains(run.Conclusion, "failure") {
			return nil, fmt.Errorf("a run of the workflow ended as %s", run.Conclusion)
		}
		by[run.Conclusion]++
	}
	return by, nil
}

// checkLog proves that the log has one entry for each of n changes.
func (w *world) checkLog(ctx context.Context, n int) error {
	data, err := w.git(ctx, "show", "main:"+ledger.LogFile)
	if err != nil {
		return err
	}
	log, err := ledger.ParseLog([]byte(data))
	if err != nil {
		return err
	}
	made, err := w.git(ctx, "log", "--format=%H", "--grep=^Amend-Incident: ", "main")
	if err != nil {
		return err
	}
	want, got := strings.Fields(made), make([]string, len(log.Records))
	for i, r := range log.Records {
		got[i] = r.Commit
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) != n || !slices.Equal(want, got) {
		return fmt.Errorf("the log has %d entries for %d changes of %d", len(got), len(want), n)
	}
	return nil
}

// logsAtOnce runs amend log n times at the same moment.
func (b *bench) logsAtOnce(ctx context.Context, s *report.Section, n int) error {
	w, err := newWorld(ctx, b, setting{files: 10, commits: 1, changes: n})
	if err != nil {
		return err
	}
	clones, errs := make([]string, n), make([]error, n)
	for i := range clones {
		if clones[i], err = w.clone(ctx); err != nil {
			return err
		}
	}
	var all sync.WaitGroup
	start := time.Now()
	for i := range n {
		all.Go(func() { _, errs[i] = w.recordIn(ctx, clones[i]) })
	}
	all.Wait()
	took := time.Since(start)
	if err := errors.Join(append(errs, w.checkLog(ctx, n))...); err != nil {
		return err
	}
	s.Add(fmt.Sprintf("entries in the log after %d runs at once, without a group", n), fmt.Sprintf("%d (in %.1f s)", n, took.Seconds()), fmt.Sprintf("%d, one each", n), true)
	return w.close()
}

// clone returns a new clone of the env repo, of which each request is watched.
func (w *world) clone(ctx context.Context) (string, error) {
	dir, err := os.MkdirTemp(w.dir, "clone-")
	if err != nil {
		return "", err
	}
	_, err = commandWith(ctx, w.env(), "", "git", "clone", "--quiet", "http://"+w.door.addr()+"/"+repoName+".git", dir)
	return dir, err
}

// recordIn brings the log of the host up to date from a clone.
func (w *world) recordIn(ctx context.Context, clone string) (effort, error) {
	_, e, err := w.bench.measure(ctx, w.env(), "", filepath.Join(w.bench.bin, "amend"), "log", "--repo", clone, "--push")
	return e, err
}

// madeUp is the message of a change as amend makes it, of which the log gets an entry.
func madeUp(n int) (string, error) {
	workload := amend.ObjectRef{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: appName(n)}
	path, err := amend.ParseRepoPath(appFile(n))
	return "Raise the memory of " + workload.String() + "\n\n" + message.Trailers{
		Incident: amend.IncidentID("out-of-memory", workload), Episode: 1, Action: "raise-memory-limit", Playbook: "out-of-memory",
		Alert: fmt.Sprintf("%032x.firing", n), Workload: workload, Path: path, Line: 27,
	}.String(), err
}
