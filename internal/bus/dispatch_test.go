package bus

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func plainEvent(subject string) event.Event {
	e := event.New()
	e.SetID("1")
	e.SetType("dev.amend.test.v1")
	e.SetSource("amend/test")
	e.SetSubject(subject)
	return e
}

func TestPoisonBecomesADeadLetter(t *testing.T) {
	b, err := Open(t.Context(), Config{Dir: t.TempDir(), RetryMin: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	misplaced, err := json.Marshal(plainEvent("b"))
	if err != nil {
		t.Fatal(err)
	}
	poison := []string{"", "not JSON", "{}", `{"specversion":"1.0"}`, string(misplaced)}
	for _, body := range poison {
		if _, err := b.js.Publish(t.Context(), alertPrefix+"a", []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Publish(t.Context(), []event.Event{plainEvent("a")}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	handled := 0
	if err := b.Consume(ctx, 2, func(context.Context, event.Event, int) error {
		handled++
		cancel()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if handled != 1 {
		t.Errorf("%d events handled, want the one behind the poison", handled)
	}
	if n := testutil.ToFloat64(b.metrics.handled.WithLabelValues(resultDead)); n != float64(len(poison)) {
		t.Errorf("counted %v dead letters, want %d", n, len(poison))
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
		if string(m.Data) != body || m.Header.Get("Amend-Subject") != alertPrefix+"a" {
			t.Errorf("dead letter %d = %q of %q", i, m.Data, m.Header)
		}
	}
	if n := b.waiting(); n != 0 {
		t.Errorf("%v events left, want 0", n)
	}
}

// living counts signs of life; every other use of the message is a nil panic.
type living struct {
	jetstream.Msg
	signs chan struct{}
}

func (l living) Subject() string   { return "x" }
func (l living) InProgress() error { l.signs <- struct{}{}; return nil }

func TestHeartbeatCoversTheQueue(t *testing.T) {
	d := newDispatcher(&Bus{cfg: Config{}.withDefaults()}, 1, nil)
	inHand, behind := living{signs: make(chan struct{})}, living{signs: make(chan struct{})}
	d.queues["x"] = []jetstream.Msg{behind}
	stop := make(chan struct{})
	d.wg.Go(func() { d.heartbeat(stop, time.Millisecond, inHand) })
	for range 3 { // blocks for ever when one of them gets none
		<-inHand.signs
		<-behind.signs
	}
	close(stop)
	for ended := false; !ended; { // let a last round through
		select {
		case <-inHand.signs:
		case <-behind.signs:
		case <-waited(d):
			ended = true
		}
	}
}

func waited(d *dispatcher) <-chan struct{} {
	done := make(chan struct{})
	go func() { d.wait(); close(done) }()
	return done
}

func TestTurns(t *testing.T) {
	b, err := Open(t.Context(), Config{Dir: t.TempDir(), RetryMin: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Publish(t.Context(), []event.Event{plainEvent("a"), plainEvent("a")}); err != nil {
		t.Fatal(err)
	}
	messages, err := b.messages(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer messages.Stop()
	next := func() jetstream.Msg {
		t.Helper()
		m, err := messages.Next()
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	handled := 0
	d := newDispatcher(b, 1, func(context.Context, event.Event, int) error { handled++; return nil })
	process := func(name string, m jetstream.Msg, want int) {
		t.Helper()
		d.process(t.Context(), m)
		if handled != want {
			t.Fatalf("%s: handled %d in all, want %d", name, handled, want)
		}
	}
	first, second := next(), next()
	process("the second before its turn", second, 0)
	process("the first", first, 1)
	process("the first again", first, 1)
	second = next() // it was handed back
	process("the second", second, 2)
	process("the second again", second, 2)
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

func TestBatchLen(t *testing.T) {
	of := func(count, size int) []*nats.Msg {
		msgs := make([]*nats.Msg, count)
		for i := range msgs {
			msgs[i] = &nats.Msg{Data: make([]byte, size)}
		}
		return msgs
	}
	for _, tt := range []struct{ count, size, want int }{
		{1, 10, 1}, {500, 10, 500}, {501, 10, 500}, {4, 3 << 20, 2}, {2, 9 << 20, 1},
	} {
		if got := batchLen(of(tt.count, tt.size)); got != tt.want {
			t.Errorf("%d of %d bytes: %d, want %d", tt.count, tt.size, got, tt.want)
		}
	}
}
