package bus_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/bus"
)

const childDir = "AMEND_TEST_BUS_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		publishForever(dir)
	}
	os.Exit(m.Run())
}

// publishForever is the child that gets killed: it prints the number of each
// round after the bus accepted its events and its decision.
func publishForever(dir string) {
	ctx := context.Background()
	b, err := bus.Open(ctx, bus.Config{Dir: dir, MaxBytes: 64 << 20})
	for i := 0; err == nil; i++ {
		var batch []event.Event
		for n := range 1 + i%4 {
			batch = append(batch, newEvent(fmt.Sprintf("s%d", n), fmt.Sprintf("%d-%d", i, n)))
		}
		if err = b.Publish(ctx, batch); err == nil {
			err = b.RecordDecision(ctx, amend.Decision{EventID: fmt.Sprint(i)})
		}
		if err == nil {
			fmt.Println("acked", i)
		}
	}
	fmt.Println("failed", err)
	os.Exit(1)
}

func TestKilledProcessLosesNothingAccepted(t *testing.T) {
	dir := t.TempDir()
	acked := -1
	for _, until := range []int{20, 45, 90} { // each round meets the torn store of the one before
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childDir+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		last := -1
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if _, err := fmt.Sscanf(lines.Text(), "acked %d", &last); err != nil {
				t.Errorf("child: %s", lines.Text())
			}
			if last == until {
				_ = child.Process.Kill() // SIGKILL; what it printed before still comes
			}
		}
		_ = child.Wait()
		if last < until {
			t.Fatalf("the child got to %d only", last)
		}
		acked = max(acked, last)
	}

	b := open(t, func(c *bus.Config) { c.Dir = dir; c.MaxBytes = 64 << 20 })
	decisions, err := b.Decisions(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, d := range decisions {
		got[d.EventID] = true
	}
	for i := range acked + 1 {
		if !got[fmt.Sprint(i)] {
			t.Errorf("decision %d is lost", i)
		}
	}

	want := map[string]bool{}
	for i := range acked + 1 {
		for n := range 1 + i%4 {
			want[fmt.Sprintf("%d-%d", i, n)] = true
		}
	}
	done := false
	consume(t, b, 1, func(_ context.Context, e event.Event, _ int) error {
		delete(want, e.ID())
		done = len(want) == 0
		return nil
	}, func() bool { return done })
	if len(want) > 0 {
		t.Errorf("%d accepted events are lost: %s", len(want), strings.Join(keys(want), " "))
	}
}

func keys(m map[string]bool) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	return list
}
