package bus

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cache"
	"github.com/amendhq/amend/internal/lock"
)

const (
	alertStream    = "ALERTS"
	alertPrefix    = "amend.alerts."
	decisionStream = "DECISIONS"
	decisionTopic  = "amend.decisions"
	deadStream     = "DEAD"
	deadTopic      = "amend.dead"

	// countMark begins the last word of the subject of a message that says how many
	// events it holds. An identity, which was that word once, has no such letter.
	countMark = "N"

	// decisionWindow is how long a second decision about an event is left out, at
	// least: longer than a restart takes.
	decisionWindow = 10 * time.Minute
	// maxDecided bounds the decisions that are remembered for that.
	maxDecided = 100_000

	// The decisions and dead letters may use this much beside Config.MaxBytes.
	decisionBytes = 256 << 20
	deadBytes     = 64 << 20

	startTimeout = 30 * time.Second
)

// Config says where a Bus keeps its files and how it behaves. Only Dir is
// required.
type Config struct {
	// Dir is the folder of the store; it is made when it does not exist. One
	// process at a time may use it.
	Dir string
	// MaxBytes bounds the events that wait; 1 GiB when zero.
	MaxBytes int64
	// RetryMin and RetryMax bound the wait before a failed event is handled
	// again; 1 s and 1 min when zero.
	RetryMin, RetryMax time.Duration
	// Grace is how long running handlers may go on after Consume was told to
	// stop; 10 s when zero.
	Grace time.Duration
	Log   *slog.Logger
	// Metrics is where the counters of the bus are registered, if anywhere.
	Metrics prometheus.Registerer
}

