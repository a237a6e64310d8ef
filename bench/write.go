package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/amendhq/amend/bench/report"
)

// slowHost is the round trip to a host that is far away.
const slowHost = 40 * time.Millisecond

// The rounds of a cell: of amend's, and of the scripts until they have taken
// long, the least number aside.
const (
	amendRounds   = 20
	scriptRounds  = 5
	fewestScripts = 2
	scriptPatient = 12 * time.Second
)

// benchWrite measures one change of one line on a branch.
func benchWrite(ctx context.Context, b *bench, s *report.Section) error {
	s.Title = "Writing one change"
	s.Text = `One alert, one changed line, one commit on the branch of the host. For amend the time is
from the post of the alert until the branch has moved: it includes taking the alert in,
writing it to disk, deciding, finding the line, proving it, and the commit. The baselines
only edit, commit and push the file that they are told: "git clone --depth 1" and yq; the
same with a sparse, blobless clone; and a program that does it with go-git. All talk HTTP
to one local Git host through a proxy that adds the round trip. *Warm* is the next change
after one of amend's own; *after another push* is the first after somebody else moved the
branch. *Cold* is from the start of the process, with nothing on disk, until its first
change is on the branch. The sizes with the same round trip take turns.`
	local := []setting{
		{files: 100, commits: 50}, {files: 1000, commits: 1000}, {files: 10_000, commits: 50}, {files: 50_000, commits: 50}, {files: 1000, commits: 100_000},
	}
	far := []setting{{files: 1000, commits: 1000, rtt: slowHost}}
	switch {
	case b.short:
		local, far[0] = local[:2], setting{files: 100, commits: 50, rtt: slowHost}
	case b.full:
		far = slices.Clone(local)
		for i := range far {
			far[i].rtt = slowHost
		}
	}
	if err := b.writeAll(ctx, s, local, "One change, no round trip"); err != nil {
		return err
	}
	return b.writeAll(ctx, s, far, fmt.Sprintf("One change, a round trip of %v", slowHost))
}

// writeAll measures cells of several sizes side by side.
func (b *bench) writeAll(ctx context.Context, s *report.Section, settings []setting, title string) error {
	var cells []*cell
	for _, one := range settings {
		c, err := b.openCell(ctx, one)
		if err != nil {
			return fmt.Errorf("%d files, %d commits: %w", one.files, one.commits, err)
		}
		cells = append(cells, c)
	}
	rounds := amendRounds
	if b.short {
		rounds = scriptRounds
	}
	for n := range rounds {
		for _, c := range cells {
			if err := c.scripts(ctx, n); err != nil {
				return fmt.Errorf("scripts%s: %w", c.at(), err)
			}
		}
		for i := range cells {
			if n%2 == 1 { // there and back
				i = len(cells) - 1 - i
			}
			if err := cells[i].fixes(ctx); err != nil {
				return fmt.Errorf("amend%s: %w", cells[i].at(), err)
			}
		}
	}
	for _, c := range cells {
		if err := c.rows(s); err != nil {
			return err
		}
	}
	grown(s, cells)
	if len(cells) > 1 {
		s.Plots = append(s.Plots, bySize(title, cells))
	}
	for _, c := range cells {
		if err := c.world.close(); err != nil {
			return err
		}
	}
	return nil
}

// grown writes down how a warm change grows from the smallest to the largest
// cell, by files and by history.
func grown(s *report.Section, cells []*cell) {
	find := func(files, commits int) *cell {
		for _, c := range cells {
			if c.files == files && c.commits == commits {
				return c
			}
		}
		return nil
	}
	add := func(what string, large, small *cell) {
		if large == nil || small == nil {
			return
		}
		ratio, measured := times(large.warm, small.warm)
		s.Add(fmt.Sprintf("growth of a warm change, %s, %v", what, large.rtt), measured, "≤ 1.2×", ratio <= 1.2)
	}
	add("100 → 50,000 files", find(50_000, 50), find(100, 50))
	add("1,000 → 100,000 commits", find(1000, 100_000), find(1000, 1000))
}

// bySize plots the cells with a short history.
func bySize(title string, cells []*cell) report.Plot {
	plot := report.Plot{Title: title + ", by size of the repo", X: "files", Y: "ms"}
	for _, c := range cells {
		if c.commits > 1000 {
			continue
		}
		for _, one := range c.baselines {
			if len(one.wall) > 0 {
				plot.Add(one.name, float64(c.files), one.wall.Median())
			}
		}
		plot.Add("amend", float64(c.files), c.warm.Median())
	}
	return plot
}
