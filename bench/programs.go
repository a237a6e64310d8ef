package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/bench/report"
	"github.com/amendhq/amend/bench/stat"
)

// programRounds is how often a program is run for a median, if there is time.
const (
	programRounds = 15
	fewestRuns    = 5
)

// simulateFiles is the size of the folder that amend simulate has an aim for.
const simulateFiles = 5000

// benchPrograms measures programs that run once and end.
func benchPrograms(ctx context.Context, b *bench, s *report.Section) error {
	s.Title = "Programs that run once"
	s.Text = `The whole process, from its start to its end. A step of a workflow is measured up to
where it has read its flags and shows its help: what every step costs before it works.
Containers run amend-step; amend has the same commands beside all others.`
	wall, memory, err := b.repeat(ctx, "", "amend-step", "decide", "--help")
	if err != nil {
		return err
	}
	s.Add("start of a step", fmt.Sprintf("%.0f ms (n=%d)", wall.Median(), len(wall)), "≤ 50 ms", wall.Median() <= 50)
	s.Add("memory of a step", fmt.Sprintf("%.0f MB", mb(memory)), "≤ 40 MB", memory <= 40<<20)
	step := wall.Median()
	if wall, memory, err = b.repeat(ctx, "", "amend", "step", "decide", "--help"); err != nil {
		return err
	}
	s.Note("the same step of amend", fmt.Sprintf("%.0f ms, memory %.0f MB (n=%d)", wall.Median(), mb(memory), len(wall)))
	plot := report.Plot{Title: "Programs that run once, by size of the folder", X: "files", Y: "ms"}
	for _, files := range []int{100, 1000, simulateFiles} {
		dir, alert, err := simulated(ctx, b, files)
		if err != nil {
			return err
		}
		if wall, memory, err = b.repeat(ctx, appFile(42), "amend", "simulate", "--repo", dir, "--alert", alert); err != nil {
			return err
		}
		plot.Add("amend simulate", float64(files), wall.Median())
		plot.Add("start of a step", float64(files), step)
		what, measured := fmt.Sprintf("amend simulate at %d files", files), fmt.Sprintf("%.0f ms (memory %.0f MB, n=%d)", wall.Median(), mb(memory), len(wall))
		if files < simulateFiles {
			s.Note(what, measured)
			continue
		}
		s.Add(what, measured, "≤ 150 ms", wall.Median() <= 150)
	}
	s.Plots = append(s.Plots, plot)
	return nil
}

// repeat runs a program again and again, each time with an output that holds want.
func (b *bench) repeat(ctx context.Context, want, program string, args ...string) (wall stat.Sample, memory int64, err error) {
	for range b.rounds(0.25, fewestRuns, programRounds) {
		out, e, err := b.measure(ctx, gitEnv(), "", filepath.Join(b.bin, program), args...)
		if err != nil {
			return nil, 0, err
		}
		if !strings.Contains(string(out), want) {
			return nil, 0, fmt.Errorf("%s %s does not show %s:\n%s", program, args[0], want, out)
		}
		wall, memory = append(wall, ms(e.wall)), max(memory, e.memory)
	}
	return wall, memory, nil
}

// simulated writes an env repo and an alert about one of its applications.
func simulated(ctx context.Context, b *bench, files int) (dir, alert string, err error) {
	dir, alert = filepath.Join(b.dir, fmt.Sprintf("env-%d", files)), filepath.Join(b.dir, "alert.json")
	write := func(name, data string) {
		file := filepath.Join(dir, name)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(file), 0o755)
		}
		if err == nil {
			err = os.WriteFile(file, []byte(data), 0o644)
		}
	}
	write(".amend/policy.yaml", setting{}.policy())
	for n := range files {
		write(appFile(n), deployment(n))
	}
	if err != nil {
		return "", "", err
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "-A"}, {"commit", "-q", "-m", "Begin"}} {
		if _, err := gitIn(ctx, dir, args...); err != nil {
			return "", "", err
		}
	}
	data, err := webhook([]amend.Alert{outOfMemory(42)})
	if err != nil {
		return "", "", err
	}
	return dir, alert, os.WriteFile(alert, data, 0o644)
}