func (c Config) withDefaults() Config {
	c.MaxBytes = orDefault(c.MaxBytes, 1<<30)
	c.RetryMin = orDefault(c.RetryMin, time.Second)
	c.RetryMax = orDefault(c.RetryMax, time.Minute)
	c.Grace = orDefault(c.Grace, 10*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	return c
}

func orDefault[T int64 | time.Duration](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}

// A Bus is an open store. It is safe for concurrent use. Nobody else writes to the
// streams, so what was published here is all that there is.
type Bus struct {
	cfg       Config
	lock      *os.File
	server    *server.Server
	conn      *nats.Conn
	js        jetstream.JetStream
	alerts    jetstream.Stream
	decisions jetstream.Stream
	metrics   metrics
	intake    group // of events
	record    group // of decisions
	fresh     *fresh
	decided   *cache.Map[decisionKey, struct{}]
	done      atomic.Int64 // events that are handled and not removed
	consuming atomic.Bool
	closing   sync.Once
}

// Open starts the bus on the folder of cfg, with everything that an earlier
// process stored there, however that process ended. It fails with
// amend.Transient when another process uses the folder. Close ends the bus.
func Open(ctx context.Context, cfg Config) (*Bus, error) {
	b := &Bus{
		cfg: cfg.withDefaults(), fresh: newFresh(),
		decided: cache.New[decisionKey](2*maxDecided, func(struct{}) int { return 1 }),
	}
	b.intake.store, b.record.store = b.storeEvents, b.storeDecisions
	if err := b.open(ctx); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func (b *Bus) open(ctx context.Context) error {
	if err := os.MkdirAll(b.cfg.Dir, 0o700); err != nil {
		return amend.Errorf(amend.Invalid, "open bus", "%w", err)
	}
	var err error
	// Two servers on one folder destroy it.
	if b.lock, err = lock.Take(filepath.Join(b.cfg.Dir, "lock")); err != nil {
		return fmt.Errorf("opening the bus: %w", err)
	}
	if err := b.start(); err != nil {
		return amend.Errorf(amend.Internal, "open bus", "%w", err)
	}
	if err := b.makeStreams(ctx); err != nil {
		return amend.Errorf(amend.Internal, "open bus", "%w", err)
	}
	if err := b.loadDecided(ctx); err != nil {
		return amend.Errorf(amend.Internal, "open bus", "%w", err)
	}
	b.metrics = newMetrics(b.waiting)
	if err := b.metrics.register(b.cfg.Metrics); err != nil {
		return amend.Errorf(amend.Internal, "open bus", "%w", err)
	}
	return nil
}

// start runs the server and connects to it through memory.
func (b *Bus) start() error {
	var err error
	b.server, err = server.NewServer(&server.Options{
		ServerName: "amend",
		DontListen: true,
		NoSigs:     true, // signals belong to main
		JetStream:  true,
		StoreDir:   b.cfg.Dir,
		// JetStream acknowledges before it syncs unless told otherwise, and an
		// acknowledged write was lost that way (jepsen.io/analyses/nats-2.12.1).
		SyncAlways:             true,
		JetStreamMaxMemory:     16 << 20,
		JetStreamMaxStore:      b.cfg.MaxBytes + decisionBytes + deadBytes,
		MaxPayload:             maxGroup + 64<<10, // headers
		DisableJetStreamBanner: true,
	})
	if err != nil {
		return err
	}
	b.server.SetLogger(serverLog{b.cfg.Log}, false, false)
	b.server.Start()
	if !b.server.ReadyForConnections(startTimeout) || !b.server.JetStreamEnabled() {
		return fmt.Errorf("the embedded server did not start; its log says why")
	}
	if b.conn, err = nats.Connect("", nats.InProcessServer(b.server), nats.MaxReconnects(-1)); err != nil {
		return fmt.Errorf("connecting to the embedded server: %w", err)
	}
	b.js, err = jetstream.New(b.conn)
	return err
}

func (b *Bus) makeStreams(ctx context.Context) error {
	var err error
	b.alerts, err = b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:     alertStream,
		Subjects: []string{alertPrefix + "*"},
		// Nothing but its removal takes a message off a work queue.
		Retention:   jetstream.WorkQueuePolicy,
		Discard:     jetstream.DiscardNew,
		MaxBytes:    b.cfg.MaxBytes,
		Storage:     jetstream.FileStorage,
		AllowDirect: true,
	})
	if err != nil {
		return fmt.Errorf("making the stream of alerts: %w", err)
	}
	b.fresh.last = b.alerts.CachedInfo().State.LastSeq
	b.decisions, err = b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: decisionStream, Subjects: []string{decisionTopic}, Storage: jetstream.FileStorage, AllowDirect: true,
		MaxAge: 7 * 24 * time.Hour, MaxMsgs: 100_000, MaxBytes: decisionBytes,
	})
	if err != nil {
		return fmt.Errorf("making the stream of decisions: %w", err)
	}
	_, err = b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: deadStream, Subjects: []string{deadTopic}, Storage: jetstream.FileStorage,
		MaxAge: 30 * 24 * time.Hour, MaxMsgs: 10_000, MaxBytes: deadBytes,
	})
	if err != nil {
		return fmt.Errorf("making the stream of dead letters: %w", err)
	}
	return nil
}

// Close stops the server after what is stored is on disk. A Consume that is
// still running must be told to stop first. Closing twice is allowed.
func (b *Bus) Close() {
	b.closing.Do(func() {
		if b.conn != nil {
			b.conn.Close()
		}
		if b.server != nil {
			b.server.Shutdown()
			b.server.WaitForShutdown()
		}
		if b.lock != nil {
			b.lock.Close() // releases the lock
		}
	})
}

// Ready reports whether the bus can store events, for a readiness probe.
func (b *Bus) Ready(ctx context.Context) error {
	if _, err := b.alerts.Info(ctx); err != nil {
		return amend.Errorf(amend.Transient, "check bus", "%w", err)
	}
	return nil
}

// waiting returns how many events are stored and not handled. A scrape brings no
// context along.
func (b *Bus) waiting() float64 {
	ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
	defer cancel()
	info, err := b.alerts.Info(ctx, jetstream.WithSubjectFilter(alertPrefix+"*"))
	if err != nil {
		return -1
	}
	var stored int64
	for subject, messages := range info.State.Subjects {
		events := 1 // of an earlier version
		if count, ok := strings.CutPrefix(subject, alertPrefix+countMark); ok {
			events, _ = strconv.Atoi(count)
		}
		stored += int64(events) * int64(messages)
	}
	return float64(max(stored-b.done.Load(), 0))
}
