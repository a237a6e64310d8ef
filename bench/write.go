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

// The rounds of a cell: of amend's while there is time, and of the scripts until they
// have taken long, the least numbers aside.
const (
	amendRounds   = 30
	fewestFixes   = 10
	scriptRounds  = 5
	fewestScripts = 3
	scriptPatient = 12 * time.Second
)

// shortHistory is how many commits make no difference.
const shortHistory = 50

// benchWrite measures one change of one line on a branch.
func benchWrite(ctx context.Context, b *bench, s *report.Section) error {
	s.Title = "Writing one change"
	s.Text = `One alert, one changed line, one commit on the branch of the host. For amend the time is
from the post of the alert until the branch has moved: it includes taking the alert in,
writing it to disk, deciding, finding the line, proving it, and the commit. The baselines
only edit, commit and push the file that they are told: "git clone --depth 1" and yq; the
same with a sparse, blobless clone; and a program that does it with go-git. All talk HTTP
to one local Git host through a proxy that adds the round trip. *Warm* is the next change
after one of amend's own, when the record and the verdict of that are seen to; *after another
push* is the first after somebody else moved the branch. *Cold* is from the start of the
process, with nothing on disk, until its first change is on the branch. The sizes with the same
round trip take turns.

A proxy before the host notes when amend waits for it. *The push, as the host takes it*, is
from the first byte of the push until the branch has moved: the program "git" of the host,
which is the same whoever pushes. *Amend alone* is the rest of the time, without any answer
of the host. The aims are judged on the whole. Each part has a median of its own, so the parts
need not add up.`
	local := []setting{
		{files: 100, commits: shortHistory}, {files: 1000, commits: 1000}, {files: 10_000, commits: shortHistory},
		{files: 50_000, commits: shortHistory}, {files: 1000, commits: 100_000},
	}
	far := []setting{{files: 1000, commits: 1000, rtt: slowHost}}
	switch {
	case b.short:
		local, far[0] = local[:2], setting{files: 100, commits: shortHistory, rtt: slowHost}
	case b.full:
		far = slices.Clone(local)
		for i := range far {
			far[i].rtt = slowHost
		}
	}
	if err := b.writeAll(ctx, s, local, 0.8, "One change, no round trip"); err != nil {
		return err
	}
	return b.writeAll(ctx, s, far, 1, fmt.Sprintf("One change, a round trip of %v", slowHost))
}

// writeAll measures cells of several sizes side by side, in a share of the time that
// is left.
func (b *bench) writeAll(ctx context.Context, s *report.Section, settings []setting, share float64, title string) error {
	var cells []*cell
	for _, one := range settings {
		c, err := b.openCell(ctx, one)
		if err != nil {
			return fmt.Errorf("%d files, %d commits: %w", one.files, one.commits, err)
		}
		cells = append(cells, c)
	}
	for n := range b.rounds(share, fewestFixes, amendRounds) {
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

// grown writes down how a warm change grows from the smallest to the largest cell, by
// files and by history.
func grown(s *report.Section, cells []*cell) {
	find := func(files, commits int) *cell {
		i := slices.IndexFunc(cells, func(c *cell) bool { return c.files == files && c.commits == commits })
		if i < 0 {
			return nil
		}
		return cells[i]
	}
	if small, large := find(100, shortHistory), find(50_000, shortHistory); small != nil && large != nil {
		large.growth(s, "100 → 50,000 files", small)
		more := float64(large.memory) / float64(small.memory)
		s.Add("growth of the memory of amend serve, 100 → 50,000 files"+large.away(), fmt.Sprintf("%.2f×", more), "≤ 1.2×", more <= 1.2)
	}
	if small, large := find(1000, 1000), find(1000, 100_000); small != nil && large != nil {
		large.growth(s, "1,000 → 100,000 commits", small)
	}
}

// growth compares a cell with a smaller one.
func (c *cell) growth(s *report.Section, what string, small *cell) {
	what += c.away()
	ratio, measured := times(c.warm, small.warm)
	s.Add("growth of a warm change, "+what, measured, "≤ 1.2×", ratio <= 1.2)
	_, measured = times(c.push, small.push)
	s.Note("growth of the push, as the host takes it, "+what, measured)
	_, measured = times(c.alone, small.alone)
	s.Note("growth of amend alone, "+what, measured)
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
