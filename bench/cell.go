package main

import (
	"context"
	"fmt"
	"time"

	"github.com/amendhq/amend/bench/report"
	"github.com/amendhq/amend/bench/stat"
)

// A cell is a world in which amend and the baselines change one line, over and
// over, and what that took.
type cell struct {
	*world
	next int // the first app that nobody has changed

	baselines []*baseline
	scripted  time.Duration
	pushedBy  bool // whether somebody else has pushed since amend's last fix

	cold         time.Duration
	coldMemory   int64
	memory       int64       // of amend serve, warm
	warm, pushed stat.Sample // ms
	// Of the warm ones, in ms: CPU time, and the parts of the wall time that are
	// the host's taking of the push, its other answers, and amend's own.
	cpu, push, asked, alone stat.Sample
}

// A baseline is another way to change the line, and what that took.
type baseline struct {
	name  string
	steps func(dir string, app int) []step
	// aim is how many times faster amend is to be, 0 for any.
	aim float64

	wall, cpu stat.Sample // ms
	memory    int64
}

// cloneAims holds how many times faster than a clone amend is to be, by files.
var cloneAims = map[int]float64{1000: 10, 10_000: 40, 50_000: 250}

// sparseAim is the same for a sparse clone, of any size.
const sparseAim = 5

// restLeast is how long amend asks nothing when it is done with a change.
const restLeast = 50 * time.Millisecond

// gogitFiles is the largest repo that go-git has to change in an ordinary run: a
// larger one takes it minutes.
const gogitFiles = 1000

// openCell makes the world and lets amend answer once, from nothing.
func (b *bench) openCell(ctx context.Context, s setting) (*cell, error) {
	w, err := newWorld(ctx, b, s)
	if err != nil {
		return nil, err
	}
	c := &cell{world: w, next: 1}
	c.baselines = []*baseline{
		{name: "git clone --depth 1", steps: w.shallow, aim: cloneAims[s.files]},
		{name: "sparse, blobless clone", steps: w.sparse, aim: sparseAim},
	}
	if s.files <= gogitFiles || b.full {
		c.baselines = append(c.baselines, &baseline{name: "go-git", steps: w.gogit})
	}
	began := time.Now()
	if err := w.startAmend(ctx); err != nil {
		return nil, err
	}
	if _, err := w.fix(ctx, 0); err != nil {
		return nil, err
	}
	c.cold = time.Since(began)
	if c.coldMemory, err = peakOf(w.serve.pid); err != nil {
		return nil, err
	}
	return c, forgetPeak(w.serve.pid)
}

// app returns one that nobody has changed.
func (c *cell) app() int {
	c.next++
	return c.next - 1
}

// scripts runs every baseline once, unless they have had their turn in the
// rounds before n.
func (c *cell) scripts(ctx context.Context, n int) error {
	patient := scriptPatient
	if c.bench.full {
		patient *= deepTimes
	}
	if n >= scriptRounds || n >= fewestScripts && c.scripted > patient {
		return nil
	}
	start := time.Now()
	for i := range c.baselines {
		if n%2 == 1 { // there and back
			i = len(c.baselines) - 1 - i
		}
		one := c.baselines[i]
		e, err := c.script(ctx, one.steps, c.app())
		if err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
		one.wall, one.cpu = append(one.wall, ms(e.wall)), append(one.cpu, ms(e.cpu))
		one.memory = max(one.memory, e.memory)
	}
	c.scripted += time.Since(start)
	c.pushedBy = true
	return nil
}

// fixes lets amend answer an alert, two if the first comes after another push.
func (c *cell) fixes(ctx context.Context) error {
	if c.pushedBy {
		e, err := c.lone(ctx)
		if err != nil {
			return err
		}
		c.pushed = append(c.pushed, ms(e.wall))
		c.pushedBy = false
	}
	e, err := c.lone(ctx)
	if err != nil {
		return err
	}
	c.warm, c.cpu = append(c.warm, ms(e.wall)), append(c.cpu, ms(e.cpu))
	c.push, c.asked = append(c.push, ms(e.push)), append(c.asked, ms(e.asked))
	c.alone = append(c.alone, ms(e.wall-e.push-e.asked))
	return nil
}

