// Command bench measures amend beside what people use today, in one run on one
// machine, and writes the table of docs/performance.md with its plots. After
// every cell it checks what was done: a fast wrong answer counts as none.
// Cells that amend loses are printed like the others.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/amendhq/amend/bench/report"
)

// A bench is what every benchmark is given.
type bench struct {
	bin   string // folder of the programs
	dir   string // a scratch folder
	short bool   // fewer rounds and sizes, to see that all of it works
}

// A benchmark fills its section.
type benchmark struct {
	name string
	run  func(context.Context, *bench, *report.Section) error
}

var benchmarks = []benchmark{
	{"locate", benchLocate},
	{"write", benchWrite},
	{"contention", benchContention},
	{"storm", benchStorm},
	{"programs", benchPrograms},
}

func main() {
	bin := flag.String("bin", ".build/bin", "folder of the programs: amend, forge, kustomize, yq")
	out := flag.String("out", "", "document to write, e.g. docs/performance.md; the table is always printed")
	only := flag.String("run", ".", "regular expression: the benchmarks to run")
	short := flag.Bool("short", false, "few rounds and small sizes, to see that everything works")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *bin, *out, *only, *short); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bin, out, only string, short bool) (err error) {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	if bin, err = filepath.Abs(bin); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "amend-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	began := time.Now()
	var sections []*report.Section
	for _, m := range benchmarks {
		if !pattern.MatchString(m.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%6.1fs  %s\n", time.Since(began).Seconds(), m.name)
		s := &report.Section{Name: m.name}
		b := &bench{bin: bin, dir: filepath.Join(dir, m.name), short: short}
		if err := os.Mkdir(b.dir, 0o755); err != nil {
			return err
		}
		if err := m.run(ctx, b, s); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if err := os.RemoveAll(b.dir); err != nil {
			return err
		}
		fmt.Println(s.Markdown("performance"))
		sections = append(sections, s)
	}
	for _, s := range sections {
		for _, r := range s.Missed() {
			fmt.Printf("missed: %s: %s: %s, aim %s\n", s.Name, r.What, r.Measured, r.Aim)
		}
	}
	if out == "" {
		return nil
	}
	return report.Write(out, preamble(began, short), "## Notes", sections)
}

// preamble says what the figures stand for.
func preamble(began time.Time, short bool) string {
	text := fmt.Sprintf(`# Performance

Written by `+"`make bench`"+` in %s, on %d cores, with %s.
The load of the machine was %s at the end: the
benchmarks themselves are a part of it. Trust ratios more than milliseconds.

Every baseline is measured in the same run, in turns with amend. Values are medians
unless a row says otherwise; an interval is the 95 %% interval of a bootstrap. After
each cell the result is checked, and a wrong result ends the run. CPU time is that of
all processes that belong to a side.
`, time.Since(began).Round(time.Second), runtime.NumCPU(), runtime.Version(), load())
	if short {
		text += "\nThis was a short run (`-short`): few rounds, small sizes, no figures to quote.\n"
	}
	return text
}

// load returns the load averages, as far as the system tells.
func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(data))[:3], ", ")
}
