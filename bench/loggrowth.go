package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/amendhq/amend/bench/report"
	"github.com/amendhq/amend/bench/stat"
	"github.com/amendhq/amend/internal/ledger"
)

// logEntryRounds is how often an entry is added at most, and yqRounds how often yq
// does, which takes it seconds in a large log.
const (
	logEntryRounds = 8
	yqRounds       = 2
)

// A growing log gets one more entry again and again.
type growing struct {
	*world
	entries            int
	clone              string
	all                effort      // of the run that added all entries
	took, push, beside stat.Sample // in ms: one more change, the host's part of that, and yq
	memory             int64
}

// logGrowth adds one more entry to logs of several sizes, which take turns.
func (b *bench) logGrowth(ctx context.Context, s *report.Section) error {
	sizes := []int{10, 10_000}
	switch {
	case b.short:
		sizes[1] = 1000
	case b.full:
		sizes = append(sizes, 100_000)
	}
	var logs []*growing
	for _, n := range sizes {
		g, err := b.logOf(ctx, n)
		if err != nil {
			return fmt.Errorf("%d entries: %w", n, err)
		}
		logs = append(logs, g)
	}
	for round := range b.rounds(1, 3, logEntryRounds) {
		for _, g := range logs {
			if err := g.grow(ctx, round); err != nil {
				return fmt.Errorf("%d entries: %w", g.entries, err)
			}
		}
	}
	plot := report.Plot{Title: "One more entry in the log, by its size", X: "entries", Y: "ms"}
	for i, g := range logs {
		if err := g.report(ctx, s, &plot); err != nil {
			return fmt.Errorf("%d entries: %w", g.entries, err)
		}
		if i > 0 {
			ratio, measured := times(g.took, logs[0].took)
			s.Add(fmt.Sprintf("growth of one more change over that with 10 entries at %d entries", g.entries), measured, "≤ 1.5×", ratio <= 1.5)
		}
	}
	s.Plots = append(s.Plots, plot)
	return nil
}

// logOf makes a log of n entries.
func (b *bench) logOf(ctx context.Context, n int) (*growing, error) {
	w, err := newWorld(ctx, b, setting{files: 10, commits: 1, changes: n})
	if err != nil {
		return nil, err
	}
	g := &growing{world: w, entries: n}
	if g.clone, err = w.clone(ctx); err != nil {
		return nil, err
	}
	g.all, err = w.recordIn(ctx, g.clone)
	return g, err
}

// grow measures one more entry.
func (g *growing) grow(ctx context.Context, round int) error {
	if err := g.land(ctx, g.entries+round); err != nil {
		return err
	}
	begin := time.Now()
	e, err := g.recordIn(ctx, g.clone)
	if err != nil {
		return err
	}
	push, _ := g.watch.between(begin, time.Now())
	g.took, g.push, g.memory = append(g.took, ms(e.wall)), append(g.push, ms(push)), max(g.memory, e.memory)
	if round >= yqRounds {
		return nil
	}
	if e, err = g.yqEntry(ctx, g.clone); err != nil {
		return err
	}
	g.beside = append(g.beside, ms(e.wall))
	return nil
}

// report checks the log and says what was measured.
func (g *growing) report(ctx context.Context, s *report.Section, plot *report.Plot) error {
	if err := g.checkLog(ctx, g.entries+len(g.took)); err != nil {
		return err
	}
	at := fmt.Sprintf(" at %d entries", g.entries)
	s.Note("amend log, the first time, adds all"+at, fmt.Sprintf("%.0f ms", ms(g.all.wall)))
	s.Note("amend log, one more change"+at, fmt.Sprintf("%.0f ms, memory %.0f MB (n=%d)", g.took.Median(), mb(g.memory), len(g.took)))
	s.Note("of it the push, as the host takes it"+at, fmt.Sprintf("%.0f ms", g.push.Median()))
	s.Note("beside: `yq -i` adds an entry to the file"+at, fmt.Sprintf("%.0f ms (n=%d)", g.beside.Median(), len(g.beside)))
	plot.Add("amend log", float64(g.entries), g.took.Median())
	plot.Add("yq -i", float64(g.entries), g.beside.Median())
	return g.close()
}

// land puts one more change of amend on the branch.
func (w *world) land(ctx context.Context, n int) error {
	text, err := madeUp(n)
	if err != nil {
		return err
	}
	tip, err := w.git(ctx, "rev-parse", "main")
	if err != nil {
		return err
	}
	commit, err := w.git(ctx, "commit-tree", "-p", tip, "-m", text, tip+"^{tree}")
	if err != nil {
		return err
	}
	_, err = w.git(ctx, "update-ref", "refs/heads/main", commit, tip)
	return err
}

// yqEntry lets yq add an entry to a copy of the log.
func (w *world) yqEntry(ctx context.Context, clone string) (effort, error) {
	data, err := os.ReadFile(filepath.Join(clone, ledger.LogFile))
	if err != nil {
		return effort{}, err
	}
	file := filepath.Join(w.dir, "log.yaml")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		return effort{}, err
	}
	const entry = `. += [{"incident": "web", "episode": 1, "action": "restart", "target": "Deployment/shop/web", "commit": "0123456789"}]`
	_, e, err := w.bench.measure(ctx, gitEnv(), "", filepath.Join(w.bench.bin, "yq"), "-i", entry, file)
	return e, err
}
