package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

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

// logGrowth adds one more entry to logs of several sizes.
func (b *bench) logGrowth(ctx context.Context, s *report.Section) error {
	sizes := []int{10, 10_000}
	switch {
	case b.short:
		sizes[1] = 1000
	case b.full:
		sizes = append(sizes, 100_000)
	}
	plot := report.Plot{Title: "One more entry in the log, by its size", X: "entries", Y: "ms"}
	var first stat.Sample
	for i, n := range sizes {
		share := 1 / float64(len(sizes)-i)
		took, beside, err := b.logOf(ctx, s, n, share)
		if err != nil {
			return fmt.Errorf("%d entries: %w", n, err)
		}
		plot.Add("amend log", float64(n), took.Median())
		plot.Add("yq -i", float64(n), beside.Median())
		if i == 0 {
			first = took
			continue
		}
		ratio, measured := times(took, first)
		s.Add(fmt.Sprintf("growth of one more change over that with 10 entries at %d entries", n), measured, "≤ 1.5×", ratio <= 1.5)
	}
	s.Plots = append(s.Plots, plot)
	return nil
}

// logOf measures a log of n entries, in a share of the time that is left.
func (b *bench) logOf(ctx context.Context, s *report.Section, n int, share float64) (took, beside stat.Sample, err error) {
	w, err := newWorld(ctx, b, setting{files: 10, commits: 1, changes: n})
	if err != nil {
		return nil, nil, err
	}
	clone, err := w.clone(ctx)
	if err != nil {
		return nil, nil, err
	}
	all, err := w.recordIn(ctx, clone)
	if err != nil {
		return nil, nil, err
	}
	var memory int64
	for round := range b.rounds(share, 3, logEntryRounds) {
		if err := w.land(ctx, n+round); err != nil {
			return nil, nil, err
		}
		e, err := w.recordIn(ctx, clone)
		if err != nil {
			return nil, nil, err
		}
		took, memory = append(took, ms(e.wall)), max(memory, e.memory)
		if round >= yqRounds {
			continue
		}
		if e, err = w.yqEntry(ctx, clone); err != nil {
			return nil, nil, err
		}
		beside = append(beside, ms(e.wall))
	}
	at := fmt.Sprintf(" at %d entries", n)
	s.Note("amend log, the first time, adds all"+at, fmt.Sprintf("%.0f ms", ms(all.wall)))
	s.Note("amend log, one more change"+at, fmt.Sprintf("%.0f ms, memory %.0f MB (n=%d)", took.Median(), mb(memory), len(took)))
	s.Note("beside: `yq -i` adds an entry to the file"+at, fmt.Sprintf("%.0f ms (n=%d)", beside.Median(), len(beside)))
	if err := w.checkLog(ctx, n+len(took)); err != nil {
		return nil, nil, err
	}
	return took, beside, w.close()
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
