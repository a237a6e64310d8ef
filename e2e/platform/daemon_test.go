package platform

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDaemonOutlivesItsStart(t *testing.T) {
	l := testLayout(t)
	if err := os.MkdirAll(l.Run, 0o755); err != nil {
		t.Fatal(err)
	}
	d := daemon{name: "sleeper", argv: []string{"sleep", "600"}}
	if err := l.start(d); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.stop(context.Background(), d.name, time.Second) })
	pid, ok := l.alive(d.name)
	if !ok {
		t.Fatal("it does not run")
	}
	if err := l.start(d); err != nil {
		t.Fatal(err)
	}
	if again, _ := l.alive(d.name); again != pid {
		t.Errorf("a second start made another process: %d and %d", pid, again)
	}
	if names, err := l.daemonNames(); err != nil || !cmp.Equal(names, []string{"sleeper"}) {
		t.Errorf("the daemons are %q, %v", names, err)
	}
	if err := l.stop(t.Context(), d.name, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if _, ok := l.alive(d.name); ok {
		t.Error("it still runs")
	}
	if err := l.stop(t.Context(), d.name, time.Second); err != nil {
		t.Errorf("stopping what does not run: %v", err)
	}
}

// A process id that the kernel has given to somebody else is not ours to kill.
func TestReusedProcessIDIsNotOurs(t *testing.T) {
	l := testLayout(t)
	if err := os.MkdirAll(l.run("pid"), 0o755); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(mark{PID: os.Getpid(), Start: "1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l.markFile("other"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := l.alive("other"); ok {
		t.Error("this test is taken for a daemon")
	}
}

func TestWaitingEndsWithTheDaemon(t *testing.T) {
	l := testLayout(t)
	if err := os.MkdirAll(l.Run, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := l.start(daemon{name: "broken", argv: []string{"sh", "-c", "echo no such disk; exit 1"}}); err != nil {
		t.Fatal(err)
	}
	err := l.await(t.Context(), "broken", func(context.Context) error { return os.ErrNotExist })
	if err == nil || !strings.Contains(err.Error(), "it ended") || !strings.Contains(err.Error(), "no such disk") {
		t.Errorf("the error is %v, want that it ended and the end of its log", err)
	}
}
