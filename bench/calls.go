package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/bench/report"
)

// What is counted, and the most writes that a fix may cost.
const (
	callFixes    = 10
	commitWrites = 1
	pullWrites   = 3
)

// benchCalls counts what the host is asked for.
func benchCalls(ctx context.Context, b *bench, s *report.Section) error {
	s.Title = "Calls to the host"
	s.Text = `Counted between amend and the host, while 10 alerts are answered one after the other and
then 5 and 20 that come in one post, in an env repo of 200 files. A *write of content* is a push,
or a request of the API that makes or changes an object, a reference, a pull request or its
labels. Other writes are the status of a commit and the start of the workflow that keeps the
log: none runs here, so amend starts it again. Looking after open pull requests is switched
off, as it depends on time and not on fixes.

Under a limit, the host takes so many writes by its API, where pushes do not count, and then
turns the whole API away until a time that it names in whole seconds, as GitHub does; *early*
is a request before that time. The windows are shorter than those of GitHub: a second that
is lost at their end counts more here.`
	plot := report.Plot{Title: "Writes of content for a fix, by how many come at once", X: "fixes", Y: "writes"}
	for _, mode := range []amend.Mode{amend.Commit, amend.PullRequest} {
		if err := b.countCalls(ctx, s, mode, &plot); err != nil {
			return fmt.Errorf("%s: %w", mode, err)
		}
	}
	s.Plots = append(s.Plots, plot)
	if err := b.underLimit(ctx, s); err != nil {
		return fmt.Errorf("under a limit: %w", err)
	}
	return b.spacedOut(ctx, s)
}

// metered opens a world that counts, in which amend has answered once.
func (b *bench) metered(ctx context.Context, mode amend.Mode, l limit, flags ...string) (*world, error) {
	w, err := newWorld(ctx, b, setting{files: 200, commits: 50, mode: mode, metered: true, limit: l})
	if err != nil {
		return nil, err
	}
	if err := w.startAmend(ctx, append(flags, "--pull-interval", "1h")...); err != nil {
		return nil, err
	}
	if err := w.post(ctx, 0); err != nil {
		return nil, err
	}
	return w, w.answered(ctx, apps(0, 1))
}

// countCalls counts what fixes of a mode cost, one by one and many at once.
func (b *bench) countCalls(ctx context.Context, s *report.Section, mode amend.Mode, plot *report.Plot) error {
	w, err := b.metered(ctx, mode, limit{})
	if err != nil {
		return err
	}
	w.meter.clear()
	for n := range callFixes {
		if err := w.post(ctx, 1+n); err != nil {
			return err
		}
		if err := w.answered(ctx, apps(0, n+2)); err != nil {
			return err
		}
	}
	most := commitWrites
	if mode == amend.PullRequest {
		most = pullWrites
	}
	t := w.meter.read()
	each := float64(t.content) / callFixes
	s.Add(fmt.Sprintf("writes of content for a fix by %s", mode), fmt.Sprintf("%.3g (and %.3g other writes)", each, float64(t.notes)/callFixes), fmt.Sprintf("≤ %d", most), each <= float64(most))
	s.Note(fmt.Sprintf("calls for a fix by %s", mode), fmt.Sprintf("%.3g: %s", float64(t.total())/callFixes, t.list(callFixes)))
	s.Note(fmt.Sprintf("reads by %s that ask whether anything has changed", mode), fmt.Sprintf("%d of %d, %d answered 304", t.asked, t.reads, t.unchanged))
	plot.Add(string(mode), 1, each)
	next := 1 + callFixes
	for _, batch := range []int{5, 20} {
		w.meter.clear()
		if err := w.post(ctx, apps(next, batch)...); err != nil {
			return err
		}
		next += batch
		if err := w.answered(ctx, apps(0, next)); err != nil {
			return err
		}
		t = w.meter.read()
		each = float64(t.content) / float64(batch)
		s.Note(fmt.Sprintf("writes of content for each of %d at once, by %s", batch, mode), fmt.Sprintf("%.3g, of %.3g calls", each, float64(t.total())/float64(batch)))
		plot.Add(string(mode), float64(batch), each)
	}
	return w.close()
}

