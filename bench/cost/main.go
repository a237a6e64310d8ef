// Command cost runs a program and writes to file descriptor 3 what that took:
// nanoseconds until its end, nanoseconds of CPU, and the most bytes of memory
// that one process held.
//
// It is a process of its own because Linux counts what the parent of a process
// held before exec(2) as the child's: measured from the benchmark itself, every
// small program would seem to be as large as the benchmark.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		code = 1
	}
	os.Exit(code)
}

func run(args []string) (code int, err error) {
	if len(args) == 0 {
		return 0, errors.New("usage: cost PROGRAM [ARGUMENT...] 3>FILE")
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	start := time.Now()
	failed := cmd.Run()
	wall := time.Since(start)
	if cmd.ProcessState == nil {
		return 0, failed
	}
	// Of the programs that it ran in turn, too, as far as they were waited for.
	var all syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &all); err != nil {
		return 0, err
	}
	report := os.NewFile(3, "report")
	defer report.Close()
	_, err = fmt.Fprintln(report, wall.Nanoseconds(), all.Utime.Nano()+all.Stime.Nano(), all.Maxrss<<10)
	return cmd.ProcessState.ExitCode(), err
}
