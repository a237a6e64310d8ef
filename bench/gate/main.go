// Command gate compares the allocations of two runs of benchmarks and fails when
// one of them has grown. Allocations are counted, not timed, so they say the same
// on a busy machine.
package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"golang.org/x/perf/benchfmt"

	"github.com/amendhq/amend/bench/stat"
)

// A benchmark may allocate so much more than before, and one allocation more in
// any case: a tenth of a few is nothing.
const (
	growth = 1.10
	slack  = 1
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gate:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: gate OLD NEW")
	}
	var runs [2]map[string]stat.Sample
	for i, name := range args {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		if runs[i], err = allocations(f, name); err != nil {
			return err
		}
	}
	grown := compare(runs[0], runs[1])
	for _, line := range grown {
		fmt.Println(line)
	}
	if len(grown) > 0 {
		return fmt.Errorf("%d benchmarks allocate over 10 %% more", len(grown))
	}
	fmt.Printf("none of %d benchmarks allocates over 10 %% more\n", len(runs[1]))
	return nil
}

// allocations reads what "go test -benchmem" printed.
func allocations(r io.Reader, name string) (map[string]stat.Sample, error) {
	counts := map[string]stat.Sample{}
	reader := benchfmt.NewReader(r, name)
	for reader.Scan() {
		result, ok := reader.Result().(*benchfmt.Result)
		if !ok {
			continue // a line that is no result, such as that of the test's end
		}
		key := result.GetConfig("pkg") + " " + result.Name.String()
		if n, ok := result.Value("allocs/op"); ok {
			counts[key] = append(counts[key], n)
		}
	}
	if len(counts) == 0 && reader.Err() == nil {
		return nil, fmt.Errorf("%s holds no benchmark with allocations", name)
	}
	return counts, reader.Err()
}

// compare returns a line for each benchmark of both runs that allocates too
// much more than before.
func compare(old, now map[string]stat.Sample) []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(now)) {
		before, known := old[name]
		if a, b := before.Median(), now[name].Median(); known && b > a*growth && b > a+slack {
			lines = append(lines, fmt.Sprintf("%s: %.0f allocations instead of %.0f", name, b, a))
		}
	}
	return lines
}