// underLimit lets the host turn amend away, over and over.
func (b *bench) underLimit(ctx context.Context, s *report.Section) error {
	l := limit{writes: 10, window: 5 * time.Second}
	fixes := 16
	if b.short {
		l, fixes = limit{writes: 4, window: 3 * time.Second}, 8
	}
	w, err := b.metered(ctx, amend.PullRequest, l)
	if err != nil {
		return err
	}
	w.meter.clear()
	if err := w.post(ctx, apps(1, fixes)...); err != nil {
		return err
	}
	if err := w.answered(ctx, apps(0, fixes+1)); err != nil {
		return err
	}
	t := w.meter.read()
	share, err := t.share()
	if err != nil {
		return err
	}
	s.Add("under a limit: part of the rate used", fmt.Sprintf("%.1f %% (%d pull requests, %d writes by the API allowed in %v, %d windows, turned away %d times)",
		100*share, fixes, l.writes, l.window, len(t.windows), t.limited), "≥ 95 %", share >= 0.95)
	s.Add("under a limit: early requests", strings.Join(append([]string{strconv.Itoa(len(t.early))}, t.early...), ", "), "0", len(t.early) == 0)
	return w.close()
}

// spacedOut looks at the pauses that amend makes by itself.
func (b *bench) spacedOut(ctx context.Context, s *report.Section) error {
	const pause = 250 * time.Millisecond
	const fixes = 10
	w, err := b.metered(ctx, amend.PullRequest, limit{}, "--write-spacing", pause.String())
	if err != nil {
		return err
	}
	w.meter.clear()
	if err := w.post(ctx, apps(1, fixes)...); err != nil {
		return err
	}
	if err := w.answered(ctx, apps(0, fixes+1)); err != nil {
		return err
	}
	least, rate := w.meter.read().spaced()
	share := rate * pause.Seconds()
	s.Add("with a pause between writes: part of the rate used", fmt.Sprintf("%.1f %% (%d pull requests, a write or push in %v at most)", 100*share, fixes, pause), "95 to 100 %", share >= 0.95 && share <= 1)
	s.Note("with a pause between writes: the shortest", fmt.Sprintf("%.0f ms, as they arrive", ms(least)))
	return w.close()
}

// answered waits until each of the apps has its fix and amend asks no more, and
// checks that there is nothing else.
func (w *world) answered(ctx context.Context, want []int) error {
	var done []string
	err := until(ctx, fmt.Sprintf("%d apps are fixed", len(want)), func() (bool, error) {
		time.Sleep(10 * time.Millisecond) // each question is a process
		var err error
		done, err = w.fixed(ctx)
		return len(done) >= len(want), err
	})
	if err != nil {
		return err
	}
	files := make([]string, len(want))
	for i, n := range want {
		files[i] = appFile(n)
	}
	slices.Sort(files)
	if slices.Sort(done); !slices.Equal(done, files) {
		return fmt.Errorf("fixed are %q, want %q", done, files)
	}
	const still = 300 * time.Millisecond
	return until(ctx, "amend asks no more", func() (bool, error) { return time.Since(w.meter.read().last) > still, nil })
}

// fixed lists the files that commits on the branch, or those of open pull
// requests, have changed as they are to be changed.
func (w *world) fixed(ctx context.Context) ([]string, error) {
	heads := []string{"main"}
	if w.mode == amend.PullRequest {
		var err error
		if heads, err = w.proposed(ctx); err != nil {
			return nil, err
		}
	}
	out, err := w.git(ctx, append([]string{"log", "--format=", "--numstat", "^" + w.begin, "main"}, heads...)...)
	if err != nil {
		return nil, err
	}
	var files []string
	for line := range strings.Lines(out) {
		file, ok := strings.CutPrefix(strings.TrimSpace(line), "1\t1\t")
		if !ok {
			return nil, fmt.Errorf("a commit is not a fix: %q", line)
		}
		files = append(files, file)
	}
	return files, nil
}

// proposed returns the commits of the open pull requests.
func (w *world) proposed(ctx context.Context) ([]string, error) {
	var open []struct {
		Head struct {
			SHA string `json:"sha"`
		} `json:"head"`
	}
	if err := w.api(ctx, http.MethodGet, "pulls?per_page=100", nil, &open); err != nil {
		return nil, err
	}
	heads := make([]string, len(open))
	for i, pull := range open {
		heads[i] = pull.Head.SHA
	}
	return heads, nil
}

// api asks the API of the host about the repo, past all proxies, and decodes its
// answer, unless that is nil. The question is nil for none.
func (w *world) api(ctx context.Context, method, path string, question, answer any) error {
	var body bytes.Buffer
	if question != nil {
		if err := json.NewEncoder(&body).Encode(question); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+w.forge.addr+"/api/v3/repos/"+repoName+"/"+path, &body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+w.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: the host answers %s", method, path, res.Status)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(answer)
}
