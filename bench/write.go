package main

import (
	"context"
	"fmt"
	"time"

	"github.com/amendhq/amend/bench/report"
	"github.com/amendhq/amend/bench/stat"
)

// benchWrite measures one change of one line on a branch.
func benchWrite(ctx context.Context, b *bench, s *report.Section) error {
	s.Title = "Writing one change"
	s.Text = `One alert, one changed line, one commit on the branch of the host. For amend the time is
from the post of the alert until the branch has moved: it includes taking the alert in,
writing it to disk, deciding, finding the line, proving it, and the commit. The baselines
only edit, commit and push the file that they are told: "git clone --depth 1" and yq, and
the same with a sparse, blobless clone. All talk HTTP to one local Git host through a proxy
that adds the round trip. *Warm* is the next change after one of amend's own; *after another
push* is the first after somebody else moved the branch. *Cold* is from the start of the
process, with nothing on disk, until its first change is on the branch.`
	type cell struct {
		files, commits int
		rtt            time.Duration
	}
	const slow = 40 * time.Millisecond
	cells := []cell{
		{100, 50, 0}, {1000, 1000, 0}, {10_000, 50, 0}, {50_000, 50, 0}, {1000, 100_000, 0},
		{1000, 1000, slow}, {50_000, 50, slow},
	}
	if b.short {
		cells = []cell{{100, 50, 0}, {1000, 1000, 0}, {100, 50, slow}}
	}
	plot := report.Plot{Title: "One change, no round trip, by size of the repo", X: "files", Y: "ms"}
	series := map[string]*report.Series{"amend": {Name: "amend"}, "clone": {Name: "git clone --depth 1"}, "sparse": {Name: "sparse, blobless"}}
	done := map[cell]*writing{}
	for _, c := range cells {
		w, err := writeAt(ctx, b, c.files, c.commits, c.rtt)
		if err != nil {
			return fmt.Errorf("%d files, %v: %w", c.files, c.rtt, err)
		}
		w.rows(s, fmt.Sprintf(" at %d files, %d commits, %v", c.files, c.commits, c.rtt), c.files, c.rtt)
		done[c] = w
		if c.rtt == 0 && c.commits <= 1000 {
			for name, sample := range map[string]stat.Sample{"amend": w.warm, "clone": w.clone, "sparse": w.sparse} {
				series[name].Points = append(series[name].Points, report.Point{X: float64(c.files), Y: sample.Median()})
			}
		}
	}
	plot.Series = []report.Series{*series["clone"], *series["sparse"], *series["amend"]}
	s.Plots = append(s.Plots, plot)
	if !b.short {
		grown(s, "100 → 50,000 files", done[cells[3]].warm, done[cells[0]].warm)
		grown(s, "1,000 → 100,000 commits", done[cells[4]].warm, done[cells[1]].warm)
	}
	return nil
}

// grown writes down how a warm change grows between two cells.
func grown(s *report.Section, what string, large, small stat.Sample) {
	ratio, low, high := stat.Ratio(large, small)
	s.Add("growth of a warm change, "+what, fmt.Sprintf("%.2f× (%.2f–%.2f)", ratio, low, high), "≤ 1.2×", ratio <= 1.2)
}

// writing is what one cell measured, in ms.
type writing struct {
	cold                           time.Duration
	warm, pushed, clone, sparse    stat.Sample
	warmCPU, cloneCPU, sparseCPU   stat.Sample
	memory, cloneMemory, coldBytes int64
}

// The rounds of a cell: of amend's, and of a baseline until it has taken long.
const (
	amendRounds   = 15
	scriptRounds  = 5
	scriptPatient = 25 * time.Second
)

func writeAt(ctx context.Context, b *bench, files, commits int, rtt time.Duration) (m *writing, err error) {
	w, err := newWorld(ctx, b, files, commits, rtt)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closed := w.close(); err == nil {
			err = closed
		}
	}()
	m = &writing{}
	app := 0 // the next one that nobody has changed
	began := time.Now()
	if err := w.startAmend(ctx); err != nil {
		return nil, err
	}
	if _, err := w.fix(ctx, app); err != nil {
		return nil, err
	}
	m.cold = time.Since(began)
	if m.coldBytes, err = peakOf(w.serve.pid); err != nil {
		return nil, err
	}
	if err := forgetPeak(w.serve.pid); err != nil {
		return nil, err
	}
	rounds := amendRounds
	if b.short {
		rounds = 5
	}
	var scripts time.Duration
	for n := range rounds {
		if n < 2 || (n < scriptRounds && scripts < scriptPatient) {
			start := time.Now()
			if err := m.scripts(ctx, w, &app); err != nil {
				return nil, err
			}
			scripts += time.Since(start)
		}
		for _, sample := range []*stat.Sample{&m.pushed, &m.warm} {
			app++
			e, err := w.fix(ctx, app)
			if err != nil {
				return nil, err
			}
			if n >= scriptRounds { // nobody pushed in between
				sample = &m.warm
			}
			*sample = append(*sample, ms(e.wall))
			m.warmCPU = append(m.warmCPU, ms(e.cpu))
		}
	}
	m.memory, err = peakOf(w.serve.pid)
	return m, err
}

