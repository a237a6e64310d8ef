package bus_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/bus"
)

const (
	childDir   = "AMEND_TEST_BUS_DIR"
	publishers = 8
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		publishForever(dir)
	}
	os.Exit(m.Run())
}

// publishForever is the child that gets killed. Several of its goroutines publish,
// and print the number of each round after the bus accepted its events and its
// decision. Meanwhile it decides about the events of every other round.
func publishForever(dir string) {
	ctx := context.Background()
	b, err := bus.Open(ctx, bus.Config{Dir: dir, MaxBytes: 64 << 20})
	if err != nil {
		fail(err)
	}
	go func() {
		fail(b.Consume(ctx, 8, func(ctx context.Context, e amend.Event, _ int) error {
			if strings.HasSuffix(e.Identity, "odd") {
				return b.RecordDecision(ctx, amend.Decision{EventID: e.ID, ReceivedAt: e.Time})
			}
			return errors.New("not now")
		}))
	}()
	for i := range publishers {
		go func() {
			for ; ; i += publishers {
				if err := b.Publish(ctx, round(i)); err != nil {
					fail(err)
				}
				if err := b.RecordDecision(ctx, amend.Decision{EventID: fmt.Sprint(i)}); err != nil {
					fail(err)
				}
				fmt.Println("acked", i)
			}
		}()
	}
	select {}
}

// round returns the events that are published together as the ith.
func round(i int) []amend.Event {
	var batch []amend.Event
	for n := range 1 + i%4 {
		id := fmt.Sprintf("%d-%d", i, n)
		batch = append(batch, newEvent(fmt.Sprintf("%s-%s", id, []string{"even", "odd"}[i%2]), id))
	}
	return batch
}

func fail(err error) {
	fmt.Println("failed", err)
	os.Exit(1)
}

// runUntilKilled starts the child, kills it when it printed a round as late as the
// given one, and adds what it printed to the accepted rounds.
func runUntilKilled(t *testing.T, dir string, until int, accepted map[int]bool) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	latest := -1
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var i int
		if _, err := fmt.Sscanf(lines.Text(), "acked %d", &i); err != nil {
			t.Errorf("child: %s", lines.Text())
		}
		accepted[i] = true
		if latest = max(latest, i); latest >= until {
			_ = child.Process.Kill() // SIGKILL; what it printed before still comes
		}
	}
	_ = child.Wait()
	if latest < until {
		t.Fatalf("the child got to %d only", latest)
	}
}

func TestKilledProcessLosesNothingAccepted(t *testing.T) {
	dir := t.TempDir()
	accepted := map[int]bool{}
	for _, until := range []int{20, 45, 90} { // each meets the torn store of the one before
		runUntilKilled(t, dir, until, accepted)
	}
	b := open(t, func(c *bus.Config) { c.Dir = dir; c.MaxBytes = 64 << 20 })
	list, err := b.Decisions(t.Context(), 100_000)
	if err != nil {
		t.Fatal(err)
	}
	decided := map[string]bool{}
	for _, d := range list {
		if decided[d.EventID] {
			t.Errorf("%s has two decisions", d.EventID)
		}
		decided[d.EventID] = true
	}
	handed := map[string]bool{}
	if err := b.Publish(t.Context(), events("last", "last")); err != nil {
		t.Fatal(err)
	}
	consume(t, b, 1, func(_ context.Context, e amend.Event, _ int) error {
		handed[e.ID] = true
		if decided[e.ID] {
			t.Errorf("event %s comes again, although it is decided", e.ID)
		}
		return nil
	}, func() bool { return handed["last.firing"] })
	for i := range accepted {
		if !decided[fmt.Sprint(i)] {
			t.Errorf("decision %d is lost", i)
		}
		for _, e := range round(i) {
			if !decided[e.ID] && !handed[e.ID] {
				t.Errorf("accepted event %s is lost", e.ID)
			}
		}
	}
}
