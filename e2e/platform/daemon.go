package platform

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// daemon is a program that outlives the command which starts it.
type daemon struct {
	name string
	argv []string
	env  []string // beside the environment of the command
}

// mark identifies a process for good: the kernel uses process ids again, but
// not together with the time at which the process started.
type mark struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // clock ticks since boot
}

func (l layout) markFile(name string) string { return l.run("pid", name) }

// start runs d in a session of its own, with its output in the log folder. It
// does nothing when d already runs.
func (l layout) start(d daemon) error {
	if _, alive := l.alive(d.name); alive {
		return nil
	}
	for _, dir := range []string{l.Log, filepath.Dir(l.markFile(d.name))} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	log, err := os.Create(l.logFile(d.name))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(d.argv[0], d.argv[1:]...)
	cmd.Env = append(os.Environ(), d.env...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = l.Run, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", d.name, err)
	}
	go cmd.Wait() // reaps it, should it die before this command ends
	started, _ := processStart(cmd.Process.Pid)
	text, err := json.Marshal(mark{PID: cmd.Process.Pid, Start: started})
	if err != nil {
		return err
	}
	return os.WriteFile(l.markFile(d.name), text, 0o600)
}

func (l layout) logFile(name string) string { return filepath.Join(l.Log, name+".log") }

// alive reports the process of the named daemon, if it runs.
func (l layout) alive(name string) (pid int, ok bool) {
	text, err := os.ReadFile(l.markFile(name))
	if err != nil {
		return 0, false
	}
	var m mark
	if json.Unmarshal(text, &m) != nil {
		return 0, false
	}
	started, state := processStart(m.PID)
	return m.PID, started != "" && started == m.Start && state != "Z"
}

// processStart reads when a process started and its state; both are empty when
// there is no such process.
func processStart(pid int) (start, state string) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", ""
	}
	// The second field is the name in brackets and may hold anything.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 20 {
		return "", ""
	}
	return fields[19], fields[0]
}

// stop ends the named daemon: asked first, and killed after grace.
func (l layout) stop(ctx context.Context, name string, grace time.Duration) error {
	pid, ok := l.alive(name)
	if !ok {
		return nil
	}
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGTERM, grace}, {syscall.SIGKILL, 5 * time.Second}} {
		if err := syscall.Kill(pid, step.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stopping %s: %w", name, err)
		}
		gone := func(context.Context) error {
			if _, alive := l.alive(name); alive {
				return fmt.Errorf("process %d still runs", pid)
			}
			return nil
		}
		if poll(ctx, step.wait, gone) == nil {
			return nil
		}
	}
	return fmt.Errorf("stopping %s: process %d did not end", name, pid)
}

// daemonNames lists the daemons that were started, whether or not they still run.
func (l layout) daemonNames() ([]string, error) {
	entries, err := os.ReadDir(l.run("pid"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// await polls ready until it succeeds, and gives up at once when the named
// daemon has died. The error then ends in the last lines of its log.
func (l layout) await(ctx context.Context, name string, ready func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := poll(ctx, 2*time.Minute, func(ctx context.Context) error {
		if _, alive := l.alive(name); !alive {
			cancel(fmt.Errorf("it ended"))
			return context.Cause(ctx)
		}
		return ready(ctx)
	})
	if err != nil {
		return fmt.Errorf("waiting for %s: %w; the end of %s:\n%s", name, err, l.logFile(name), l.logTail(name))
	}
	return nil
}

func (l layout) logTail(name string) string {
	text, _ := os.ReadFile(l.logFile(name))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}

// poll calls try a few times a second until it succeeds, limit is over or ctx
// ends. It returns the last error of try.
func poll(ctx context.Context, limit time.Duration, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		last := try(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(200 * time.Millisecond):
		}
	}
}