// lone is a fix that begins when amend asks the host nothing more about the last one:
// the record of it and its verdict are over.
func (c *cell) lone(ctx context.Context) (effort, error) {
	rest := max(restLeast, 2*c.rtt)
	if err := until(ctx, "amend is done with the last change", func() (bool, error) { return c.watch.quiet(rest), nil }); err != nil {
		return effort{}, err
	}
	return c.fix(ctx, c.app())
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
	e.push, e.asked = w.watch.between(start, start.Add(e.wall))
	after, err := w.cpu()
	if err != nil {
		return e, err
	}
	e.cpu = after - before
	return e, w.checkFix(ctx, "main", app)
}

// at says which cell it is; no round trip and a short history are not mentioned.
func (c *cell) at() string {
	text := fmt.Sprintf(" at %d files", c.files)
	if c.commits > shortHistory {
		text += fmt.Sprintf(", %d commits", c.commits)
	}
	return text + c.away()
}

// away says how far the host is.
func (c *cell) away() string {
	if c.rtt == 0 {
		return ""
	}
	return fmt.Sprintf(", %v away", c.rtt)
}

// rows writes down what the cell measured.
func (c *cell) rows(s *report.Section) (err error) {
	p50 := c.warm.Median()
	measured := fmt.Sprintf("p50 %.1f ms (p95 %.1f ms, CPU %.0f ms, n=%d)", p50, c.warm.Quantile(0.95), mean(c.cpu), len(c.warm))
	if c.rtt == 0 {
		s.Add("amend, warm"+c.at(), measured, "p50 ≤ 25 ms", p50 <= 25)
	} else {
		s.Note("amend, warm"+c.at(), measured+fmt.Sprintf(", %.1f round trips", p50/ms(c.rtt)))
	}
	s.Note("of it the push, as the host takes it"+c.at(), fmt.Sprintf("p50 %.1f ms", c.push.Median()))
	s.Note("of it other answers of the host"+c.at(), fmt.Sprintf("p50 %.1f ms", c.asked.Median()))
	s.Note("amend alone"+c.at(), fmt.Sprintf("p50 %.1f ms", c.alone.Median()))
	s.Note("amend, after another push"+c.at(), fmt.Sprintf("p50 %.1f ms (n=%d)", c.pushed.Median(), len(c.pushed)))
	s.Note("amend, cold"+c.at(), fmt.Sprintf("%.0f ms, memory up to %.0f MB", ms(c.cold), mb(c.coldMemory)))
	for _, one := range c.baselines {
		s.Note(one.name+c.at(), fmt.Sprintf("p50 %.0f ms, CPU %.0f ms, memory %.0f MB (n=%d)", one.wall.Median(), mean(one.cpu), mb(one.memory), len(one.wall)))
		ratio, measured := times(one.wall, c.warm)
		what := "amend faster than " + one.name + c.at()
		if one.aim > 0 {
			s.Add(what, measured, fmt.Sprintf("≥ %g×", one.aim), ratio >= one.aim)
		} else {
			s.Note(what, measured)
		}
	}
	c.memory, err = peakOf(c.serve.pid)
	s.Add("memory of amend serve, warm"+c.at(), fmt.Sprintf("%.0f MB", mb(c.memory)), "≤ 96 MB", c.memory <= 96<<20)
	return err
}

// times returns how many times b is in a, and says so with its interval.
func times(a, b stat.Sample) (ratio float64, text string) {
	ratio, low, high := stat.Ratio(a, b)
	if ratio < 10 {
		return ratio, fmt.Sprintf("%.2f× (%.2f–%.2f)", ratio, low, high)
	}
	return ratio, fmt.Sprintf("%.0f× (%.0f–%.0f)", ratio, low, high)
}

func mean(s stat.Sample) float64 {
	sum := 0.0
	for _, v := range s {
		sum += v
	}
	return sum / float64(max(1, len(s)))
}
