package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/amendhq/amend/bench/report"
	"github.com/amendhq/amend/bench/stat"
)

// contentionFiles is the size of the env repo for all cells.
const contentionFiles = 1000

// The rounds of a cell, and up to how many incidents the scripts have as many: with
// more they have one, as it takes them half a minute.
const (
	contendedRounds = 5
	leastContended  = 2
	fewestContended = 5
)

// benchContention measures many incidents at once on one branch.
func benchContention(ctx context.Context, b *bench, s *report.Section) error {
	s.Title = "Many incidents, one branch"
	s.Text = `So many alerts about as many applications come in one post, in an env repo of 1,000
files; the time ends when the branch has a commit for each. Beside it, as many scripts at
the same time, each with a clone of its own: edit, commit, push, and after a rejected push
fetch, rebase and push again until it is taken. Scripts are not run for more than 20
incidents: their time grows with the square. *With other pushes* means that somebody else
pushes five commits meanwhile, in the same way. No commit may be lost on either side.`
	sizes, most := []int{1, 5, 20, 50, 200}, 20
	if b.short {
		sizes, most = []int{1, 5, 20}, fewestContended
	}
	took := map[int]stat.Sample{}
	plot := report.Plot{Title: "Incidents at once on one branch", X: "incidents", Y: "ms"}
	for i, n := range sizes {
		scripts := 0
		if n <= fewestContended {
			scripts = contendedRounds
		} else if n <= most {
			scripts = 1
		}
		c, err := contend(ctx, b, n, scripts, 1/float64(len(sizes)-i+1)) // the last is for other pushes
		if err != nil {
			return fmt.Errorf("%d incidents: %w", n, err)
		}
		c.rows(s, n)
		took[n] = c.amend
		if len(c.scripts) > 0 {
			plot.Add("rebase and retry", float64(n), c.scripts.Median())
		}
		plot.Add("amend", float64(n), c.amend.Median())
	}
	if !b.short {
		ratio, measured := times(took[200], took[20])
		s.Add("time for 200 incidents, one commit each, over time for 20", measured, "≤ 12×", ratio <= 12)
	}
	if err := amongOthers(ctx, b, s, 20); err != nil {
		return err
	}
	s.Plots = append(s.Plots, plot)
	return nil
}

// A contest is what so many incidents at once have cost, in ms, and how often the
// branch moved and pushes were tried.
type contest struct {
	amend, scripts  stat.Sample
	moves, attempts stat.Sample
}

// contend lets amend and the scripts take turns, the scripts no more often than
// they may, in a share of the time that is left.
func contend(ctx context.Context, b *bench, n, scripts int, share float64) (c contest, err error) {
	for round := range b.rounds(share, leastContended, contendedRounds) {
		took, moves, err := burst(ctx, b, n)
		if err != nil {
			return c, err
		}
		c.amend, c.moves = append(c.amend, ms(took)), append(c.moves, float64(moves))
		if round >= scripts {
			continue
		}
		wall, attempts, err := rebasing(ctx, b, n)
		if err != nil {
			return c, err
		}
		c.scripts, c.attempts = append(c.scripts, ms(wall)), append(c.attempts, float64(attempts))
	}
	return c, nil
}

func (c contest) rows(s *report.Section, n int) {
	at := fmt.Sprintf(" at %d incidents", n)
	s.Note("amend"+at, fmt.Sprintf("%.0f ms, the branch moved %.1f times for %d commits (n=%d)", c.amend.Median(), mean(c.moves), n, len(c.amend)))
	if len(c.scripts) == 0 {
		return
	}
	s.Note("rebase and retry"+at, fmt.Sprintf("%.0f ms, %.0f pushes for %d commits (n=%d)", c.scripts.Median(), mean(c.attempts), n, len(c.scripts)))
	ratio, measured := times(c.scripts, c.amend)
	if what := "amend faster than rebase and retry" + at; n == 20 {
		s.Add(what, measured, "≥ 200×", ratio >= 200)
	} else {
		s.Note(what, measured)
	}
}

// contended opens a world in which amend has answered once.
func contended(ctx context.Context, b *bench) (*world, error) {
	w, err := newWorld(ctx, b, setting{files: contentionFiles, commits: 50})
	if err != nil {
		return nil, err
	}
	if err := w.startAmend(ctx); err != nil {
		return nil, err
	}
	_, err = w.fix(ctx, 0)
	return w, err
}

// burst lets amend answer n alerts at once, and returns how often the branch
// moved.
func burst(ctx context.Context, b *bench, n int) (took time.Duration, moves int, err error) {
	w, err := contended(ctx, b)
	if err != nil {
		return 0, 0, err
	}
	before := w.tip()
	start := time.Now()
	if err := w.post(ctx, apps(1, n)...); err != nil {
		return 0, 0, err
	}
	tips := map[string]bool{}
	err = until(ctx, fmt.Sprintf("%d commits are on the branch", n), func() (bool, error) {
		tip := w.tip()
		if tip == before || tips[tip] {
			return false, nil
		}
		tips[tip] = true
		count, err := w.count(ctx, before)
		return count == n, err
	})
	if err != nil {
		return 0, 0, err
	}
	took = time.Since(start)
	if err := w.checkFixes(ctx, before, apps(1, n)); err != nil {
		return 0, 0, err
	}
	return took, len(tips), w.close()
}