// scripts runs both baselines once.
func (m *writing) scripts(ctx context.Context, w *world, app *int) error {
	*app++
	e, err := w.script(ctx, w.shallow, *app)
	if err != nil {
		return err
	}
	m.clone, m.cloneCPU = append(m.clone, ms(e.wall)), append(m.cloneCPU, ms(e.cpu))
	m.cloneMemory = max(m.cloneMemory, e.memory)
	*app++
	if e, err = w.script(ctx, w.sparse, *app); err != nil {
		return err
	}
	m.sparse, m.sparseCPU = append(m.sparse, ms(e.wall)), append(m.sparseCPU, ms(e.cpu))
	return nil
}

// fix lets amend answer one alert, and checks the commit.
func (w *world) fix(ctx context.Context, app int) (effort, error) {
	before, err := w.cpu()
	if err != nil {
		return effort{}, err
	}
	tip := w.tip()
	start := time.Now()
	if err := w.post(ctx, app); err != nil {
		return effort{}, err
	}
	err = until(ctx, "the branch moves", func() (bool, error) { return w.tip() != tip, nil })
	e := effort{wall: time.Since(start)}
	if err != nil {
		return e, err
	}
	after, err := w.cpu()
	if err != nil {
		return e, err
	}
	e.cpu = after - before
	return e, w.checkFix(ctx, "main", app)
}

// ratioAims holds how many times faster than a clone amend is to be.
var ratioAims = map[int]float64{1000: 10, 10_000: 40, 50_000: 250}

func (m *writing) rows(s *report.Section, at string, files int, rtt time.Duration) {
	p50 := m.warm.Median()
	measured := fmt.Sprintf("p50 %.1f ms, p95 %.1f ms, CPU %.0f ms (n=%d)", p50, m.warm.Quantile(0.95), mean(m.warmCPU), len(m.warm))
	if rtt == 0 {
		s.Add("amend, warm"+at, measured, "p50 ≤ 25 ms", p50 <= 25)
	} else {
		s.Note("amend, warm"+at, measured)
	}
	s.Note("amend, after another push"+at, fmt.Sprintf("p50 %.1f ms (n=%d)", m.pushed.Median(), len(m.pushed)))
	s.Note("amend, cold"+at, fmt.Sprintf("%.0f ms, memory up to %.0f MB", ms(m.cold), mb(m.coldBytes)))
	s.Note("`git clone --depth 1`, yq, push"+at, fmt.Sprintf("p50 %.0f ms, CPU %.0f ms, memory %.0f MB (n=%d)", m.clone.Median(), mean(m.cloneCPU), mb(m.cloneMemory), len(m.clone)))
	s.Note("sparse, blobless clone, yq, push"+at, fmt.Sprintf("p50 %.0f ms, CPU %.0f ms (n=%d)", m.sparse.Median(), mean(m.sparseCPU), len(m.sparse)))
	ratio, low, high := stat.Ratio(m.clone, m.warm)
	if measured, aim := fmt.Sprintf("%.0f× (%.0f–%.0f)", ratio, low, high), ratioAims[files]; aim > 0 {
		s.Add("faster than the clone"+at, measured, fmt.Sprintf("≥ %g×", aim), ratio >= aim)
	} else {
		s.Note("faster than the clone"+at, measured)
	}
	ratio, low, high = stat.Ratio(m.sparse, m.warm)
	s.Add("faster than the sparse clone"+at, fmt.Sprintf("%.0f× (%.0f–%.0f)", ratio, low, high), "≥ 5×", ratio >= 5)
	s.Add("memory of amend serve, warm"+at, fmt.Sprintf("%.0f MB", mb(m.memory)), "≤ 96 MB", m.memory <= 96<<20)
}

func mean(s stat.Sample) float64 {
	sum := 0.0
	for _, v := range s {
		sum += v
	}
	return sum / float64(max(1, len(s)))
}
