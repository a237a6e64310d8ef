package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const before = `goos: linux
pkg: example.com/a
BenchmarkSame-2       100  5000 ns/op  64 B/op  20 allocs/op
BenchmarkTenth-2      100  5000 ns/op  64 B/op  20 allocs/op
BenchmarkFew-2        100  5000 ns/op  64 B/op   2 allocs/op
BenchmarkNone-2       100  5000 ns/op   0 B/op   0 allocs/op
BenchmarkGone-2       100  5000 ns/op  64 B/op  20 allocs/op
BenchmarkOutlier-2    100  5000 ns/op  64 B/op  20 allocs/op
PASS
`

const after = `goos: linux
pkg: example.com/a
BenchmarkSame-2       100  9000 ns/op  64 B/op  20 allocs/op
BenchmarkTenth-2      100  5000 ns/op  64 B/op  23 allocs/op
BenchmarkFew-2        100  5000 ns/op  64 B/op   3 allocs/op
BenchmarkNone-2       100  5000 ns/op   0 B/op   2 allocs/op
BenchmarkNew-2        100  5000 ns/op  64 B/op  99 allocs/op
BenchmarkOutlier-2    100  5000 ns/op  64 B/op  20 allocs/op
BenchmarkOutlier-2    100  5000 ns/op  64 B/op  99 allocs/op
BenchmarkOutlier-2    100  5000 ns/op  64 B/op  20 allocs/op
PASS
`

func TestCompare(t *testing.T) {
	old, err := allocations(strings.NewReader(before), "before")
	if err != nil {
		t.Fatal(err)
	}
	now, err := allocations(strings.NewReader(after), "after")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"example.com/a None-2: 2 allocations instead of 0",
		"example.com/a Tenth-2: 23 allocations instead of 20",
	}
	if diff := cmp.Diff(want, compare(old, now)); diff != "" {
		t.Error(diff)
	}
}

// A run that failed must not look like one without allocations.
func TestNothingToCompare(t *testing.T) {
	if _, err := allocations(strings.NewReader("FAIL\n"), "run"); err == nil {
		t.Error("no error for a run without benchmarks")
	}
}
