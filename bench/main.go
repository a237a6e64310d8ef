// Command bench measures amend beside what people use today, in one run on one
// machine, and writes the table of docs/performance.md with its plots. After
// every cell it checks what was done: a fast wrong answer counts as none.
// Cells that amend loses are printed like the others.
package main

import (
	"context"
	"errors"
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
	full  bool   // more sizes, and what takes a baseline minutes

	started []*program // all that were launched
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
	{"intake", benchIntake},
	{"storm", benchStorm},
	{"calls", benchCalls},
	{"programs", benchPrograms},
}

func main() {
	b := bench{}
	flag.StringVar(&b.bin, "bin", ".build/bin", "folder of the programs")
	out := flag.String("out", "", "document to write, e.g. docs/performance.md; the table is always printed")
	only := flag.String("run", ".", "regular expression: the benchmarks to run; the others keep their part of the document")
	flag.BoolVar(&b.short, "short", false, "few rounds and small sizes, to see that everything works")
	flag.BoolVar(&b.full, "full", false, "every size with every round trip, and baselines that take minutes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, b, *out, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, b bench, out, only string) (err error) {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	if b.bin, err = filepath.Abs(b.bin); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "amend-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	began := time.Now()
	var sections []*report.Section
	var failed []error
	for _, m := range benchmarks {
		if !pattern.MatchString(m.name) || ctx.Err() != nil {
			continue
		}
		fmt.Fprintf(os.Stderr, "%6.1fs  %s\n", time.Since(began).Seconds(), m.name)
		s, err := b.section(ctx, m)
		if err != nil { // the others are still worth their time
			failed = append(failed, fmt.Errorf("%s: %w", m.name, err))
			fmt.Fprintln(os.Stderr, "bench:", failed[len(failed)-1])
			continue
		}
		fmt.Println(s.Markdown("performance"))
		sections = append(sections, s)
	}
	conclude(sections)
	if out != "" {
		failed = append(failed, report.Write(out, preamble, "## Notes", sections))
	}
	return errors.Join(failed...)
}

// section runs one benchmark in a folder of its own.
func (b bench) section(ctx context.Context, m benchmark) (*report.Section, error) {
	b.dir = filepath.Join(b.dir, m.name)
	if err := os.Mkdir(b.dir, 0o755); err != nil {
		return nil, err
	}
	began, before := time.Now(), load()
	s := &report.Section{Name: m.name}
	if err := m.run(ctx, &b, s); err != nil {
		for _, p := range b.started {
			_ = p.end() // one that ended itself is no news any more
		}
		return nil, err
	}
	s.Run = fmt.Sprintf("Measured on %s in %s, on %d cores, with %s. Load of the machine at the start: %s.",
		began.UTC().Format(time.DateOnly), time.Since(began).Round(time.Second), runtime.NumCPU(), runtime.Version(), before)
	if b.short {
		s.Run += " A short run: few rounds, small sizes, no figures to quote."
	}
	return s, os.RemoveAll(b.dir)
}

// conclude prints every aim that is missed, and how many there are.
func conclude(sections []*report.Section) {
	aims, missed := 0, 0
	for _, s := range sections {
		for _, r := range s.Rows {
			if r.Verdict != report.None {
				aims++
			}
		}
		for _, r := range s.Missed() {
			missed++
			fmt.Printf("missed: %s: %s: %s, aim %s\n", s.Name, r.What, r.Measured, r.Aim)
		}
	}
	fmt.Printf("%d of %d aims are met\n", aims-missed, aims)
}

// preamble says what the figures stand for.
const preamble = `# Performance

Written by ` + "`make bench`" + `; below each title stands when, and on what a machine. Trust
ratios more than milliseconds: the programs, what they talk to and who measures them share
its cores.

Every baseline is measured in the same run, in turns with amend. Values are medians
unless a row says otherwise; an interval is the 95 % interval of a bootstrap. After
each cell the result is checked, and a wrong result ends the run. CPU time is that of
all processes that belong to a side.
`

// load returns the load averages, as far as the system tells.
func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(data))[:3], ", ")
}
