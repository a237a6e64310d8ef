package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// An effort is what doing something once has cost.
type effort struct {
	wall, cpu time.Duration
	memory    int64 // the most that one process held, in bytes
	// What of the wall time amend waited for the host to take a push, and for its
	// other answers.
	push, asked time.Duration
}

// command runs a program to its end. dir may be "".
func command(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	return commandWith(ctx, gitEnv(), dir, name, args...)
}

func commandWith(ctx context.Context, env []string, dir, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, env
	return finish(cmd)
}

// gitIn runs git in a folder. It starts no clean-up there, which would go on beside
// what is measured.
func gitIn(ctx context.Context, dir string, args ...string) ([]byte, error) {
	return command(ctx, dir, "git", append([]string{"-c", "gc.auto=0", "-c", "maintenance.auto=false"}, args...)...)
}

// measure is commandWith, and says what the program cost, with the programs that
// it ran in turn. It says so of one that failed, too.
func (b *bench) measure(ctx context.Context, env []string, dir, name string, args ...string) ([]byte, effort, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, effort{}, err
	}
	defer read.Close()
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "cost"), append([]string{name}, args...)...)
	cmd.Dir, cmd.Env, cmd.ExtraFiles = dir, env, []*os.File{write}
	out, failed := finish(cmd)
	if err := write.Close(); err != nil {
		return out, effort{}, errors.Join(failed, err)
	}
	var e effort
	if _, err := fmt.Fscan(read, &e.wall, &e.cpu, &e.memory); err != nil {
		return out, effort{}, cmp.Or(failed, err)
	}
	return out, e, failed
}

// finish runs a program to its end. An error holds what the program has printed.
func finish(cmd *exec.Cmd) ([]byte, error) {
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s%s", strings.Join(cmd.Args, " "), err, errs.Bytes(), out.Bytes())
	}
	return out.Bytes(), err
}

// gitEnv keeps the settings of the machine's user out, and names an author.
func gitEnv() []string {
	return append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Jo", "GIT_AUTHOR_EMAIL=jo@example.com", "GIT_COMMITTER_NAME=Jo", "GIT_COMMITTER_EMAIL=jo@example.com")
}

// timed runs a function of this process.
func timed(f func() error) (effort, error) {
	before := ownCPU()
	start := time.Now()
	err := f()
	return effort{wall: time.Since(start), cpu: ownCPU() - before}, err
}

func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// cpuOf returns the CPU time of a running process with its ended children, of
// which proc(5) counts hundredths of a second.
func cpuOf(pid int) (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	const utime = 14 - 3 // the fields are numbered from 1, and two were cut
	var ticks time.Duration
	for i := utime; i < utime+4; i++ {
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			return 0, err
		}
		ticks += time.Duration(n)
	}
	return ticks * 10 * time.Millisecond, nil
}

// peakOf returns the most memory that a running process held since its start,
// or since forgetPeak.
func peakOf(pid int) (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("no VmHWM in the status of the process")
}

// forgetPeak makes peakOf count from now on; see proc(5), clear_refs.
func forgetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func mb(bytes int64) float64 { return float64(bytes) / (1 << 20) }
