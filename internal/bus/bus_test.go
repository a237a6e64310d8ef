package bus_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/bus"
)

func open(t testing.TB, change ...func(*bus.Config)) *bus.Bus {
	t.Helper()
	cfg := bus.Config{Dir: t.TempDir(), RetryMin: 5 * time.Millisecond, RetryMax: 20 * time.Millisecond}
	for _, c := range change {
		c(&cfg)
	}
	b, err := bus.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// newEvent returns the event of an alert of this name. Those of one identity differ
// in their time.
func newEvent(identity, name string) amend.Event {
	at := fnv.New32()
	_, _ = at.Write([]byte(name))
	return amend.Event{
		ID: identity + ".firing", Identity: identity, Time: time.Date(2026, 3, 2, 9, 15, 0, 0, time.UTC).Add(time.Duration(at.Sum32())),
		Alert: amend.Alert{Status: amend.Firing, Labels: map[string]string{"alertname": name}, StartsAt: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)},
	}
}

func events(identity string, names ...string) []amend.Event {
	var list []amend.Event
	for _, name := range names {
		list = append(list, newEvent(identity, name))
	}
	return list
}

// consume runs Consume until enough says so after a call of the handler; minutes
// without that fail the test.
func consume(t testing.TB, b *bus.Bus, lanes int, handle bus.Handler, enough func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	err := b.Consume(ctx, lanes, func(ctx context.Context, e amend.Event, attempt int) error {
		err := handle(ctx, e, attempt)
		if enough() {
			cancel()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !enough() {
		t.Fatal("not everything was handed out within five minutes")
	}
}

// A journal notes what a handler saw.
type journal struct {
	mu   sync.Mutex
	seen map[string][]string // identity -> names
	n    int
}

func (j *journal) note(e amend.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.seen == nil {
		j.seen = map[string][]string{}
	}
	j.seen[e.Identity] = append(j.seen[e.Identity], e.Alert.Name())
	j.n++
}

func (j *journal) has(n int) func() bool {
	return func() bool {
		j.mu.Lock()
		defer j.mu.Unlock()
		return j.n >= n
	}
}

// An event is the same whether this process has stored it or one before it.
func TestEventsArriveWhole(t *testing.T) {
	a := amend.Alert{
		Status: amend.Resolved, Labels: map[string]string{"alertname": "A\n<{{x}}>\u2028ü", "pod": "p"}, Annotations: map[string]string{"summary": "s"},
		StartsAt: time.Now().Add(-time.Hour), EndsAt: time.Now(), GeneratorURL: "http://g", Fingerprint: "f", ExternalURL: "http://e", Receiver: "r",
	}
	want := alert.NewEvent(a, time.Now(), alert.NewIdentity([]string{"pod"}))
	want.Trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	dir := t.TempDir()
	in := func(c *bus.Config) { c.Dir = dir }
	b := open(t, in)
	if err := b.Publish(t.Context(), []amend.Event{want}); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"memory", "disk"} {
		var got amend.Event
		var n atomic.Int32
		consume(t, b, 1, func(_ context.Context, e amend.Event, attempt int) error {
			if attempt != 1 {
				t.Errorf("attempt = %d", attempt)
			}
			got = e
			n.Add(1)
			return errors.New("once more")
		}, func() bool { return n.Load() == 1 })
		if !reflect.DeepEqual(want, got) {
			t.Errorf("from %s: %s", from, cmp.Diff(want, got))
		}
		b.Close()
		b = open(t, in)
	}
}

func TestOrderWithinSubject(t *testing.T) {
	// Every third event fails twice; a batch and single posts are mixed.
	b := open(t)
	want := map[string][]string{}
	var batch []amend.Event
	for i := range 60 {
		subject, id := fmt.Sprintf("s%d", i%5), fmt.Sprint(i)
		want[subject] = append(want[subject], id)
		batch = append(batch, newEvent(subject, id))
	}
	if err := b.Publish(t.Context(), batch[:50]); err != nil {
		t.Fatal(err)
	}
	for _, e := range batch[50:] {
		if err := b.Publish(t.Context(), []amend.Event{e}); err != nil {
			t.Fatal(err)
		}
	}
	var j journal
	var running sync.Map
	consume(t, b, 4, func(_ context.Context, e amend.Event, attempt int) error {
		if _, busy := running.LoadOrStore(e.Identity, true); busy {
			t.Errorf("two events of %s at the same time", e.Identity)
		}
		defer running.Delete(e.Identity)
		var i int
		_, _ = fmt.Sscan(e.Alert.Name(), &i)
		if i%3 == 0 && attempt < 3 {
			return errors.New("not now")
		}
		j.note(e)
		return nil
	}, j.has(60))
	if diff := cmp.Diff(want, j.seen); diff != "" {
		t.Error(diff)
	}
}

func TestSubjectsRunInParallelUpToTheLanes(t *testing.T) {
	b := open(t)
	for i := range 6 {
		if err := b.Publish(t.Context(), events(fmt.Sprintf("s%d", i), "x")); err != nil {
			t.Fatal(err)
		}
	}
	// Three handlers meet, so they run at the same time; a fourth never joins.
	var running, most, handled atomic.Int32
	meet := make(chan struct{})
	consume(t, b, 3, func(context.Context, amend.Event, int) error {
		n := running.Add(1)
		defer running.Add(-1)
		for {
			m := most.Load()
			if n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		if n == 3 {
			close(meet)
		}
		<-meet
		handled.Add(1)
		return nil
	}, func() bool { return handled.Load() >= 3 })
	if most.Load() != 3 {
		t.Errorf("%d at a time, want 3", most.Load())
	}
}

func TestFailingSubjectDoesNotStopOthers(t *testing.T) {
	b := open(t)
	if err := b.Publish(t.Context(), append(events("bad", "1", "2"), events("good", "1", "2", "3")...)); err != nil {
		t.Fatal(err)
	}
	var j journal
	consume(t, b, 1, func(_ context.Context, e amend.Event, _ int) error {
		if e.Identity == "bad" {
			return errors.New("never")
		}
		j.note(e)
		return nil
	}, j.has(3))
}

func TestPanicIsAnError(t *testing.T) {
	b := open(t)
	if err := b.Publish(t.Context(), events("a", "1")); err != nil {
		t.Fatal(err)
	}
	var j journal
	consume(t, b, 1, func(_ context.Context, e amend.Event, attempt int) error {
		if attempt == 1 {
			panic("boom")
		}
		j.note(e)
		return nil
	}, j.has(1))
}

// An event whose decision is recorded is done, whatever its handler does then.
func TestDecidedEventDoesNotComeAgain(t *testing.T) {
	b := open(t)
	if err := b.Publish(t.Context(), events("a", "1", "2")); err != nil {
		t.Fatal(err)
	}
	var j journal
	consume(t, b, 1, func(ctx context.Context, e amend.Event, _ int) error {
		j.note(e)
		if e.Alert.Name() == "2" {
			return nil
		}
		if err := b.RecordDecision(ctx, amend.Decision{EventID: e.ID, ReceivedAt: e.Time}); err != nil {
			t.Error(err)
		}
		panic("boom")
	}, j.has(2))
	if diff := cmp.Diff([]string{"1", "2"}, j.seen["a"]); diff != "" {
		t.Error(diff)
	}
}

func TestUnhandledEventsSurviveReopen(t *testing.T) {
	dir := t.TempDir()
	in := func(c *bus.Config) { c.Dir = dir }
	b := open(t, in)
	if err := b.Publish(t.Context(), events("a", "1", "2", "3")); err != nil {
		t.Fatal(err)
	}
	var first journal
	consume(t, b, 1, func(ctx context.Context, e amend.Event, _ int) error {
		if e.Alert.Name() == "2" {
			first.note(e)
			return errors.New("down")
		}
		return b.RecordDecision(ctx, amend.Decision{EventID: e.ID, ReceivedAt: e.Time})
	}, first.has(1))
	b.Close()

	// Nothing waits for a timer of the ended process, and 1, which was stored
	// together with the others, does not come back.
	var second journal
	consume(t, open(t, in), 1, func(_ context.Context, e amend.Event, _ int) error {
		second.note(e)
		return nil
	}, second.has(2))
	if diff := cmp.Diff([]string{"2", "3"}, second.seen["a"]); diff != "" {
		t.Error(diff)
	}
}

func TestDrainLetsHandlersFinish(t *testing.T) {
	b := open(t)
	if err := b.Publish(t.Context(), events("a", "1")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	finished := false
	err := b.Consume(ctx, 1, func(ctx context.Context, _ amend.Event, _ int) error {
		cancel()
		if ctx.Err() != nil {
			t.Error("the handler's context ended with the consumer's")
		}
		finished = true
		return nil
	})
	if err != nil || !finished {
		t.Errorf("Consume = %v, finished %v", err, finished)
	}
	if n := waiting(t, b); n != 0 {
		t.Errorf("%d events wait after the drain, want 0", n)
	}
}

func TestGraceEnds(t *testing.T) {
	b := open(t, func(c *bus.Config) { c.Grace = time.Millisecond })
	if err := b.Publish(t.Context(), events("a", "1")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := b.Consume(ctx, 1, func(ctx context.Context, _ amend.Event, _ int) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	})
	if err != nil {
		t.Error(err)
	}
	if n := waiting(t, b); n != 1 {
		t.Errorf("%d events wait, want the one that did not finish", n)
	}
}

// waiting returns how many events a new consumer gets before a mark.
func waiting(t *testing.T, b *bus.Bus) int {
	t.Helper()
	if err := b.Publish(t.Context(), events("mark", "mark")); err != nil {
		t.Fatal(err)
	}
	n := 0
	var done atomic.Bool
	consume(t, b, 1, func(_ context.Context, e amend.Event, _ int) error {
		if e.Identity == "mark" {
			done.Store(true)
		} else {
			n++
		}
		return nil
	}, done.Load)
	return n
}

func TestOneConsumer(t *testing.T) {
	b := open(t)
	if err := b.Publish(t.Context(), events("a", "1")); err != nil {
		t.Fatal(err)
	}
	var done atomic.Bool
	consume(t, b, 1, func(ctx context.Context, _ amend.Event, _ int) error {
		if err := b.Consume(ctx, 1, nil); amend.KindOf(err) != amend.Conflict {
			t.Errorf("second Consume = %v, want Conflict", err)
		}
		done.Store(true)
		return nil
	}, done.Load)
}

func TestFolderInUse(t *testing.T) {
	dir := t.TempDir()
	open(t, func(c *bus.Config) { c.Dir = dir })
	if b, err := bus.Open(t.Context(), bus.Config{Dir: dir}); amend.KindOf(err) != amend.Transient {
		t.Errorf("Open = %v, %v; want Transient", b, err)
	}
}

func TestOpenNeedsAFolder(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.Open(t.Context(), bus.Config{Dir: file}); amend.KindOf(err) != amend.Invalid {
		t.Errorf("err = %v, want Invalid", err)
	}
}

func TestReady(t *testing.T) {
	b := open(t)
	if err := b.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	b.Close()
	if err := b.Ready(t.Context()); amend.KindOf(err) != amend.Transient {
		t.Errorf("closed: %v, want Transient", err)
	}
	if err := b.Publish(t.Context(), events("a", "1")); amend.KindOf(err) != amend.Transient {
		t.Errorf("publish when closed: %v, want Transient", err)
	}
}