func apps(from, n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = from + i
	}
	return list
}

// count returns how many commits the branch has gained.
func (w *world) count(ctx context.Context, since string) (int, error) {
	out, err := w.git(ctx, "rev-list", "--count", since+"..main")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(out)
}

// checkFixes proves that each app was changed once since a commit, by a commit
// of its own.
func (w *world) checkFixes(ctx context.Context, since string, want []int) error {
	out, err := w.git(ctx, "log", "--format=", "--numstat", "--no-merges", since+"..main", "--", "apps")
	if err != nil {
		return err
	}
	var lines []string
	for _, n := range want {
		lines = append(lines, "1\t1\t"+appFile(n))
	}
	got := strings.Split(out, "\n")
	slices.Sort(got)
	slices.Sort(lines)
	if !slices.Equal(got, lines) {
		return fmt.Errorf("%d changes are in the history, want %d: %q", len(got), len(lines), got)
	}
	count, err := w.git(ctx, "rev-list", "--count", since+"..main", "--", "apps")
	if err == nil && count != strconv.Itoa(len(want)) {
		err = fmt.Errorf("%s commits for %d changes", count, len(want))
	}
	return err
}

// rebasing runs n scripts at the same time, and returns how often they pushed.
func rebasing(ctx context.Context, b *bench, n int) (wall time.Duration, attempts int, err error) {
	w, err := newWorld(ctx, b, setting{files: contentionFiles, commits: 50})
	if err != nil {
		return 0, 0, err
	}
	before, err := w.git(ctx, "rev-parse", "main")
	if err != nil {
		return 0, 0, err
	}
	errs := make([]error, n)
	var pushes atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	for i := range n {
		all.Go(func() {
			tried, err := w.pushUntilTaken(ctx, i+1)
			pushes.Add(int64(tried))
			errs[i] = err
		})
	}
	all.Wait()
	wall = time.Since(start)
	for _, err := range errs {
		if err != nil {
			return 0, 0, err
		}
	}
	if err := w.checkFixes(ctx, before, apps(1, n)); err != nil {
		return 0, 0, err
	}
	return wall, int(pushes.Load()), w.close()
}

// pushUntilTaken is one script: a clone, an edit, and pushes with a rebase
// between them.
func (w *world) pushUntilTaken(ctx context.Context, app int) (tried int, err error) {
	dir, err := os.MkdirTemp(w.dir, "clone-")
	if err != nil {
		return 0, err
	}
	clone := filepath.Join(dir, "env")
	steps := []step{{"git", "clone", "--quiet", w.url() + ".git", clone}}
	edits := w.editAndPush(clone, app)
	push := edits[len(edits)-1]
	for _, s := range append(steps, edits[:len(edits)-1]...) {
		if _, err := commandWith(ctx, w.env(), "", s[0], s[1:]...); err != nil {
			return 0, err
		}
	}
	for ctx.Err() == nil {
		tried++
		if _, err := commandWith(ctx, w.env(), "", push[0], push[1:]...); err == nil {
			return tried, os.RemoveAll(dir)
		}
		if _, err := commandWith(ctx, w.env(), clone, "git", "pull", "--quiet", "--rebase", "origin", "main"); err != nil {
			return tried, err
		}
	}
	return tried, ctx.Err()
}

// amongOthers lets amend answer n alerts while somebody else pushes, and looks
// for every commit of both.
func amongOthers(ctx context.Context, b *bench, s *report.Section, n int) error {
	const others = 5
	w, err := contended(ctx, b)
	if err != nil {
		return err
	}
	before := w.tip()
	pushed := make(chan error, 1)
	start := time.Now()
	go func() {
		var err error
		for i := 0; i < others && err == nil; i++ {
			_, err = w.pushUntilTaken(ctx, 500+i)
		}
		pushed <- err
	}()
	for _, app := range apps(1, n) { // one by one, so that they meet the pushes
		if err := w.post(ctx, app); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := <-pushed; err != nil {
		return err
	}
	err = until(ctx, "all commits are on the branch", func() (bool, error) {
		count, err := w.count(ctx, before)
		return count == n+others, err
	})
	if err != nil {
		return err
	}
	took := time.Since(start)
	if err := w.checkFixes(ctx, before, append(apps(1, n), apps(500, others)...)); err != nil {
		return err
	}
	s.Add("commits on the branch, of amend and of others who push meanwhile", fmt.Sprintf("%d of %d (of %d incidents and %d pushes, in %.0f ms)", n+others, n+others, n, others, ms(took)), "none lost", true)
	return w.close()
}
