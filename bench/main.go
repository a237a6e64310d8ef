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
	"iter"
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
	root  string // folder of amend's own sources
	dir   string // a scratch folder
	short bool   // fewest rounds and small sizes, to see that all of it works
	full  bool   // more sizes, and what takes a baseline minutes

	end     time.Time  // when the time of the section is over; see rounds
	started []*program // all that were launched
}

// A benchmark fills its section.
type benchmark struct {
	name string
	time time.Duration // that it takes, on a quiet machine with two cores
	run  func(context.Context, *bench, *report.Section) error
}

// Together they take less than wholeRun.
var benchmarks = []benchmark{
	{"locate", 65 * time.Second, benchLocate}, // the first, as it measures the memory of this process
	{"write", 145 * time.Second, benchWrite},
	{"contention", 85 * time.Second, benchContention},
	{"intake", 75 * time.Second, benchIntake},
	{"storm", 25 * time.Second, benchStorm},
	{"faults", 45 * time.Second, benchFaults},
	{"calls", 50 * time.Second, benchCalls},
	{"log", 55 * time.Second, benchLog},
	{"programs", 20 * time.Second, benchPrograms},
}

// wholeRun is how long all benchmarks may take, and deepTimes how many times as
// long in a full run.
const (
	wholeRun  = 10 * time.Minute
	deepTimes = 8
)

// notes begins the part of the document that people write.
const notes = "## Notes"

func main() {
	b := bench{}
	flag.StringVar(&b.bin, "bin", ".build/bin", "folder of the programs")
	flag.StringVar(&b.root, "root", ".", "folder of the sources, for the workflow of the log")
	out := flag.String("out", "", "document to write, e.g. docs/performance.md; what is measured is always printed")
	only := flag.String("run", ".", "regular expression: the benchmarks to run; the others keep their part of the document")
	flag.BoolVar(&b.short, "short", false, "fewest rounds and small sizes, to see that everything works")
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
	// The jobs of workflows find amend there.
	if err := os.Setenv("PATH", b.bin+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
		return err
	}
	began := time.Now()
	var sections []*report.Section
	var failed []error
	for _, m := range benchmarks {
		if !pattern.MatchString(m.name) || ctx.Err() != nil {
			continue
		}
		fmt.Fprintf(os.Stderr, "%6.1fs  %s, for %v\n", time.Since(began).Seconds(), m.name, m.time)
		s, err := b.section(ctx, m)
		if err != nil { // the others are still worth their time
			failed = append(failed, fmt.Errorf("%s: %w", m.name, err))
			fmt.Fprintln(os.Stderr, "bench:", failed[len(failed)-1])
			continue
		}
		fmt.Println(s.Markdown("performance"))
		sections = append(sections, s)
	}
	if out == "" {
		out = filepath.Join(b.dir, "performance.md") // nobody keeps it
	}
	failed = append(failed, conclude(out, sections))
	fmt.Printf("\nAll of it took %v; a run of everything is to take %v at most.\n", time.Since(began).Round(time.Second), wholeRun)
	return errors.Join(failed...)
}

// section runs one benchmark in a folder of its own.
func (b bench) section(ctx context.Context, m benchmark) (*report.Section, error) {
	b.dir = filepath.Join(b.dir, m.name)
	if err := os.Mkdir(b.dir, 0o755); err != nil {
		return nil, err
	}
	began, before := time.Now(), load()
	b.end = began.Add(m.time)
	switch {
	case b.short:
		b.end = began
	case b.full:
		b.end = began.Add(deepTimes * m.time)
	}
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

// rounds counts the rounds of a loop: at least so many, and then more while a share
// of what is left of the section's time lasts, but no more than most. So it is the
// time of a run that is bounded, on a slow machine too.
func (b *bench) rounds(share float64, least, most int) iter.Seq[int] {
	return func(yield func(int) bool) {
		began := time.Now()
		limit := time.Duration(share * float64(b.end.Sub(began)))
		for n := range most {
			// One more takes about as long as each of those before.
			spent := time.Since(began)
			if n >= least && spent+spent/time.Duration(max(n, 1)) > limit || !yield(n) {
				return
			}
		}
	}
}

// conclude writes the document and prints every aim that it has, and what of the
// missed ones nobody has explained.
func conclude(out string, sections []*report.Section) error {
	if err := report.Write(out, preamble, notes, sections); err != nil {
		return err
	}
	d, err := report.Read(out, notes)
	if err != nil {
		return err
	}
	fmt.Println(d.Summary())
	for _, what := range d.Unexplained() {
		fmt.Printf("missed, and not explained under %q: %s\n", notes, what)
	}
	return nil
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
