package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/amendhq/amend"
)

// A slowDisk is the store of a group in a test: each message waits until it is let
// through.
type slowDisk struct {
	through  chan struct{}
	messages [][]string // the bodies of the shares of each
	then     func(ctx context.Context, shares []*share) error
}

func (s *slowDisk) store(ctx context.Context, shares []*share) error {
	<-s.through
	var bodies []string
	for _, s := range shares {
		bodies = append(bodies, strings.TrimSpace(string(s.body)))
	}
	slices.Sort(bodies)
	s.messages = append(s.messages, bodies)
	return s.then(ctx, shares)
}

// waitFor waits until the group stores something and so many shares wait.
func (g *group) waitFor(n int) {
	for ; ; time.Sleep(time.Millisecond) {
		g.mu.Lock()
		there := g.busy && len(g.waiting) == n
		g.mu.Unlock()
		if there {
			return
		}
	}
}

func line(s string) *share { return &share{body: []byte(s + "\n")} }

func TestCallersMeetWhileTheDiskIsBusy(t *testing.T) {
	disk := &slowDisk{through: make(chan struct{}), then: func(context.Context, []*share) error { return nil }}
	g := &group{store: disk.store}
	var all sync.WaitGroup
	add := func(ctx context.Context, body string, want error) {
		all.Go(func() {
			if err := g.add(ctx, line(body)); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", body, err, want)
			}
		})
	}
	add(t.Context(), "first", nil)
	g.waitFor(0)
	impatient, leave := context.WithCancel(t.Context())
	for i := range 9 {
		add(t.Context(), fmt.Sprint(i), nil)
	}
	add(impatient, "impatient", context.Canceled)
	g.waitFor(10)
	leave()
	g.waitFor(9)
	disk.through <- struct{}{}
	disk.through <- struct{}{}
	all.Wait()
	want := [][]string{{"first"}, {"0", "1", "2", "3", "4", "5", "6", "7", "8"}}
	if diff := cmp.Diff(want, disk.messages); diff != "" {
		t.Error(diff)
	}
}

// What one caller asks for does not cost the others theirs; a disk that fails fails
// for all.
func TestRefusedShare(t *testing.T) {
	broken := errors.New("broken")
	full := fmt.Errorf("nats: %w", &jetstream.APIError{Description: "maximum bytes exceeded"})
	for name, tt := range map[string]struct{ err, others error }{
		"one is refused": {full, nil},
		"nothing works":  {broken, broken},
	} {
		g := &group{store: func(_ context.Context, shares []*share) error {
			for _, s := range shares {
				if string(s.body) == "bad\n" {
					return tt.err
				}
			}
			return nil
		}}
		shares := []*share{line("good"), line("bad"), line("fine")}
		for _, s := range shares {
			s.done = make(chan error, 1)
		}
		g.waiting = slices.Clone(shares)
		g.work()
		for i, s := range shares {
			want := tt.others
			if i == 1 {
				want = tt.err
			}
			if err := <-s.done; !errors.Is(err, want) {
				t.Errorf("%s: share %d: %v, want %v", name, i, err, want)
			}
		}
	}
}

// The server says that it is full in the way that the group expects: who comes at the
// same time as one that asks for too much is served.
func TestFullStoreTakesWhatFits(t *testing.T) {
	b, err := Open(t.Context(), Config{Dir: t.TempDir(), MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	disk := &slowDisk{through: make(chan struct{}), then: b.storeEvents}
	b.intake.store = disk.store
	var all sync.WaitGroup
	publish := func(subject string, size int, want amend.Kind) {
		e := plainEvent(subject)
		e.Alert.Annotations = map[string]string{"summary": strings.Repeat("x", size)}
		all.Go(func() {
			if err := b.Publish(t.Context(), []amend.Event{e}); amend.KindOf(err) != want {
				t.Errorf("%s: %v, want %v", subject, err, want)
			}
		})
	}
	publish("first", 1, "")
	b.intake.waitFor(0)
	publish("big", 2<<20, amend.Transient)
	for i := range 5 {
		publish(fmt.Sprintf("s%d", i), 1000, "")
	}
	b.intake.waitFor(6)
	close(disk.through)
	all.Wait()
	if n := b.waiting(); n != 6 {
		t.Errorf("%v events wait, want 6", n)
	}
}

func TestGroupIsBounded(t *testing.T) {
	g := &group{}
	of := func(size int) *share { return &share{body: make([]byte, size)} }
	g.waiting = []*share{of(maxGroup + 1), of(10), of(maxGroup - 20), of(10), of(1), of(maxGroup)}
	var got []int
	for shares := g.next(); len(shares) > 0; shares = g.next() {
		got = append(got, len(shares))
	}
	if diff := cmp.Diff([]int{1, 3, 1, 1}, got); diff != "" {
		t.Error(diff)
	}
}

// Everything that many publishers were told is stored is there once, after one
// message and so one sync for the first and one for all others.
func TestPublishersShareASync(t *testing.T) {
	dir := t.TempDir()
	b, err := Open(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	disk := &slowDisk{through: make(chan struct{}), then: b.storeEvents}
	b.intake.store = disk.store
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			if err := b.Publish(t.Context(), []amend.Event{plainEvent(fmt.Sprintf("s%d", i)), plainEvent("same")}); err != nil {
				t.Error(err)
			}
		})
		b.intake.waitFor(i) // the first has left the line before the others come
	}
	close(disk.through)
	all.Wait()
	info, err := b.alerts.Info(t.Context())
	if err != nil || info.State.Msgs != 2 {
		t.Errorf("%d messages, want 2 (%v)", info.State.Msgs, err)
	}
	b.Close()

	b, err = Open(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if n := b.waiting(); n != 100 {
		t.Errorf("%v events wait, want 100", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	seen, n := map[string]int{}, 0
	err = b.Consume(ctx, 8, func(_ context.Context, e amend.Event, _ int) error {
		mu.Lock()
		defer mu.Unlock()
		seen[e.Identity]++
		if n++; n == 100 {
			cancel()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if seen[fmt.Sprintf("s%d", i)] != 1 {
			t.Errorf("s%d came %d times", i, seen[fmt.Sprintf("s%d", i)])
		}
	}
	if seen["same"] != 50 {
		t.Errorf("same came %d times, want 50", seen["same"])
	}
}

// A bus that is closed while many publish tells each what became of its event.
func TestCloseWhilePublishing(t *testing.T) {
	dir := t.TempDir()
	b, err := Open(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	acked := 0
	some := make(chan struct{}, 1)
	for range 16 {
		all.Go(func() {
			for {
				if err := b.Publish(t.Context(), []amend.Event{plainEvent("a")}); err != nil {
					if amend.KindOf(err) != amend.Transient {
						t.Errorf("%v, want Transient", err)
					}
					return
				}
				mu.Lock()
				acked++
				mu.Unlock()
				select {
				case some <- struct{}{}:
				default:
				}
			}
		})
	}
	<-some
	b.Close()
	all.Wait()
	b, err = Open(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if n := int(b.waiting()); n < acked || n > acked+16 {
		t.Errorf("%d events are stored, %d were accepted", n, acked)
	}
}
