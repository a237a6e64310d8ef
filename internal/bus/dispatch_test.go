package bus

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
)

func plainEvent(identity string) amend.Event {
	return amend.Event{ID: identity + ".firing", Identity: identity, Alert: amend.Alert{Status: amend.Firing, Labels: map[string]string{"alertname": "A"}}}
}

func TestPoisonBecomesADeadLetter(t *testing.T) {
	b, err := Open(t.Context(), Config{Dir: t.TempDir(), RetryMin: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	good, err := alert.Marshal(plainEvent("a"))
	if err != nil {
		t.Fatal(err)
	}
	poison := []string{
		"", "not JSON", "{}", `{"specversion":"1.0"}`, `{"specversion":"1.0","id":"1","source":"amend/test","type":"dev.amend.test.v1","subject":"a"}`,
		strings.ReplaceAll(string(good), `"a`, `"a b`), strings.Replace(string(good), "firing.v1", "firing.v2", 1),
	}
	for _, body := range poison {
		if _, err := b.js.Publish(t.Context(), alertPrefix+"a", []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Publish(t.Context(), []amend.Event{plainEvent("a")}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	handled := 0
	if err := b.Consume(ctx, 2, func(context.Context, amend.Event, int) error {
		if n := testutil.ToFloat64(b.metrics.handled.WithLabelValues(resultDead)); n < float64(len(poison)) {
			return errors.New("the poison comes first")
		}
		handled++
		cancel()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if handled != 1 {
		t.Errorf("%d events handled, want the one behind the poison", handled)
	}
	dead, err := b.js.Stream(t.Context(), deadStream)
	if err != nil {
		t.Fatal(err)
	}
	for i, body := range poison {
		m, err := dead.GetMsg(t.Context(), uint64(i+1))
		if err != nil {
			t.Fatal(err)
		}
		if string(m.Data) != body {
			t.Errorf("dead letter %d = %q", i, m.Data)
		}
	}
	if n := b.waiting(); n != 0 {
		t.Errorf("%v events left, want 0", n)
	}
}

// Events that an earlier version stored, one in a message, are counted and handed
// out.
func TestEventsOfAnEarlierVersion(t *testing.T) {
	dir := t.TempDir()
	b, err := Open(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { b.Close() }()
	for _, subject := range []string{"a", "a", "b"} {
		body, err := alert.Marshal(plainEvent(subject))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.js.Publish(t.Context(), alertPrefix+subject, body); err != nil {
			t.Fatal(err)
		}
	}
	b.Close()
	if b, err = Open(t.Context(), Config{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if n := b.waiting(); n != 3 {
		t.Errorf("%v events wait, want 3", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	handled := 0
	if err := b.Consume(ctx, 1, func(context.Context, amend.Event, int) error {
		if handled++; handled == 3 {
			cancel()
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n := b.waiting(); n != 0 {
		t.Errorf("%v events wait, want 0", n)
	}
}

// However many events fail or wait behind others, what is held of them is bounded:
// no further message is taken in hand.
func TestWhatIsInHandIsBounded(t *testing.T) {
	b, err := Open(t.Context(), Config{Dir: t.TempDir(), RetryMin: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, subject := range []string{"a", "b"} {
		if err := b.Publish(t.Context(), []amend.Event{plainEvent(subject)}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var seen []string
	d := newDispatcher(b, 1, func(_ context.Context, e amend.Event, attempt int) error {
		seen = append(seen, e.Identity)
		if e.Identity == "a" && attempt < 3 {
			return errors.New("not now")
		}
		if e.Identity == "b" {
			cancel()
		}
		return nil
	})
	d.room = 1
	broken := make(chan error, 1)
	go func() { broken <- b.read(ctx, d.records) }()
	if err := d.run(ctx, ctx, broken); err != nil {
		t.Fatal(err)
	}
	d.drain(ctx)
	if got := strings.Join(seen, ""); got != "aaab" {
		t.Errorf("handled in the order %s, want aaab", got)
	}
}

// A slowStream does not answer in time, so many times.
type slowStream struct {
	jetstream.Stream
	gets, deletes atomic.Int32
	removed       func() // is called when a message was
}

func (s *slowStream) GetMsg(ctx context.Context, seq uint64, opts ...jetstream.GetMsgOpt) (*jetstream.RawStreamMsg, error) {
	if s.gets.Add(-1) >= 0 {
		return nil, context.DeadlineExceeded
	}
	return s.Stream.GetMsg(ctx, seq, opts...)
}

func (s *slowStream) DeleteMsg(ctx context.Context, seq uint64) error {
	if s.deletes.Add(-1) >= 0 {
		return context.DeadlineExceeded
	}
	defer s.removed()
	return s.Stream.DeleteMsg(ctx, seq)
}

// A server that is slow is asked again, and nothing is handled twice or left behind.
func TestSlowServer(t *testing.T) {
	b, err := Open(t.Context(), Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	slow := &slowStream{Stream: b.alerts, removed: cancel}
	slow.gets.Store(2)
	slow.deletes.Store(20)
	b.alerts, b.fresh.room = slow, 0 // everything has to be read
	if err := b.Publish(t.Context(), []amend.Event{plainEvent("a")}); err != nil {
		t.Fatal(err)
	}
	handled := 0
	if err := b.Consume(ctx, 1, func(context.Context, amend.Event, int) error { handled++; return nil }); err != nil {
		t.Fatal(err)
	}
	if n := b.waiting(); handled != 1 || n != 0 {
		t.Errorf("handled %d times, %v wait; want 1 and 0", handled, n)
	}
}

// A brokenStream cannot be read behind its first message, once broken is closed.
type brokenStream struct {
	jetstream.Stream
	broken chan struct{}
}

func (s *brokenStream) GetMsg(ctx context.Context, seq uint64, opts ...jetstream.GetMsgOpt) (*jetstream.RawStreamMsg, error) {
	if seq == 1 {
		return s.Stream.GetMsg(ctx, seq, opts...)
	}
	<-s.broken
	return nil, errors.New("broken")
}

// When the stream cannot be read any more, Consume ends and says so, and running
// handlers are told to.
func TestBrokenStreamEndsHandlers(t *testing.T) {
	b, err := Open(t.Context(), Config{Dir: t.TempDir(), Grace: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	broken := make(chan struct{})
	b.alerts, b.fresh.room = &brokenStream{b.alerts, broken}, 0 // everything has to be read
	for range 2 {
		if err := b.Publish(t.Context(), []amend.Event{plainEvent("a")}); err != nil {
			t.Fatal(err)
		}
	}
	err = b.Consume(t.Context(), 1, func(ctx context.Context, _ amend.Event, _ int) error {
		close(broken)
		<-ctx.Done()
		return ctx.Err()
	})
	if amend.KindOf(err) != amend.Transient {
		t.Errorf("err = %v, want Transient", err)
	}
}

func TestBackoff(t *testing.T) {
	tests := []struct {
		n      int
		random float64
		want   time.Duration
	}{
		{1, 0, time.Second / 2},
		{1, 0.5, 3 * time.Second / 4},
		{2, 0, time.Second},
		{4, 0, 4 * time.Second},
		{7, 0, 30 * time.Second},
		{1000, 0, 30 * time.Second},
	}
	for _, tt := range tests {
		if got := backoff(tt.n, time.Second, time.Minute, tt.random); got != tt.want {
			t.Errorf("backoff(%d, random %v) = %v, want %v", tt.n, tt.random, got, tt.want)
		}
	}
}
